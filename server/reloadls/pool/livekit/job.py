"""One job of LiveKit as a session: LiveKit's own runner of a job, in the session's task instead of in a process."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livekit.agents import JobExecutorType
from livekit.agents.ipc import proto
from livekit.agents.ipc.job_proc_lazy_main import _JobProc
from livekit.agents.utils import aio

from .agents.known import KnownAgents
from .log_fields import LogFields

__all__ = ["EntrypointEnded", "Job", "JobOptions"]


class EntrypointEnded(Exception):
    """An entrypoint raised SystemExit or KeyboardInterrupt: for the job that is a failure like any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What all jobs of a server have in common."""

    entrypoint: Callable[[Any], Any]
    session_end: Callable[[Any], Any] | None
    simulation_end: Callable[[Any], Any] | None
    session_end_timeout_s: float
    close_timeout_s: float
    http_proxy: str
    userdata: Mapping[Any, Any]
    """What the server's setup function has put into `JobProcess.userdata`."""
    inference: Any
    """LiveKit's executor of local models; None if there are none."""
    log_fields: LogFields
    """What adds a job's fields to log records."""


class Job:
    """Runs one job from its start to the end of its shutdown.

    LiveKit's runner does what it does in a process of its own: context variables, tracing, the entrypoint, shutdown
    callbacks, the end of the session, the room's disconnection. It talks to its parent process by messages; here, this
    object sends and takes them.

    Args:
        info: LiveKit's description of the job.
        options: what all jobs have in common.
    """

    def __init__(self, info: Any, options: JobOptions) -> None:
        self.info = info
        self.agents = KnownAgents()
        self.variables: contextvars.Context | None = None
        """The context in which the entrypoint runs, once it does."""
        self.context: Any = None
        """LiveKit's `JobContext`, once the entrypoint runs."""
        self.must_end = False
        """It had its time to shut down: a cancellation ends it at once."""
        self.shutting_down = asyncio.Event()
        """The session has ended; what remains has `close_timeout_s`."""
        self._options = options
        self._error: BaseException | None = None
        self._requests = aio.Chan()
        self._inferences: set[asyncio.Task[None]] = set()
        self._outside = contextvars.copy_context()
        start = proto.StartJobRequest()
        start.running_job = info
        self._requests.send_nowait(start)

    async def run(self) -> None:
        """Run the job. Cancelled, it shuts down as on LiveKit's request, for `close_timeout_s` at most.

        Raises:
            BaseException: what the entrypoint raised.
        """
        runner = _runner(self._entrypoint, self._options)
        runner.initialize(proto.InitializeRequest(http_proxy=self._options.http_proxy), self)
        running = asyncio.create_task(runner.entrypoint(self._requests), name=f"job {self.info.job.id}")
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await self._wind_down(running)
            raise
        finally:
            self._requests.close()
            for each in self._inferences:
                each.cancel()
        if self._error is not None:
            raise self._error

    def shut_down(self, reason: str) -> None:
        """Ask the job to shut down, as LiveKit asks a process."""
        if not self._requests.closed:
            self._requests.send_nowait(proto.ShutdownRequest(reason=reason))
        if not hasattr(proto, "ShuttingDown"):  # as the first 1.5 releases: all of the shutdown has `close_timeout_s`
            self.shutting_down.set()

    async def _wind_down(self, running: asyncio.Task[None]) -> None:
        try:
            if not self.must_end:
                self.shut_down("the session was cancelled")
                await asyncio.wait([running], timeout=self._options.close_timeout_s)
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait([running])

    async def _entrypoint(self, context: Any) -> None:
        self.context = context
        self.variables = contextvars.copy_context()
        try:
            await self._options.entrypoint(context)
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            self._error = error
            raise
        except BaseException as error:
            self._error = error
            raise EntrypointEnded(f"the entrypoint raised {type(error).__name__}") from error

    # -- what the runner calls of its connection to the parent process

    async def send(self, message: Any) -> None:
        """Take what the runner reports."""
        if isinstance(message, proto.InferenceRequest):
            # Not the session's: the executor may start tasks that outlive it.
            work = self._outside.run(asyncio.ensure_future, self._infer(message))
            self._inferences.add(work)
            work.add_done_callback(self._inferences.discard)
        elif type(message).__name__ == "ShuttingDown":
            self.shutting_down.set()

    async def _infer(self, request: Any) -> None:
        response = proto.InferenceResponse(request_id=request.request_id)
        try:
            if self._options.inference is None:
                raise RuntimeError("no inference executor")
            response.data = await self._options.inference.do_inference(request.method, request.data)
        except Exception as error:
            response.error = str(error) or type(error).__name__
        if not self._requests.closed:
            self._requests.send_nowait(response)


class _Runner(_JobProc):  # type: ignore[misc]
    """LiveKit's runner, which lets the log know of each job before it begins."""

    log_fields: LogFields

    def _start_job(self, message: Any) -> None:
        super()._start_job(message)
        context = getattr(self, "_job_ctx", None)
        if context is not None:
            self.log_fields.prepare(context)


def _runner(entrypoint: Callable[[Any], Any], options: JobOptions) -> Any:
    """LiveKit's runner, with the parameters that this version has."""
    found = {
        "initialize_process_fnc": lambda process: process.userdata.update(options.userdata),
        "job_entrypoint_fnc": entrypoint,
        "session_end_fnc": options.session_end,
        "simulation_end_fnc": options.simulation_end,
        "session_end_timeout": options.session_end_timeout_s,
        "executor_type": JobExecutorType.THREAD,
    }
    runner = _make(_Runner, found)
    runner.log_fields = options.log_fields
    return runner


def set_up(setup: Callable[[Any], Any], http_proxy: str) -> dict[Any, Any]:
    """Warm LiveKit up as in a job's process, and run a server's setup function.

    Returns:
        What the function has put into `JobProcess.userdata`.
    """
    userdata: dict[Any, Any] = {}

    def initialize(process: Any) -> None:
        setup(process)
        userdata.update(process.userdata)

    found = {
        "initialize_process_fnc": initialize,
        "job_entrypoint_fnc": None,
        "session_end_fnc": None,
        "session_end_timeout": 0.0,
        "executor_type": JobExecutorType.THREAD,
    }
    _make(_JobProc, found).initialize(proto.InitializeRequest(http_proxy=http_proxy), None)
    return userdata


def _make(runner: Any, arguments: Mapping[str, Any]) -> Any:
    known = inspect.signature(_JobProc).parameters
    return runner(**{name: value for name, value in arguments.items() if name in known})
