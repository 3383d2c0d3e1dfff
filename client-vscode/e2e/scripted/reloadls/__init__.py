"""A stand-in for reloadls whose service says what a test has it say: see `__main__`."""

from __future__ import annotations

from reloadls._version import __version__

__all__ = ["__version__"]
