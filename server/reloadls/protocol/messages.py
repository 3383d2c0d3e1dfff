"""The message classes: params and result of each method.

These classes are the one definition of the project's additions to LSP; the extension's TypeScript types are
generated from them. Names are snake_case here and camelCase on the wire (`convert`). A field whose value is
its default is omitted on the wire, unless it is declared with `always`. URIs are `file://` URIs (`uris`),
times are ISO 8601 UTC with milliseconds, clocks are opaque strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen
from lsprotocol.types import Range

from reloadls.wire import methods

from .errors import Mismatch
from .hosted import ConfigurationStatus, PoolStatus, WorkerOf
from .records import (
    RecordLayout,
    RecordsDidChangeParams,
    RecordsSubscribeParams,
    RecordsSubscribeResult,
    RecordsSyncParams,
    RecordsUnsubscribeParams,
)
from .report import ReloadReport

__all__ = [
    "Backend",
    "Cause",
    "Change",
    "ChangeBatch",
    "ChangeType",
    "DivergedFile",
    "DrainParams",
    "Lag",
    "Metrics",
    "NoParams",
    "NotApplied",
    "PARAMS_TYPES",
    "NOTIFICATION_TYPES",
    "Problem",
    "ProblemCode",
    "REQUEST_TYPES",
    "RefreshPathsParams",
    "RefreshPathsResult",
    "ReloadStatus",
    "RootKind",
    "RootState",
    "RootStatus",
    "ServiceState",
    "SinceParams",
    "SinceResult",
    "StatusParams",
    "SyncParams",
    "SyncResult",
    "TargetState",
    "TargetStatus",
    "TriggerParams",
]

ChangeType = Literal["created", "modified", "deleted"]
Cause = Literal["watch", "refresh", "rescan", "save", "startup"]
ServiceState = Literal["starting", "watching", "paused", "degraded", "stopped"]
Backend = Literal["native", "polling"]
RootKind = Literal["file", "directory"]
RootState = Literal["watching", "missing", "denied", "timedOut", "polling"]
TargetState = Literal["starting", "live", "paused", "restarting", "failed", "gone"]
"""`starting`: it has sent no status yet. `failed`: its last reload failed, and it runs the previous code. `gone`: it
runs, but can't be reached. A program that has ended is not listed."""
ProblemCode = Literal[
    "badOption", "missingPath", "permissionDenied", "unreadable", "timedOut", "tooManyFiles", "watchLimit",
    "backendFailed", "undecodable", "unusableFolder", "badPattern", "stateFailed",
]  # fmt: skip

_ALWAYS: Final = {"always": True}
_MAX_TIMEOUT_MS: Final = 600_000


@frozen
class Change:
    """One path's net change over a window."""

    uri: str
    type: ChangeType
    renamed_from: str | None = None
    """The URI the file had before, on the `created` half of a recognised rename."""


@frozen(kw_only=True)
class ChangeBatch:
    """Everything that changed between two clocks; each path at most once, in the order first noticed."""

    clock: str
    """The state after this batch."""
    since: str
    """The state before it."""
    at: str
    """When it was sent."""
    cause: Cause
    changes: tuple[Change, ...]
    partial: bool = False
    """True on every part but the last of a batch that is sent in parts."""


@frozen(kw_only=True)
class RootStatus:
    """One path to watch."""

    uri: str
    kind: RootKind
    state: RootState
    files: int
    """The number of its files in scope."""


@frozen(kw_only=True)
class NotApplied:
    """A process of a program that has not applied a file."""

    pid: int
    message: str
    """Why."""
    range: Range | None = None
    """Where in the file, if that is known."""


@frozen(kw_only=True)
class DivergedFile:
    """A file that some processes of a program have applied and others have not."""

    uri: str
    applied: tuple[int, ...]
    """The processes that run it as it is on disk."""
    failed: tuple[NotApplied, ...]
    """The processes that don't."""


@frozen(kw_only=True)
class TargetStatus:
    """One running program under hot reload."""

    id: str
    """Unique while it runs. Each process of a program is a target of its own."""
    name: str
    """The script or module that was run."""
    pid: int
    state: TargetState
    last_report: ReloadReport | None = None
    pools: tuple[PoolStatus, ...] = ()
    """Its session pools."""
    configurations: tuple[ConfigurationStatus, ...] = ()
    """Its live configurations."""
    worker_of: WorkerOf | None = None
    """The session pool that it is a worker of."""
    diverged: tuple[DivergedFile, ...] = ()
    """The files that the program's processes have not all applied; only in its first process."""


@frozen(kw_only=True)
class Problem:
    """A problem that limits the service, which otherwise keeps working."""

    code: ProblemCode
    message: str
    uri: str | None = None
    """The path concerned, if any."""


@frozen(kw_only=True)
class Lag:
    """The delay from a batch's last change to its sending, in milliseconds, over the last thousand batches."""

    p50: float
    p99: float


