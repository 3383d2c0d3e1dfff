"""The folder of the installed package."""

from __future__ import annotations

import os

__all__ = ["PACKAGE"]

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder `reloadls`."""
