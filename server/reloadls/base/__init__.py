"""What several packages need, with nothing but the standard library."""

import os

__all__ = ["PACKAGE"]

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder of the installed package."""
