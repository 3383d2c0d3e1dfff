"""A place that is held between "I accept" and "here is the session"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .errors import PoolError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from .sessions.session import SessionHandle

__all__ = ["Reservation"]


class Reservation:
    """A place in a pool, held from `async with` on. It is returned at the end unless a session was launched with it."""

    def __init__(
        self,
        take: Callable[[], Awaitable[None]],
        give_back: Callable[[], None],
        launch: Callable[[str, Any], SessionHandle],
    ) -> None:
        self._take = take
        self._give_back = give_back
        self._launch = launch
        self._held = False

    async def __aenter__(self) -> Self:
        if self._held:
            raise PoolError("this reservation holds a place already; call `pool.reserve()` for another one")
        await self._take()
        self._held = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            self._give_back()

    async def launch(self, id: str, data: Any = None) -> SessionHandle:
        """Start a session in the reserved place. Where that is refused, the place stays reserved.

        Raises:
            PoolError: the place was used already, or as `SessionPool.launch`.
        """
        if not self._held:
            raise PoolError("this reservation holds no place: it was used, or is outside of its `async with`")
        handle = self._launch(id, data)
        self._held = False
        return handle
