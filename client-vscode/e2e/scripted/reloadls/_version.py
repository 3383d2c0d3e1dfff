"""The version that the environment's metadata names."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("reloadls")
