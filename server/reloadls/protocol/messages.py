"""The shapes of the wire: what each method's params and result hold.

These classes are the one definition of the project's additions to LSP; the extension's TypeScript types are
generated from them. Names are snake_case here and camelCase on the wire (`convert`). A field whose value is
its default is left out on the wire, unless it is declared with `always`. URIs are `file://` URIs (`uris`),
times are ISO 8601 UTC with milliseconds, clocks are opaque strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen

from reloadls.wire import methods

from .errors import Mismatch
from .report import ReloadReport

__all__ = [
    "Backend",
    "Cause",
    "Change",
    "ChangeBatch",
    "ChangeType",
    "Lag",
    "Metrics",
    "NoParams",
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
"""`starting`: it has not said anything yet. `failed`: its last report did, and it runs on with the code it had. `gone`:
it runs, but can't be asked any more. One that has ended is not told of."""
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
    """One path that is watched, or would be if it could."""

    uri: str
    kind: RootKind
    state: RootState
    files: int
    """How many files in it are in scope now."""


@frozen(kw_only=True)
class TargetStatus:
    """One running program that takes batches up."""

    id: str
    """Its own as long as it runs. Several processes of one program are several targets."""
    name: str
    """The script or module that was run."""
    pid: int
    state: TargetState
    last_report: ReloadReport | None = None


@frozen(kw_only=True)
class Problem:
    """Something that keeps the service from doing all it was asked; it works on otherwise."""

    code: ProblemCode
    message: str
    uri: str | None = None
    """Where, if it is about a path."""


@frozen(kw_only=True)
class Lag:
    """From a batch's last change to its being told, in milliseconds, of the last thousand batches."""

    p50: float
    p99: float


@frozen(kw_only=True)
class Metrics:
    """How the service does, for who operates it; the watching is that which this client shares with others."""

    hints: int
    """How many hints have come since watching began."""
    batches: int
    """How many batches were told."""
    reconciles: dict[str, int]
    """Why the disk was compared -> how often."""
    overflows: int
    """How often the kernel's queue of events was full."""
    watches: int | None
    """How many folders the kernel watches for the whole process; None where it is not asked one by one."""
    watch_limit: int | None
    """How many it would."""
    lag_ms: Lag
    sessions: int
    """How many clients the process has."""
    memory_bytes: int | None
    """What the process holds in memory."""


@frozen(kw_only=True)
class ReloadStatus:
    """How the service is: what it watches and how, who listens, and what is wrong."""

    state: ServiceState
    backend: Backend
    roots: tuple[RootStatus, ...]
    debounce_ms: int
    max_wait_ms: int
    clock: str
    targets: tuple[TargetStatus, ...] = field(default=(), metadata=_ALWAYS)
    problems: tuple[Problem, ...] = field(default=(), metadata=_ALWAYS)
    metrics: Metrics | None = None
    """Only where it was asked for."""


@frozen
class StatusParams:
    """`reload/status`: whether to give figures, too."""

    metrics: bool = False


@frozen
class NoParams:
    """The params of a method that takes none: absent, null or an empty object."""


@frozen
class RefreshPathsParams:
    """`reload/refreshPaths`: new paths to watch, or the same ones looked up again."""

    paths: tuple[str, ...] | None = None
    """As the option `paths`; absent: look the present ones up again."""


@frozen(kw_only=True)
class RefreshPathsResult:
    """What is watched after `reload/refreshPaths`, and which roots came and went (URIs)."""

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
    """The state of which everything has been sent."""

    clock: str


@frozen
class SinceParams:
    """`reload/since`: the state to compare with; absent: everything."""

    clock: str | None = None


@frozen(kw_only=True)
class SinceResult:
    """What differs between the state asked about and `clock`.

    With `fresh` that state is unknown, and `changes` holds every file in scope as `created`.
    """

    clock: str
    fresh: bool
    changes: tuple[Change, ...]


@frozen
class TriggerParams:
    """`reload/trigger`: the files to take up now, changed or not; absent: all that programs have loaded."""

    uris: tuple[str, ...] | None = None


REQUEST_TYPES: Final[Mapping[str, tuple[type, Any]]] = MappingProxyType(
    {
        methods.STATUS: (StatusParams, ReloadStatus),
        methods.REFRESH_PATHS: (RefreshPathsParams, RefreshPathsResult),
        methods.SYNC: (SyncParams, SyncResult),
        methods.SINCE: (SinceParams, SinceResult),
        methods.PAUSE: (NoParams, ReloadStatus),
        methods.RESUME: (NoParams, ReloadStatus),
        methods.TRIGGER: (TriggerParams, tuple[ReloadReport, ...]),
    }
)
"""Request -> (params, result)."""

NOTIFICATION_TYPES: Final[Mapping[str, type]] = MappingProxyType(
    {
        methods.DID_CHANGE: ChangeBatch,
        methods.DID_CHANGE_STATUS: ReloadStatus,
        methods.DID_RELOAD: ReloadReport,
    }
)
"""Notification -> params."""

PARAMS_TYPES: Final = frozenset(params for params, _ in REQUEST_TYPES.values())
"""What clients send us; here an unknown field is an error, as it is most often a misspelt one."""
