"""Whether the adapter knows the inside of the installed `livekit-agents`, by its version and by what it has."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import CodeType
from typing import Any, Final

from reloadls.pool.errors import PoolError

__all__ = ["UnsupportedLiveKit", "check_server"]

_OLDEST: Final = (1, 5)
_NEWEST: Final = (1, 8)
_NAMES: Final = {
    "livekit.agents.ipc.job_proc_lazy_main": ("_JobProc.initialize", "_JobProc.entrypoint", "_JobProc._start_job"),
    "livekit.agents.ipc.proto": (
        "InitializeRequest",
        "StartJobRequest",
        "ShutdownRequest",
        "InferenceRequest",
        "InferenceResponse",
    ),
    "livekit.agents.ipc.job_executor": ("JobStatus.RUNNING", "JobStatus.FAILED", "JobStatus.SUCCESS"),
    "livekit.agents.job": ("JobExecutorType.THREAD", "JobProcess", "_JobContextVar"),
    "livekit.agents.utils": ("EventEmitter", "aio.Chan", "shortuuid"),
    "livekit.agents.llm": ("find_function_tools",),
    "livekit.agents": ("Agent.update_instructions", "Agent.update_tools", "Agent.instructions", "Agent.tools"),
}
"""What is used of each module."""
_ATTRIBUTES: Final = (
    "_closed",
    "_entrypoint_fnc",
    "_http_proxy",
    "_initialize_process_timeout",
    "_load_fnc",
    "_load_threshold",
    "_request_fnc",
    "_session_end_fnc",
    "_setup_fnc",
    "_shutdown_process_timeout",
)
"""What is used of a server, before it runs."""
_METHODS: Final = {
    "run": ("ProcPool", "_proc_pool", "_request_fnc", "_setup_fnc", "_job_lifecycle_tasks", "_conn_task", "_msg_chan"),
    "drain": ("_proc_pool", "_job_lifecycle_tasks"),
    "aclose": ("_proc_pool",),
    "_queue_msg": ("_msg_chan",),
    "_answer_availability": ("_request_fnc", "_is_available", "launch_job"),
    "_is_available": ("_get_effective_load",),
    "_get_effective_load": ("_worker_load",),
}
"""The methods of a server, and the names that each must use."""
_PARAMETERS: Final = ("initialize_process_fnc", "job_entrypoint_fnc", "session_end_fnc", "executor_type")
"""Of `_JobProc`."""


class UnsupportedLiveKit(PoolError):
    """The installed `livekit-agents` can't be hosted: its version is another, or its inside has moved."""


def check_server(server: Any) -> None:
    """Check a server, and the package that it comes from.

    Raises:
        TypeError: it is not a `livekit.agents.AgentServer`.
        UnsupportedLiveKit: its package is out of the supported range, or lacks something that is used.
    """
    agents = import_module("livekit.agents")
    if not isinstance(server, agents.AgentServer):
        raise TypeError(f"server {server!r}: must be a livekit.agents.AgentServer")
    supported = "host_sessions supports livekit-agents 1.5 to 1.8; install one with `pip install 'reloadls[livekit]'`"
    version = str(getattr(agents, "__version__", "of an unknown version"))
    if not _is_supported(version):
        raise UnsupportedLiveKit(f"livekit-agents {version} is installed; {supported}")
    missing = [*_missing_names(), *_missing_of(server)]
    if missing:
        raise UnsupportedLiveKit(f"livekit-agents {version} lacks {', '.join(missing)}; {supported}")


def _is_supported(version: str) -> bool:
    parts = version.split(".")[:2]
    return len(parts) == 2 and all(map(str.isdigit, parts)) and _OLDEST <= tuple(map(int, parts)) <= _NEWEST


def _missing_names() -> Iterator[str]:
    for module, names in _NAMES.items():
        try:
            found = import_module(module)
        except ImportError:
            yield module
            continue
        yield from (f"{module}.{name}" for name in names if not _has(found, name.split(".")))
    runner = getattr(import_module("livekit.agents.ipc.job_proc_lazy_main"), "_JobProc", None)
    if runner is not None:
        known = inspect.signature(runner).parameters
        yield from (f"the parameter {name!r} of _JobProc" for name in _PARAMETERS if name not in known)


def _has(found: Any, names: Iterable[str]) -> bool:
    for name in names:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def _missing_of(server: Any) -> Iterator[str]:
    yield from (f"AgentServer.{name}" for name in _ATTRIBUTES if not hasattr(server, name))
    for method, names in _METHODS.items():
        found = _method(type(server), method)
        code = getattr(inspect.unwrap(found), "__code__", None) if found is not None else None
        if code is None:
            yield f"AgentServer.{method}"
            continue
        used = set(_names(code))
        yield from (f"{name!r} in AgentServer.{method}" for name in names if name not in used)


def _method(cls: type, name: str) -> Any:
    """LiveKit's own method: what a subclass overrides may only call it."""
    own = (vars(each)[name] for each in cls.__mro__ if name in vars(each) and each.__module__.startswith("livekit."))
    return next(own, None)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