@frozen(kw_only=True)
class Metrics:
    """Metrics for operators; the watching figures include all clients that share this subscription."""

    hints: int
    """Hints received since watching started."""
    batches: int
    """Batches sent."""
    reconciles: dict[str, int]
    """Cause of a comparison with the disk -> number of comparisons."""
    overflows: int
    """Overflows of the kernel's event queue."""
    watches: int | None
    """Kernel watches of the whole process; None where folders are not watched one by one."""
    watch_limit: int | None
    """The kernel's limit of watches."""
    lag_ms: Lag
    sessions: int
    """Clients of the process."""
    memory_bytes: int | None
    """Resident memory of the process."""


@frozen(kw_only=True)
class ReloadStatus:
    """The state of the service: roots, running programs, and problems."""

    state: ServiceState
    backend: Backend
    roots: tuple[RootStatus, ...]
    debounce_ms: int
    max_wait_ms: int
    clock: str
    targets: tuple[TargetStatus, ...] = field(default=(), metadata=_ALWAYS)
    problems: tuple[Problem, ...] = field(default=(), metadata=_ALWAYS)
    metrics: Metrics | None = None
    """Only if requested."""


@frozen
class StatusParams:
    """`reload/status`: whether to include metrics."""

    metrics: bool = False


@frozen
class NoParams:
    """The params of a method without params: absent, null or an empty object."""


@frozen
class RefreshPathsParams:
    """`reload/refreshPaths`: new paths to watch, or none to resolve the current ones again."""

    paths: tuple[str, ...] | None = None
    """As the option `paths`; absent: resolve the current ones again."""


@frozen(kw_only=True)
class RefreshPathsResult:
    """The roots after `reload/refreshPaths`, and those that were added and removed (URIs)."""

    roots: tuple[RootStatus, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    clock: str


def _check_timeout(_params: object, _field: Attribute[int], value: int) -> None:
    if not 0 <= value <= _MAX_TIMEOUT_MS:
        raise Mismatch(f"must be an integer from 0 to {_MAX_TIMEOUT_MS}, not {value}", field="timeoutMs")


@frozen
class SyncParams:
    """`reload/sync`: how long to wait, in milliseconds from 0 to 600000."""

    timeout_ms: int = field(default=10_000, validator=_check_timeout)


@frozen
class SyncResult:
    """The clock up to which everything was sent."""

    clock: str


@frozen
class SinceParams:
    """`reload/since`: the clock to compare with; absent: list every file."""

    clock: str | None = None


@frozen(kw_only=True)
class SinceResult:
    """The changes between the requested clock and `clock`.

    With `fresh`, the requested clock is unknown and `changes` holds every file in scope as `created`.
    """

    clock: str
    fresh: bool
    changes: tuple[Change, ...]


@frozen
class TriggerParams:
    """`reload/trigger`: the files to reload now, changed or not; absent: all that programs have loaded."""

    uris: tuple[str, ...] | None = None


@frozen
class DrainParams:
    """`reload/drain`: the session pool that is to admit no more sessions; those that are live end by themselves."""

    target: str
    """The `TargetStatus.id` of the program."""
    pool: str
    """The `PoolStatus.name`."""


REQUEST_TYPES: Final[Mapping[str, tuple[type, Any]]] = MappingProxyType(
    {
        methods.STATUS: (StatusParams, ReloadStatus),
        methods.REFRESH_PATHS: (RefreshPathsParams, RefreshPathsResult),
        methods.SYNC: (SyncParams, SyncResult),
        methods.SINCE: (SinceParams, SinceResult),
        methods.PAUSE: (NoParams, ReloadStatus),
        methods.RESUME: (NoParams, ReloadStatus),
        methods.TRIGGER: (TriggerParams, tuple[ReloadReport, ...]),
        methods.DRAIN: (DrainParams, ReloadStatus),
        methods.RECORDS_SUBSCRIBE: (RecordsSubscribeParams, RecordsSubscribeResult),
        methods.RECORDS_UNSUBSCRIBE: (RecordsUnsubscribeParams, NoParams),
        methods.RECORDS_SYNC: (RecordsSyncParams, SyncResult),
    }
)
"""Request -> (params, result)."""

NOTIFICATION_TYPES: Final[Mapping[str, type]] = MappingProxyType(
    {
        methods.DID_CHANGE: ChangeBatch,
        methods.DID_CHANGE_STATUS: ReloadStatus,
        methods.DID_RELOAD: ReloadReport,
        methods.RECORDS_DID_CHANGE: RecordsDidChangeParams,
    }
)
"""Notification -> params."""

PARAMS_TYPES: Final = frozenset({RecordLayout, *(params for params, _ in REQUEST_TYPES.values())})
"""The params that clients send. Unknown fields in them are errors, since most are misspelt."""
