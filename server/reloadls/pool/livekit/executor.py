"""One hosted job as `AgentServer` sees it: a drop-in for LiveKit's executor of a job."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from livekit.agents.ipc.job_executor import JobStatus
from livekit.agents.utils import shortuuid

from .log_fields import job_fields

if TYPE_CHECKING:
    from reloadls.pool.sessions.life import Outcome
    from reloadls.pool.sessions.session import SessionHandle

    from .job import Job

__all__ = ["HostedExecutor"]

_log = logging.getLogger(__name__)


class HostedExecutor:
    """A job from its launch to its end.

    Args:
        job: what runs.
        close_timeout_s: how long it may take to end once its session has.
    """

    def __init__(self, job: Job, close_timeout_s: float) -> None:
        self.id: str = shortuuid("POOL_")
        self.started = True
        self.user_arguments: Any = None
        self.status = JobStatus.RUNNING
        self.running_job = job.info
        self.handle: SessionHandle
        self._job = job
        self._close_timeout_s = close_timeout_s
        self._ended = asyncio.get_running_loop().create_future()

    def end(self, outcome: Outcome) -> None:
        """The job has ended; `join` returns once `release` is called."""
        self.status = JobStatus.SUCCESS if outcome == "success" else JobStatus.FAILED

    def release(self) -> None:
        """All has been reported of the end."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def start(self) -> None:
        """It runs already."""

    async def initialize(self) -> None:
        """It needs nothing."""

    async def join(self) -> None:
        """Wait for the job's end."""
        await asyncio.shield(self._ended)

    async def aclose(self) -> None:
        """Ask the job to shut down, and wait for its end; one that takes too long is cancelled."""
        self._job.shut_down("")
        ended = asyncio.ensure_future(self._ended)
        session_end = asyncio.ensure_future(self._job.shutting_down.wait())
        try:
            await asyncio.wait([ended, session_end], return_when=asyncio.FIRST_COMPLETED)
        finally:
            session_end.cancel()
        if await self._ends_in_time():
            return
        _log.error("job did not end in time; it is cancelled", extra=self.logging_extra())
        self._job.must_end = True
        self.handle.cancel()
        if not await self._ends_in_time():
            _log.error("job ignored its cancellation", extra=self.logging_extra())

    async def _ends_in_time(self) -> bool:
        done, _ = await asyncio.wait([self._ended], timeout=self._close_timeout_s)
        return bool(done)

    def logging_extra(self) -> dict[str, Any]:
        """What LiveKit adds to its log records about the job."""
        return job_fields(self.running_job)
