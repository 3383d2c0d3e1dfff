"""`host_sessions`: from then on, the jobs of a server are sessions of a pool."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reloadls.pool.errors import PoolError
from reloadls.pool.options import checked_seconds
from reloadls.pool.pool import SessionPool
from reloadls.pool.sessions.session import current_session

from .places import Places
from .server import hosted_class, is_hosted
from .structure import check_server

if TYPE_CHECKING:
    from reloadls.pool.clock import Clock
    from reloadls.pool.sessions.namespace import Shared
    from reloadls.pool.sessions.session import Session

    from .jobs import HostedJobs

__all__ = ["Hosting", "host_sessions"]

_log = logging.getLogger(__name__)


def host_sessions(
    server: Any,
    max_sessions: int = 50,
    *,
    name: str = "livekit",
    setup_timeout_s: float | None = None,
    answer_timeout_s: float = 30,
    close_timeout_s: float = 60,
    failure_limit: int = 5,
    on_failure_limit: Callable[[int], object] | None = None,
    memory_warn_mb: float = 0,
    memory_limit_mb: float = 0,
    pin_timeout_s: float = 30,
    clock: Clock | None = None,
) -> SessionPool:
    """Host the jobs of a LiveKit server as sessions of a pool in this process. Call it before `server.run()`.

    The server starts and closes the pool. It refuses jobs for which the pool has no place when they are offered, and
    reports the pool's load. When the pool drains by itself, so does the server; then `server.run()` returns.

    Args:
        server: a `livekit.agents.AgentServer`; only this one is changed.
        max_sessions: how many jobs may run at once.
        name: what status and editor call the pool.
        setup_timeout_s: how long the server's setup function may take, in seconds; None takes the server's
            `initialize_process_timeout`.
        answer_timeout_s: how long the server's request function may hold a place before the job runs, in seconds.
        close_timeout_s: see `SessionPool`, as for all that follow.
        failure_limit: how many failures in a row are too many.
        on_failure_limit: called with their number, once they are.
        memory_warn_mb: logs a warning when the process crosses this size.
        memory_limit_mb: drains the server when the process crosses this size.
        pin_timeout_s: how long a change of code waits for one pinned session.
        clock: what measures time; tests pass their own.

    Returns:
        The pool: its status, events, and `on_rebind`.

    Raises:
        TypeError: `server` is not an `AgentServer`, or an option has the wrong type.
        ValueError: an option is out of range.
        PoolError: the server runs already, or is hosted already.
        UnsupportedLiveKit: this version of `livekit-agents` can't be hosted; the message says what is missing.
    """
    if is_hosted(server):
        raise PoolError("this server's jobs are hosted already; call `host_sessions` once for each server")
    check_server(server)
    if not server._closed:
        raise PoolError("this server runs already; call `host_sessions` before `server.run()`")
    pool_options = {
        "name": name,
        "max_sessions": max_sessions,
        "setup_timeout_s": server._initialize_process_timeout if setup_timeout_s is None else setup_timeout_s,
        "close_timeout_s": close_timeout_s,
        "failure_limit": failure_limit,
        "on_failure_limit": on_failure_limit,
        "memory_warn_mb": memory_warn_mb,
        "memory_limit_mb": memory_limit_mb,
        "pin_timeout_s": pin_timeout_s,
        "clock": clock,
    }
    hosting = Hosting(server, pool_options, checked_seconds("answer_timeout_s", answer_timeout_s))
    server.__class__ = hosted_class(type(server), hosting)
    return hosting.pool


class Hosting:
    """What connects one server and its pool.

    Args:
        server: the server.
        pool_options: the pool's.
        answer_timeout_s: how long a request function may hold a place.
    """

    def __init__(self, server: Any, pool_options: dict[str, Any], answer_timeout_s: float) -> None:
        from livekit.agents import Agent  # noqa: PLC0415 - only now it is known to be one that these modules know

        from .log_fields import LogFields  # noqa: PLC0415

        self.pool = SessionPool(_serve, setup=self._set_up, **pool_options)
        self.pool.on_rebind(Agent)(_rebind)
        self.places = Places(self.pool, self._is_live, answer_timeout_s)
        self.closing: asyncio.Future[None]
        self._server = server
        self._log_fields = LogFields()
        self._jobs: HostedJobs | None = None
        self._userdata: dict[Any, Any] = {}
        self._draining: asyncio.Future[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._own_load, self._own_threshold = server._load_fnc, server._load_threshold
        server._load_fnc = self._measure_load
        server._load_threshold = 1.0
        if getattr(server, "_job_memory_limit_mb", 0):
            _log.warning(
                "job_memory_limit_mb is for processes and has no effect on hosted jobs; "
                "use memory_limit_mb of host_sessions, which drains the server"
            )

    # -- what the server runs its jobs with

    def jobs(self) -> HostedJobs:
        """What takes the place of the server's process pool."""
        from .job import JobOptions  # noqa: PLC0415
        from .jobs import HostedJobs  # noqa: PLC0415

        server = self._server
        self.closing = asyncio.get_running_loop().create_future()
        options = JobOptions(
            entrypoint=server._entrypoint_fnc,
            session_end=server._session_end_fnc,
            simulation_end=getattr(server, "_simulation_end_fnc", None),
            session_end_timeout_s=getattr(server, "_session_end_timeout", 300.0),
            close_timeout_s=server._shutdown_process_timeout,
            http_proxy=server._http_proxy or "",
            userdata=self._userdata,
            inference=getattr(server, "_inference_executor", None),
            log_fields=self._log_fields,
        )
        self._jobs = HostedJobs(self._start, self.pool, self.places, options)
        return self._jobs

    def _set_up(self, shared: Shared) -> None:
        """Run the server's setup function, once and on a thread."""
        from .job import set_up  # noqa: PLC0415

        self._userdata.update(set_up(self._server._setup_fnc, self._server._http_proxy or ""))
        shared["userdata"] = self._userdata

    async def _start(self) -> None:
        await self.pool.start()
        self._leaving = asyncio.create_task(self._leave_with_the_pool(), name="reloadls-livekit-drain")

    def _is_live(self, id: str) -> bool:
        return self._jobs is not None and self._jobs.get_by_job_id(id) is not None

    # -- load

    def load(self) -> float:
        """The part of the pool's places that is taken; all of them if it admits no sessions."""
        return self.pool.load if self.pool.state == "running" else 1.0

    def _measure_load(self) -> float:
        """On a thread of the server's. A load function that the program gave the server counts, too."""
        from livekit.agents.worker import ServerEnvOption  # noqa: PLC0415

        if self._own_load is None:
            return self.load()
        threshold = ServerEnvOption.getvalue(self._own_threshold, getattr(self._server, "_devmode", False))
        if math.isinf(threshold) or threshold <= 0:
            return self.load()
        takes_server = bool(inspect.signature(self._own_load).parameters)
        own = float(self._own_load(self._server) if takes_server else self._own_load())
        return max(self.load(), min(own / float(threshold), 1.0))

    # -- drain

    async def drain(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Drain the server, and the pool with it. Each caller waits until the jobs have ended.

        Args:
            begin: the server's own way to do so.
        """
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain(begin))
        await asyncio.shield(self._draining)

    async def _drain(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with_pool = asyncio.ensure_future(self._drain_pool())
        try:
            await begin()
        finally:
            with_pool.cancel()

    async def _drain_pool(self) -> None:
        """Jobs that were accepted before are still launched."""
        await asyncio.gather(*getattr(self._server, "_job_lifecycle_tasks", ()), return_exceptions=True)
        with suppress(PoolError):
            self.pool.begin_drain()

    async def _leave_with_the_pool(self) -> None:
        """The pool drains by itself (memory, or somebody's command): so does the server, and ends."""
        async for event in self.pool.events():
            if event.kind == "draining" and self._draining is None:
                _log.info("the pool drains, and so does the server: %s", event.message or "on request")
                try:
                    await self._server.drain()
                except TimeoutError:
                    _log.warning("not all jobs ended within the server's drain_timeout; they are shut down")
                await self._server.aclose()
                return


async def _serve(session: Session) -> None:
    from .agents.following import agents_of  # noqa: PLC0415
    from .agents.recorder import install_recorder  # noqa: PLC0415

    job = session.data
    install_recorder(_note)
    session.bind_each(lambda: agents_of(job))
    await job.run()


def _note(agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """An agent is constructed in some task: note it if that belongs to a hosted job."""
    from .job import Job  # noqa: PLC0415

    session = current_session()
    if session is not None and isinstance(session.data, Job):
        session.data.agents.note(agent, args, kwargs)


async def _rebind(session: Session, agent: Any, report: object) -> None:
    from .agents.following import follow  # noqa: PLC0415

    await follow(session.data, agent, report)
