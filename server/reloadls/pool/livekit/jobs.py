"""The jobs of one server: a drop-in for what `AgentServer` uses of its process pool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from livekit.agents import telemetry
from livekit.agents.utils import EventEmitter, shortuuid

from .executor import HostedExecutor
from .job import Job, JobOptions

if TYPE_CHECKING:
    from reloadls.pool.pool import SessionPool

    from .places import Places

__all__ = ["HostedJobs"]


class HostedJobs(EventEmitter):  # type: ignore[misc]
    """Launches jobs as sessions of a pool.

    Emits `process_job_launched` and `process_closed` with the executor of a job, as LiveKit's process pool does.

    Args:
        start: starts the pool.
        pool: what hosts the jobs.
        places: those that are held for jobs.
        options: what all jobs have in common.
    """

    def __init__(
        self, start: Callable[[], Awaitable[None]], pool: SessionPool, places: Places, options: JobOptions
    ) -> None:
        super().__init__()
        self._start = start
        self._pool = pool
        self._places = places
        self._options = options
        self._executors: list[HostedExecutor] = []
        self._watching: set[asyncio.Task[None]] = set()
        self._started = False

    @property
    def processes(self) -> list[HostedExecutor]:
        """The executors of the live jobs."""
        return self._executors

    def get_by_job_id(self, job_id: str) -> HostedExecutor | None:
        """The executor of a job."""
        return next((each for each in self._executors if each.running_job.job.id == job_id), None)

    def set_target_idle_processes(self, count: int) -> None:
        """There are no processes."""

    @property
    def target_idle_processes(self) -> int:
        """There are no processes."""
        return 0

    async def start(self) -> None:
        """Run the server's setup function, and be ready for jobs.

        Raises:
            SetupFailed: the setup function raised, or took too long.
        """
        if not self._started:
            await self._start()
            self._started = True

    async def launch_job(self, info: Any) -> None:
        """Start a job.

        Raises:
            PoolError: there is no place for it, the pool drains, or the job runs already.
        """
        if hasattr(info, "launched_at"):
            info.launched_at = time.time()
        job = Job(info, self._options)
        executor = HostedExecutor(job, self._options.close_timeout_s)
        executor.handle = await self._places.launch(info.job.id or shortuuid("job-"), job)
        self._executors.append(executor)
        _count("job_started")
        watching = asyncio.create_task(self._watch(executor))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        self.emit("process_job_launched", executor)

    async def _watch(self, executor: HostedExecutor) -> None:
        executor.end(await executor.handle.wait())
        _count("job_ended")
        try:
            self.emit("process_closed", executor)
        finally:
            self._executors.remove(executor)
            executor.release()

    async def aclose(self) -> None:
        """Ask all jobs to shut down, wait for them, and close the pool."""
        if not self._started:
            return
        await asyncio.gather(*(each.aclose() for each in self._executors))
        await self._pool.close()
        await asyncio.gather(*self._watching)
        self._options.log_fields.uninstall()


def _count(what: str) -> None:
    """Count a job in LiveKit's metrics, where this version has them."""
    with suppress(AttributeError):
        getattr(telemetry.metrics, what)()
