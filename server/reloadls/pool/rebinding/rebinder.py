"""Live sessions follow a reload: each between two of its steps, pinned ones when they are released."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from reloadls.base.live_sessions import Counts
from reloadls.pool.clock import Clock, all_done

from .affected import Changed, changed_names, is_affected
from .round import Round

if TYPE_CHECKING:
    from reloadls.pool.sessions.session import Session

__all__ = ["Rebinder", "Rebinding"]

_WAIT_S: Final = 0.8
"""How long a report waits for rebindings that are coroutines."""
_LOOP_S: Final = 1.0
"""How long a report waits for the pool's event loop."""

Rebinding = Callable[["Session", Any, Any], object]
"""Called with the session, its object, and the report."""
_log = logging.getLogger(__name__)


class Rebinder:
    """Has the objects of live sessions follow reloads.

    Args:
        sessions: the live ones.
        clock: what measures time.
        on_followed: called when a session has followed a reload, or could not.
    """

    def __init__(
        self, sessions: Callable[[], Iterable[Session]], clock: Clock, on_followed: Callable[[], object]
    ) -> None:
        self._sessions = sessions
        self._on_followed = on_followed
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rebindings: dict[type, Rebinding] = {}

    def register(self, cls: type, rebinding: Rebinding) -> None:
        """Call `rebinding` for objects of a class and its subclasses."""
        self._rebindings[cls] = rebinding

    def start(self) -> None:
        """Sessions live on the running event loop."""
        self._loop = asyncio.get_running_loop()

    def rebind(self, report: Any, changed: Callable[[Counts], object]) -> Counts:
        """Have sessions follow a reload. On any thread; see `SessionHost`."""
        loop = self._loop
        if loop is None or not loop.is_running() or report.status != "reloaded":
            return Counts()
        begun = Round(report, changed)
        if _is_running(loop):
            self._begin(begun)
            return begun.publish()
        work = self._begin_and_wait(begun)
        try:
            waiting = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:  # closed in this moment
            work.close()
            return Counts()
        try:
            return waiting.result(_LOOP_S)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            return begun.publish()

    async def _begin_and_wait(self, begun: Round) -> Counts:
        self._begin(begun)
        await all_done(self._clock, tuple(begun.at_work), _WAIT_S)
        return begun.publish()

    def _begin(self, begun: Round) -> None:
        changed = changed_names(begun.report.modules)
        affected: dict[type, bool] = {}
        for session in list(self._sessions()):
            if session._life.cleaning:
                continue
            objects = [each for each in session.objects if self._follows(each, changed, affected)]
            if objects or (changed and session._life.pins):
                begun.expect()
                session._life.due.append((begun, objects))
                self.catch_up(session)

    def _follows(self, found: object, changed: Changed, affected: dict[type, bool]) -> bool:
        cls = type(found)
        if cls not in affected:
            affected[cls] = self._rebinding_of(found) is not None and is_affected(cls, changed)
        return affected[cls]

    def _rebinding_of(self, found: object) -> Rebinding | None:
        for cls in type(found).__mro__:
            if cls in self._rebindings:
                return self._rebindings[cls]
        own = getattr(type(found), "__rebind__", None)
        return None if own is None else lambda session, each, report: own(each, report)

    def catch_up(self, session: Session) -> None:
        """Have a session follow all reloads that are due, unless it is pinned or at it."""
        life = session._life
        while life.due and not life.pins and life.rebinding is None and not life.cleaning:
            begun, objects = life.due.popleft()
            if not objects:
                begun.note("ended")  # its code alone was pinned
                continue
            assert life.context is not None
            context = life.context.copy()
            try:
                waiting = [found for each in objects if (found := context.run(self._call, session, each, begun))]
            except BaseException as error:
                self._failed(session, error)
                begun.note("failed")
                continue
            if waiting:
                self._finish_later(session, begun, waiting, context)
            else:
                self._done(session, begun)

    def _call(self, session: Session, found: object, begun: Round) -> Awaitable[object] | None:
        rebinding = self._rebinding_of(found)
        result = None if rebinding is None else rebinding(session, found, begun.report)
        return result if inspect.isawaitable(result) else None

    def _finish_later(self, session: Session, begun: Round, waiting: list[Awaitable[object]], context: Context) -> None:
        life = session._life
        work = self._finish(session, begun, waiting)
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), name=f"rebind {session.id}", context=context)
        life.rebinding = task
        life.tasks.add(task)
        begun.at_work.add(task)
        task.add_done_callback(lambda _: self._finished(session, begun, task))

    async def _finish(self, session: Session, begun: Round, waiting: list[Awaitable[object]]) -> None:
        try:
            for each in waiting:
                await each
        except asyncio.CancelledError as error:
            if session._life.cleaning:
                begun.note("ended")
                return
            self._failed(session, error)
            begun.note("failed")
        except BaseException as error:
            self._failed(session, error)
            begun.note("failed")
        else:
            self._done(session, begun)

    def _finished(self, session: Session, begun: Round, task: asyncio.Task[None]) -> None:
        session._life.tasks.discard(task)
        begun.at_work.discard(task)
        session._life.rebinding = None
        self.catch_up(session)

    def _done(self, session: Session, begun: Round) -> None:
        session._life.rebinds += 1
        begun.note("rebound")
        self._on_followed()

    def _failed(self, session: Session, error: BaseException) -> None:
        session._life.last_error = f"{type(error).__name__}: {error}"
        _log.error("session %r could not follow a reload, and keeps its state", session.id, exc_info=error)
        self._on_followed()

    def end(self, session: Session) -> None:
        """A session has ended: nothing is due any more."""
        while session._life.due:
            session._life.due.popleft()[0].note("ended")


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
