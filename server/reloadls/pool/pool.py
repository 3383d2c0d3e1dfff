"""`SessionPool`: the front door. It admits sessions, and is started, drained and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .admission import Admission
from .backend import Backend, BackendEvents
from .clock import Clock, SystemClock
from .errors import DuplicateSession
from .events import EventStream
from .ledger import Ledger
from .lifecycle import Lifecycle
from .local import LocalBackend
from .options import Callback, Entrypoint, Isolation, PoolOptions, Setup, StartMethod, checked_id, checked_seconds
from .publishing import Publication
from .rebinding.rebinder import Rebinding
from .reservation import Reservation
from .sessions.session import Session, SessionHandle, current_session, served_pool
from .status import PoolState, PoolStatus
from .supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from .sessions.life import Life


__all__ = ["SessionPool"]

R = TypeVar("R", bound=Rebinding)


class SessionPool:
    """Hosts many live sessions, in this process or in workers, and never more than it has places for.

    A pool is used on one event loop, and once: `start`, then `close`; or `async with`.

    Args:
        entrypoint: a coroutine function, called with a `Session` for each launch.
        name: what status and editor call the pool; the name of `entrypoint` by default.
        max_sessions: how many places there are.
        isolation: `coroutine` hosts sessions in this process, `process` in workers.
        processes: how many workers; each hosts its part of `max_sessions`.
        start_method: how workers start: `spawn` a new interpreter for each, or have a `forkserver` fork them, which is
            faster; there the program's main module is not imported before its first use.
        setup: called once in each process, before the first session, with a namespace that its sessions see as
            `session.shared`. A plain function runs on a thread, so that its timeout holds.
        on_end: called with each session at its end, however it ended. A plain function runs on a thread.
        setup_timeout_s: how long `setup` may take, in seconds.
        end_timeout_s: how long `on_end` may take, and how long tasks that a session left behind may take to end.
        close_timeout_s: how long `close` waits for cancelled sessions before it abandons them.
        failure_limit: how many failures in a row are too many.
        on_failure_limit: called on the event loop, with their number, once they are; a success re-arms it.
        memory_warn_mb: logs a warning when the process crosses this size; 0 does not.
        memory_limit_mb: drains the pool when the process crosses this size; 0 does not.
        pin_timeout_s: how long a change of code waits for one pinned session.
        clock: what measures time; tests pass their own.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: an option is out of range.
        NotSpawnSafe: a callback can't be sent to a worker.
    """

    def __init__(
        self,
        entrypoint: Entrypoint,
        *,
        name: str = "",
        max_sessions: int = 50,
        isolation: Isolation = "coroutine",
        processes: int = 1,
        start_method: StartMethod = "spawn",
        setup: Setup | None = None,
        on_end: Callback | None = None,
        setup_timeout_s: float = 10,
        end_timeout_s: float = 10,
        close_timeout_s: float = 60,
        failure_limit: int = 5,
        on_failure_limit: Callable[[int], object] | None = None,
        memory_warn_mb: float = 0,
        memory_limit_mb: float = 0,
        pin_timeout_s: float = 30,
        clock: Clock | None = None,
    ) -> None:
        self._options = PoolOptions(
            entrypoint=entrypoint,
            name=name,
            max_sessions=max_sessions,
            isolation=isolation,
            processes=processes,
            start_method=start_method,
            setup=setup,
            on_end=on_end,
            setup_timeout_s=setup_timeout_s,
            end_timeout_s=end_timeout_s,
            close_timeout_s=close_timeout_s,
            failure_limit=failure_limit,
            on_failure_limit=on_failure_limit,
            memory_warn_mb=memory_warn_mb,
            memory_limit_mb=memory_limit_mb,
            pin_timeout_s=pin_timeout_s,
        )
        self._clock = SystemClock() if clock is None else clock
        self._publication = Publication(self._options.published_name, self._status, self._drain_if_open)
        self._admission = Admission(max_sessions, self._clock, self._publication.changed)
        self._ledger = Ledger(self._clock, self._publication.changed)
        self._backend = self._make_backend()
        self._supervisor = Supervisor(
            self._options, self._clock, self._ledger.send, self._drain_because, self._backend.memory_mb
        )
        parts = self._clock, self._admission, self._ledger, self._backend
        self._lifecycle = Lifecycle(
            *parts, supervisor=self._supervisor, publication=self._publication, close_timeout_s=close_timeout_s
        )

    # -- sessions

    async def launch(self, id: str, data: Any = None, *, wait_s: float = 0) -> SessionHandle:
        """Start a session.

        Args:
            id: unique among the live sessions.
            data: what the session finds as `session.data`.
            wait_s: how long to wait for a place, in seconds. Those who wait are served in order.

        Raises:
            PoolFull: all places are taken, and stayed so for `wait_s`.
            DuplicateSession: a live session has this id.
            PoolDraining: the pool drains.
            PoolNotRunning: the pool was not started, or is closed.
            NotSpawnSafe: the data can't be sent to a worker.
            PoolError: called on another event loop or thread than the pool's.
        """
        self._check_new(checked_id(id))
        checked_seconds("wait_s", wait_s)
        await self._admission.take(wait_s)
        try:
            handle = self._begin(id, data)
        except BaseException:
            self._admission.give_back()
            raise
        try:
            await self._backend.sent(handle._life)
        except asyncio.CancelledError:
            handle.cancel()
            raise
        return handle

    def reserve(self, *, wait_s: float = 0) -> Reservation:
        """Hold a place, for `async with`; `await reservation.launch(id, data)` starts a session in it.

        Args:
            wait_s: how long to wait for a place, in seconds.

        Raises:
            PoolError: as `launch`, at the begin of the `async with`.
        """
        checked_seconds("wait_s", wait_s)

        async def take() -> None:
            self._lifecycle.check_admits()
            await self._admission.take(wait_s)

        return Reservation(take, self._admission.give_back, self._begin)

    def current(self) -> Session | None:
        """The session of the running task, and of those that it started; None outside of this pool's sessions."""
        session = current_session()
        if session is None or self._ledger.lives.get(session.id) is session._life:
            return session
        # In a worker this is the object that its module has made anew: the pool itself is in another process.
        is_served = self.state == "new" and served_pool() == self._options.published_name
        return session if is_served else None

    def on_rebind(self, cls: type) -> Callable[[R], R]:
        """Register what has objects of a class follow a reload: a decorator for `rebind(session, object, report)`.

        It is called for each object of the class, or a subclass, that a live session has given to `session.bind`, if
        the reload changed the class or what its construction uses. It may be a coroutine function. Where it raises,
        the object stays as it is, and the session counts as failed. A class may have `__rebind__(self, report)`
        instead.
        """
        if not isinstance(cls, type):
            raise TypeError(f"on_rebind({cls!r}): must be a class; use `@pool.on_rebind(Class)`")

        def register(rebinding: R) -> R:
            self._backend.on_rebind(cls, rebinding)
            return rebinding

        return register

    # -- the pool's life

    async def start(self) -> None:
        """Run `setup`, and admit sessions from now on. Callers at the same time wait for the same start.

        Raises:
            SetupFailed: `setup` raised or took too long; its cause is `__cause__`. The pool can be started again.
            PoolNotRunning: the pool is closed.
        """
        await self._lifecycle.start()

    def begin_drain(self) -> None:
        """Admit no sessions from now on, and let those that run end by themselves. A pool that is starting is closed.

        Raises:
            PoolNotRunning: the pool was not started.
        """
        self._lifecycle.begin_drain()

    async def drain(self, timeout_s: float | None = None) -> bool:
        """Begin to drain, and wait until all sessions have ended. A session that calls this does not wait for itself.

        Args:
            timeout_s: how long to wait, in seconds; None waits without a limit.

        Returns:
            Whether all have ended. The pool drains on where they have not.
        """
        if timeout_s is not None:
            checked_seconds("timeout_s", timeout_s)
        own = self.current()
        return await self._lifecycle.drain(timeout_s, None if own is None else own._life)

    async def close(self) -> None:
        """Cancel all sessions, and wait for their ends, for `close_timeout_s` at most.

        A session that ignores its cancellation is abandoned then: it is logged, and counts as ended.
        """
        await self._lifecycle.close()

    async def run(self, *, drain_timeout_s: float | None = None) -> bool:
        """Start the pool, and host sessions until it drains: SIGTERM drains it, a second one closes it.

        Args:
            drain_timeout_s: how long sessions may take to end after that, in seconds; None sets no limit.

        Returns:
            Whether all sessions ended by themselves.
        """
        if drain_timeout_s is not None:
            checked_seconds("drain_timeout_s", drain_timeout_s)
        return await self._lifecycle.run(drain_timeout_s)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # -- what others see

    @property
    def state(self) -> PoolState:
        """How far the pool has come."""
        return self._lifecycle.state

    @property
    def active(self) -> int:
        """How many sessions are live."""
        return len(self._ledger.lives)

    @property
    def load(self) -> float:
        """The part of the places that is taken by sessions and reservations, from 0 to 1."""
        return self._admission.taken / self._options.max_sessions

    @property
    def status(self) -> PoolStatus:
        """How the pool and its live sessions are."""
        return self._status(None)

    def _status(self, most: int | None) -> PoolStatus:
        failures, awaited = self._supervisor.consecutive_failures, self._backend.change_waits_for
        places = self._options.max_sessions
        return self._ledger.status(self._lifecycle.state, places, self._admission, failures, awaited, most=most)

    def events(self) -> EventStream:
        """What happens from now on, for `async for`. The stream ends when the pool is closed."""
        return self._ledger.subscribe()

    # -- inside

    def _begin(self, id: str, data: Any) -> SessionHandle:
        """Start a session in a place that is taken."""
        self._check_new(checked_id(id))
        life = self._ledger.begin(id)
        try:
            self._backend.launch(life, data)
        except BaseException:
            del self._ledger.lives[id]
            raise
        self._ledger.send("launched", session=id)
        return SessionHandle(life)

    def _drain_if_open(self) -> None:
        if self._lifecycle.state in ("starting", "running"):
            self._ledger.drain_reason = "asked by a client"
            self.begin_drain()

    def _make_backend(self) -> Backend:
        events = self._backend_events()
        if self._options.isolation == "coroutine":
            return LocalBackend(self._options, self._clock, events)
        from .workers.backend import ProcessBackend  # noqa: PLC0415 - it imports multiprocessing

        return ProcessBackend(self._options, self._clock, events)

    def _backend_events(self) -> BackendEvents:
        send = self._ledger.send
        return BackendEvents(
            ended=self._on_ended,
            blocked=lambda id, text: send("blocked", text, session=id),
            change_waits=lambda id: send("changeWaits", "a change of code waits for this session", session=id),
            places=self._admission.resize,
            worker=lambda text: send("workerDied", text),
            changed=self._publication.changed,
        )

    def _on_ended(self, life: Life) -> None:
        outcome = self._ledger.end(life)
        self._admission.give_back()
        if self._lifecycle.state == "running":
            self._supervisor.note(outcome)

    def _drain_because(self, reason: str) -> None:
        if self._lifecycle.state == "running":
            self._ledger.drain_reason = reason
            self.begin_drain()

    def _check_new(self, id: str) -> None:
        self._lifecycle.check_admits()
        if id in self._ledger.lives:
            raise DuplicateSession(f"a live session has the id {id!r}")
