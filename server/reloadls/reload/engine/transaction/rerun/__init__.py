"""Run a statement again in a commit, with what is around it."""

from __future__ import annotations

from .statement import Rerun

__all__ = ["Rerun"]
