"""The protocol: message classes, one strict converter, and the safe JSON-RPC endpoint.

The only place that defines what clients receive. Names are imported on first use: some callers need URIs or framing
without pygls.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from reloadls.wire import methods

if TYPE_CHECKING:
    from reloadls.wire.framing import Frame, Framer, FramingError, frame
    from reloadls.wire.jsonio import dumps
    from reloadls.wire.uris import from_uri, one_spelling, to_uri

    from .convert import explain, make_converter, paths_from, structure_params
    from .endpoint import SafeProtocol
    from .errors import (
        ConnectionLost,
        InternalFault,
        InvalidParams,
        InvalidRequest,
        NotInitialized,
        RequestCancelled,
        RequestFailed,
        UnknownMethod,
        UnreadableMessage,
    )
    from .hosted import ConfigurationProblem, ConfigurationStatus, PoolSession, PoolStatus, WorkerOf
    from .message_types import ClientProtocol
    from .messages import (
        Change,
        ChangeBatch,
        DivergedFile,
        DrainParams,
        Lag,
        Metrics,
        NoParams,
        NotApplied,
        Problem,
        RefreshPathsParams,
        RefreshPathsResult,
        ReloadStatus,
        RootStatus,
        SinceParams,
        SinceResult,
        StatusParams,
        SyncParams,
        SyncResult,
        TargetStatus,
        TriggerParams,
    )
    from .options import OptionProblem, Options, parse_options
    from .outbound import Encoded, encode_change_batch, encode_notification, encode_watched_files
    from .report import ModuleReport, Note, NoteCode, ReloadReport, ReportError, SessionCounts

__all__ = [
    # the endpoint
    "SafeProtocol",
    "ClientProtocol",
    "make_converter",
    "methods",
    # messages
    "Change",
    "ChangeBatch",
    "ConfigurationProblem",
    "ConfigurationStatus",
    "DivergedFile",
    "DrainParams",
    "Lag",
    "Metrics",
    "ModuleReport",
    "Note",
    "NoteCode",
    "NoParams",
    "NotApplied",
    "PoolSession",
    "PoolStatus",
    "Problem",
    "RefreshPathsParams",
    "RefreshPathsResult",
    "ReloadReport",
    "ReloadStatus",
    "ReportError",
    "RootStatus",
    "SessionCounts",
    "SinceParams",
    "StatusParams",
    "SinceResult",
    "SyncParams",
    "SyncResult",
    "TargetStatus",
    "TriggerParams",
    "WorkerOf",
    # options
    "OptionProblem",
    "Options",
    "parse_options",
    # encoding and decoding
    "Encoded",
    "Frame",
    "Framer",
    "FramingError",
    "dumps",
    "encode_change_batch",
    "encode_notification",
    "encode_watched_files",
    "explain",
    "frame",
    "from_uri",
    "one_spelling",
    "paths_from",
    "structure_params",
    "to_uri",
    # errors
    "ConnectionLost",
    "InternalFault",
    "InvalidParams",
    "InvalidRequest",
    "NotInitialized",
    "RequestCancelled",
    "RequestFailed",
    "UnknownMethod",
    "UnreadableMessage",
]

_HOME: Final = {
    "convert": ("explain", "make_converter", "paths_from", "structure_params"),
    "endpoint": ("SafeProtocol",),
    "errors": (
        "ConnectionLost",
        "InternalFault",
        "InvalidParams",
        "InvalidRequest",
        "NotInitialized",
        "RequestCancelled",
        "RequestFailed",
        "UnknownMethod",
        "UnreadableMessage",
    ),
    "reloadls.wire.framing": ("Frame", "Framer", "FramingError", "frame"),
    "reloadls.wire.jsonio": ("dumps",),
    "hosted": ("ConfigurationProblem", "ConfigurationStatus", "PoolSession", "PoolStatus", "WorkerOf"),
    "message_types": ("ClientProtocol",),
    "messages": (
        "Change",
        "ChangeBatch",
        "DivergedFile",
        "DrainParams",
        "Lag",
        "Metrics",
        "NoParams",
        "NotApplied",
        "Problem",
        "RefreshPathsParams",
        "RefreshPathsResult",
        "ReloadStatus",
        "RootStatus",
        "SinceParams",
        "SinceResult",
        "StatusParams",
        "SyncParams",
        "SyncResult",
        "TargetStatus",
        "TriggerParams",
    ),
    "options": ("OptionProblem", "Options", "parse_options"),
    "outbound": ("Encoded", "encode_change_batch", "encode_notification", "encode_watched_files"),
    "report": ("ModuleReport", "Note", "NoteCode", "ReloadReport", "ReportError", "SessionCounts"),
    "reloadls.wire.uris": ("from_uri", "one_spelling", "to_uri"),
}
"""Module → the names imported from it."""
_MODULES: Final = {name: module for module, names in _HOME.items() for name in names}


def _module(name: str) -> str:
    module = _MODULES[name]
    return module if "." in module else f".{module}"


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_module(name), __name__), name)
    return found
