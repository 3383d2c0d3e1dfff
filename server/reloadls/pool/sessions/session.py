"""One session as its entrypoint sees it, and as the one who launched it does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from reloadls.base.live_sessions import CURRENT

if TYPE_CHECKING:
    from .life import Life, Outcome, SessionState
    from .namespace import Shared

__all__ = ["CURRENT", "Follow", "Session", "SessionHandle", "current_session", "serve_pool", "served_pool"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Follow(Protocol):
    """What pins sessions, and has them follow reloads."""

    def pin(self, session: Session) -> None:
        """One more pin of a session."""

    def unpin(self, session: Session) -> None:
        """One less."""

    async def caught_up(self, session: Session) -> None:
        """Return once the session has followed all reloads that are due."""


class Session:
    """One live conversation, call or connection. The entrypoint is called with it.

    Attributes:
        id: the id that it was launched with.
        data: what it was launched with.
        shared: what `setup` has prepared, the same for all sessions of this process.
    """

    __slots__ = ("__weakref__", "_follow", "_life", "data", "id", "shared")

    def __init__(self, life: Life, data: Any, shared: Shared, follow: Follow) -> None:
        self.id: Final = life.id
        self.data = data
        self.shared = shared
        self._life = life
        self._follow = follow

    def bind(self, found: T) -> T:
        """Have an object follow reloads: what is registered with `on_rebind`, or its `__rebind__`, is called with it.

        Returns:
            The object itself: `agent = session.bind(Agent())`.
        """
        if not any(each is found for each in self._life.objects):
            self._life.objects.append(found)
        return found

    def unbind(self, found: object) -> None:
        """The object follows reloads no more. Does nothing if it did not."""
        self._life.objects[:] = [each for each in self._life.objects if each is not found]

    def bind_each(self, find: Callable[[], Iterable[object]]) -> None:
        """Have objects follow reloads that are not known yet: `find()` returns them, and is called at each reload."""
        self._life.finders.append(find)

    @property
    def objects(self) -> tuple[object, ...]:
        """What follows reloads."""
        found = list(self._life.objects)
        for find in self._life.finders:
            try:
                found += [each for each in find() if not any(each is other for other in found)]
            except Exception:
                _log.exception("what session %r has bound could not be found", self.id)
        return tuple(found)

    @property
    def tasks(self) -> Collection[asyncio.Task[Any]]:
        """The session's own task, and those that it has started and that are not done."""
        own = self._life.task
        return [*([] if own is None else [own]), *self._life.tasks]

    @contextmanager
    def pin(self) -> Iterator[None]:
        """While inside, the session goes on with its objects and the program's functions as they are.

        All other sessions have a change at once. Only one that runs a statement again whose names this session may use
        waits, for `pin_timeout_s` at most. Nested pins are one, until the outermost ends.
        """
        self._follow.pin(self)
        try:
            yield
        finally:
            self._follow.unpin(self)

    async def safe_point(self) -> None:
        """Let the session's objects follow the reloads that are due, before this returns. Inside of a pin none are."""
        await asyncio.sleep(0)
        await self._follow.caught_up(self)

    @property
    def outcome(self) -> Outcome | None:
        """How the entrypoint ended, for `on_end`; None while it runs."""
        return self._life.outcome

    @property
    def error(self) -> BaseException | None:
        """What the entrypoint raised, for `on_end`; None if it was not a failure."""
        return self._life.error

    def __repr__(self) -> str:
        return f"<Session {self.id!r} {self._life.state}>"


class SessionHandle:
    """One session as the one who launched it sees it."""

    __slots__ = ("_life",)

    def __init__(self, life: Life) -> None:
        self._life = life

    @property
    def id(self) -> str:
        """The id that it was launched with."""
        return self._life.id

    @property
    def state(self) -> SessionState:
        """`starting` until its first step, `running` until `on_end` has returned, then `ended`."""
        return self._life.state

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None before that."""
        return self._life.outcome if self._life.state == "ended" else None

    @property
    def error(self) -> BaseException | None:
        """What the session raised, if it failed."""
        return self._life.error if self._life.state == "ended" else None

    @property
    def pinned(self) -> bool:
        """Whether the session is inside of `session.pin()`."""
        return self._life.pins > 0

    @property
    def started_at(self) -> float:
        """When it was launched, in seconds since the epoch."""
        return self._life.started_at

    def cancel(self) -> None:
        """Ask the session to end. Returns at once; `wait` says when it has. Does nothing to one that is ending."""
        self._life.cancel()

    async def wait(self) -> Outcome:
        """Wait for the session's end, `on_end` included.

        Returns:
            `success` if the entrypoint returned (even if it was asked to end), `failed` if it raised, else `cancelled`.
            What it raised is `error`; it is never raised here.
        """
        await asyncio.shield(self._life.ended)
        assert self._life.outcome is not None
        return self._life.outcome

    def __repr__(self) -> str:
        return f"<SessionHandle {self.id!r} {self.outcome or self.state}>"


def current_session() -> Session | None:
    """The session of the running task, and of those that it started; None outside of sessions."""
    session: Session | None = CURRENT.get()
    return session


_served: list[str] = []


def serve_pool(name: str) -> None:
    """This process is a worker: all its sessions are of the pool with this name, which is started in another one."""
    _served[:] = [name]


def served_pool() -> str | None:
    """The pool whose worker this process is, if it is one."""
    return _served[0] if _served else None
