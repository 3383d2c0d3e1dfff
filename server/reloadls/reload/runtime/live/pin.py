"""Pins: hold back changes until the last pin is removed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType

from reloadls.base.live_sessions import CURRENT
from reloadls.base.pins import Pins, pins

__all__ = ["Pins", "pin_reload", "pins"]


class pin_reload:  # noqa: N801 - used like a function
    """Hold back reloads while inside; changes are applied when the last pin is removed.

    In a session of a `SessionPool` this is `session.pin()`: it holds changes back for that session only.

    A context manager for `with` and `async with`. Any number may be open at once, on any thread or task.
    """

    def __init__(self) -> None:
        self._pinned: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        session = CURRENT.get()
        pin = _ProcessPin() if session is None else session.pin()
        pin.__enter__()
        self._pinned.append(pin)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pinned.pop().__exit__(None, None, None)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


class _ProcessPin:
    def __enter__(self) -> None:
        pins.add()

    def __exit__(self, *error: object) -> None:
        pins.remove()
