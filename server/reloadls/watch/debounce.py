"""When a batch is due: the window from the first hint to the flush."""

from __future__ import annotations

__all__ = ["Window"]


class Window:
    """A trailing-edge debounce window. Pure: every time is passed in, in seconds of one monotonic clock.

    It opens with the first hint. It is due after `debounce` of quiet or `max_wait` after it opened, whichever is
    earlier, so a busy tree is reported, too.

    Args:
        debounce: quiet time after the last change, in seconds.
        max_wait: the longest time that a change waits, in seconds; at least `debounce`.
    """

    __slots__ = ("_debounce", "_first", "_last", "_max_wait")

    def __init__(self, debounce: float, max_wait: float) -> None:
        self._debounce = debounce
        self._max_wait = max(max_wait, debounce)
        self._first: float | None = None
        self._last = 0.0

    @property
    def due(self) -> float | None:
        """When the window ends; None while it is closed."""
        if self._first is None:
            return None
        return min(self._last + self._debounce, self._first + self._max_wait)

    @property
    def last(self) -> float:
        """When the newest change so far was made."""
        return self._last

    def hint(self, at: float, first: float | None = None) -> None:
        """Extend the window.

        Args:
            at: when the newest change was made.
            first: when the oldest change was made, if that differs.
        """
        first = at if first is None else first
        if self._first is None:
            self._first, self._last = first, at
        else:
            self._first = min(self._first, first)
            self._last = max(self._last, at)

    def close(self) -> None:
        """Close the window; the next hint opens a new one."""
        self._first = None
