"""Pins: hold back changes until the last pin is removed."""

from __future__ import annotations

from types import TracebackType

from reloadls.base.pins import Pins, pins

__all__ = ["Pins", "pin_reload", "pins"]


class pin_reload:  # noqa: N801 - used like a function
    """Hold back reloads while inside; changes are applied when the last pin is removed.

    A context manager for `with` and `async with`. Any number may be open at once, on any thread or task.
    """

    def __enter__(self) -> None:
        pins.add()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pins.remove()

    async def __aenter__(self) -> None:
        pins.add()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pins.remove()
