"""What the engine can't know of a library by itself: one small module for each library."""

from __future__ import annotations

from collections.abc import Iterable

from reloadls.reload.engine.adapting import Adapter

__all__ = ["Adapter", "adapters"]


def adapters() -> Iterable[Adapter]:
    """One of each. An adapter imports its library only once that is loaded."""
    return ()
