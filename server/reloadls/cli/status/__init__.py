"""`reloadls status`: its arguments, and its lines for people."""

from __future__ import annotations

from .command import status

__all__ = ["status"]
