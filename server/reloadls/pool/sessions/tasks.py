"""Which session a task belongs to, and that a session's tasks end no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from .session import CURRENT

if TYPE_CHECKING:
    from contextvars import Context

    from .session import Session

__all__ = ["TaskOwners"]

Adopt = Callable[["Session", "asyncio.Task[Any]"], None]
Exit = Callable[["Session", BaseException], None]


class TaskOwners:
    """Notes each task that a session starts, by a task factory in front of the loop's own.

    A task belongs to the session whose context it runs in. One that is created with a context of its own
    (`create_task(..., context=Context())`) belongs to none.

    Args:
        loop: the pool's event loop.
        owns: whether a session is of this pool.
        adopt: called with each session and its new task.
        on_exit: called when a task of a session raises SystemExit or KeyboardInterrupt.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, owns: Callable[[Session], bool], adopt: Adopt, on_exit: Exit
    ) -> None:
        self._loop = loop
        self._owns = owns
        self._adopt = adopt
        self._on_exit = on_exit
        self._previous: Any = None
        self._active = False
        self._owners: WeakKeyDictionary[asyncio.Task[Any], ReferenceType[Session]] = WeakKeyDictionary()
        """Both ends are weak: a session may hold its tasks, and would so keep itself alive."""

    def install(self) -> None:
        """Note tasks from now on."""
        self._previous = self._loop.get_task_factory()
        self._active = True
        self._loop.set_task_factory(self._make)

    def uninstall(self) -> None:
        """Note none any more. Where somebody has put a factory in front of ours, ours stays and only passes on."""
        self._active = False
        if self._loop.get_task_factory() == self._make:
            self._loop.set_task_factory(self._previous)

    def owner(self, task: asyncio.Task[Any]) -> Session | None:
        """The session that a task belongs to. On any thread."""
        found = self._owners.get(task)
        return None if found is None else found()

    def note(self, task: asyncio.Task[Any], session: Session) -> None:
        """Note the task that runs a session."""
        self._owners[task] = ref(session)

    def _make(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, Any] | Any,
        **options: Any,
    ) -> asyncio.Future[Any]:
        session = self._session_in(options.get("context")) if self._active else None
        if session is None or not asyncio.iscoroutine(coro):
            return self._make_task(loop, coro, options)
        task = self._make_task(loop, self._named(coro, session), options)
        if isinstance(task, asyncio.Task) and not task.done():
            task.add_done_callback(lambda _: coro.close())  # cancelled before its first step, it never began
            self._owners[task] = ref(session)
            self._adopt(session, task)
        return task

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, options: dict[str, Any]) -> asyncio.Future[Any]:
        if self._previous is not None:
            made: asyncio.Future[Any] = self._previous(loop, coro, **options)
            return made
        return asyncio.Task(coro, loop=loop, **options)

    def _session_in(self, context: Context | None) -> Session | None:
        session = CURRENT.get() if context is None else context.get(CURRENT)
        return session if session is not None and self._owns(session) else None

    def _named(self, coro: Coroutine[Any, Any, Any], session: Session) -> Coroutine[Any, Any, Any]:
        """The contained coroutine, under its own name for logs and debuggers."""
        contained: Any = self._contained(coro, session)
        contained.__qualname__ = getattr(coro, "__qualname__", contained.__qualname__)
        named: Coroutine[Any, Any, Any] = contained
        return named

    async def _contained(self, coro: Coroutine[Any, Any, Any], session: Session) -> Any:
        """Asyncio lets SystemExit and KeyboardInterrupt of any task end the event loop, and with it all sessions."""
        try:
            return await coro
        except (SystemExit, KeyboardInterrupt) as error:
            self._on_exit(session, error)
            raise asyncio.CancelledError(f"ended by {type(error).__name__}") from error
