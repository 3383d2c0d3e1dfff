"""How one session runs as a task: its entrypoint, what it left behind, `on_end`. Nothing that it raises gets out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from reloadls.pool.clock import all_done

from .ending import call_on_end
from .session import CURRENT, Follow, Session
from .tasks import TaskOwners

if TYPE_CHECKING:
    from reloadls.pool.clock import Clock
    from reloadls.pool.options import PoolOptions

    from .life import Life
    from .namespace import Shared

__all__ = ["Host"]

_log = logging.getLogger(__name__)


class Host:
    """Runs sessions on the running event loop.

    Args:
        options: what runs, and how long it may take to end.
        clock: what measures that.
        context: each session begins with a copy of it.
        on_end: called once for each session, when its state has become `ended`.
        follow: what pins sessions, and has them follow reloads.
        began: called when a session makes its first step.
        ending: called before the `on_end` of a session.
    """

    def __init__(
        self,
        options: PoolOptions,
        clock: Clock,
        context: Context,
        on_end: Callable[[Session], None],
        follow: Follow,
        *,
        began: Callable[[Life], None],
        ending: Callable[[Life], None],
    ) -> None:
        self._options = options
        self._clock = clock
        self._context = context
        self._ended = on_end
        self._follow = follow
        self._began = began
        self._ending = ending
        self._sessions: dict[Life, Session] = {}
        self._endings: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        self.owners = TaskOwners(loop, lambda session: session._life in self._sessions, _adopt, self._on_exit)
        self.owners.install()

    def launch(self, life: Life, data: Any, shared: Shared) -> None:
        """Start a session."""
        session = Session(life, data, shared, self._follow)
        self._sessions[life] = session
        life.task = self._task(self._host(life, session), session)
        life.task.add_done_callback(lambda _: self._on_done(life, session))

    @property
    def sessions(self) -> Collection[Session]:
        """The live ones."""
        return self._sessions.values()

    async def abandon(self, lives: list[Life]) -> None:
        """Give up sessions that ignore their cancellation: call `on_end` for each, and count them as ended."""
        for life in lives:
            if not life.cleaning:
                life.abandoned = True
                _log.error("session %r ignored its cancellation; the pool is closed without it", life.id)
                self._finish_later(life, self._sessions[life])
        await all_done(self._clock, [life.ended for life in lives], None)

    def stop(self) -> None:
        """Note no more tasks."""
        self.owners.uninstall()

    def _task(self, coro: Coroutine[Any, Any, None], session: Session) -> asyncio.Task[None]:
        context = self._context.copy()
        context.run(CURRENT.set, session)
        loop = asyncio.get_running_loop()
        task = asyncio.Task(coro, loop=loop, name=f"session {session.id}", context=context)
        session._life.context = context
        self.owners.note(task, session)
        return task

    async def _host(self, life: Life, session: Session) -> None:
        await self._run(life, session)
        if not life.cleaning:
            life.cleaning = True
            _forget_cancellation()
            await self._end(life, session)

    async def _run(self, life: Life, session: Session) -> None:
        """Run the entrypoint to its end, and note how it ended."""
        try:
            if life.cancel_requested:
                life.decide("cancelled")
                return
            life.state = "running"
            self._began(life)
            await self._options.entrypoint(session)
        except asyncio.CancelledError:
            self._decide(life, None)
        except BaseException as error:
            if isinstance(error, GeneratorExit) and not _is_running(life):
                raise  # the event loop was closed: nothing can be awaited
            self._decide(life, error)
        else:
            life.decide("success")

    def _decide(self, life: Life, error: BaseException | None) -> None:
        if error is None:
            life.decide("cancelled")
            return
        life.decide("failed", error)
        _log.error("session %r failed: %s: %s", life.id, type(error).__name__, error, exc_info=error)

    def _on_exit(self, session: Session, error: BaseException) -> None:
        """A task of the session raised SystemExit or KeyboardInterrupt: that ends the session."""
        life = session._life
        if not life.cleaning and life.task is not None:
            self._decide(life, error)
            life.task.cancel()

    def _on_done(self, life: Life, session: Session) -> None:
        """The task is done; where it was cancelled from outside before its first step, the end is still due."""
        if not life.cleaning:
            self._finish_later(life, session)

    def _finish_later(self, life: Life, session: Session) -> None:
        life.decide("cancelled")
        life.cleaning = True
        task = self._task(self._end(life, session), session)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end(self, life: Life, session: Session) -> None:
        try:
            await self._cancel_left_behind(life)
            self._ending(life)
            await call_on_end(self._options, self._clock, self._context.copy(), session)
            await self._cancel_left_behind(life)
        finally:
            self._sessions.pop(life, None)
            life.finish()
            self._ended(session)

    async def _cancel_left_behind(self, life: Life) -> None:
        left = [task for task in life.tasks if not task.done()]
        if not left:
            return
        names = ", ".join(sorted(map(_name, left)))
        _log.warning("session %r left %d tasks behind, which are cancelled: %s", life.id, len(left), names)
        for task in left:
            task.cancel()
        if not await all_done(self._clock, left, self._options.end_timeout_s):
            names = ", ".join(sorted(_name(task) for task in left if not task.done()))
            _log.error("tasks of session %r ignored their cancellation: %s", life.id, names)
            life.tasks.difference_update(left)


def _adopt(session: Session, task: asyncio.Task[Any]) -> None:
    tasks = session._life.tasks
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _name(task: asyncio.Task[Any]) -> str:
    """A task's name; where it was given none, Python before 3.13.3 calls it None if there is a task factory."""
    name = task.get_name()
    return getattr(task.get_coro(), "__qualname__", name) if name == "None" else name


def _is_running(life: Life) -> bool:
    try:
        return asyncio.current_task() is life.task
    except RuntimeError:
        return False


def _forget_cancellation() -> None:
    """The session was asked to end and has: what runs from now on in this task is not cancelled."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
