"""The table of LSP, `reload/*` and `records/*` methods and their handlers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from lsprotocol import types

from reloadls.protocol import (
    DrainParams,
    Encoded,
    InvalidParams,
    NoParams,
    RefreshPathsParams,
    RefreshPathsResult,
    ReloadReport,
    ReloadStatus,
    SinceParams,
    StatusParams,
    SyncParams,
    SyncResult,
    TriggerParams,
    from_uri,
    paths_from,
    to_uri,
)
from reloadls.protocol.records import (
    RecordsSubscribeParams,
    RecordsSubscribeResult,
    RecordsSyncParams,
    RecordsUnsubscribeParams,
)
from reloadls.service.workspace import changed_folders, encodable
from reloadls.wire import methods

if TYPE_CHECKING:
    from pygls.protocol import LanguageServerProtocol

    from reloadls.service.session import ClientSession

__all__ = ["FEATURES", "register"]

_log = logging.getLogger(__name__)
_EVERY_FILE = types.FileOperationRegistrationOptions(
    filters=[types.FileOperationFilter(scheme="file", pattern=types.FileOperationPattern(glob="**/*"))]
)

Handler = Callable[..., object]


class Server(Protocol):
    """The parts of a server that the handlers use."""

    @property
    def protocol(self) -> LanguageServerProtocol:
        """The connection's protocol object, which keeps the handlers."""

    @property
    def session(self) -> ClientSession:
        """The client's session; raises RequestFailed before `initialize`."""

    @property
    def watching_session(self) -> ClientSession:
        """The client's session; raises RequestFailed before `initialized`."""

    def open_session(self, params: types.InitializeParams) -> None:
        """Open the client's session."""

    async def begin(self) -> None:
        """Start watching."""

    async def end(self) -> None:
        """Stop watching."""

    async def pull_configuration(self) -> None:
        """Ask the client for its configuration."""


@dataclass(frozen=True, slots=True)
class Feature:
    """The handler of one method, called with the server and the params, and its registration options."""

    handler: Handler
    options: object = None


class _Bound(MutableMapping[str, Handler]):
    """The handlers of `FEATURES`, bound to a server on lookup, plus handlers that the server adds itself."""

    __slots__ = ("_own", "_server")

    def __init__(self, server: Server) -> None:
        self._server = server
        self._own: dict[str, Handler] | None = None

    def __getitem__(self, method: str) -> Handler:
        if self._own is not None and method in self._own:
            return self._own[method]
        return partial(FEATURES[method].handler, self._server)

    def __setitem__(self, method: str, handler: Handler) -> None:
        self._own = {**(self._own or {}), method: handler}

    def __delitem__(self, method: str) -> None:
        if self._own is None:
            raise KeyError(method)
        del self._own[method]

    def __iter__(self) -> Iterator[str]:
        return iter({**FEATURES, **(self._own or {})})

    def __len__(self) -> int:
        return len({**FEATURES, **(self._own or {})})


def register(server: Server) -> None:
    """Register the handlers of all methods on `server`, the LSP life cycle included.

    All servers share the handler functions: one copy per client would dominate the memory of a thousand clients.

    Args:
        server: the server of one client.
    """
    manager = server.protocol.fm
    # pygls offers no other way to replace the mapping, and types it as a dict.
    manager._features = cast(dict[str, Handler], _Bound(server))
    manager.feature_options.update(_OPTIONS)


# -- the life cycle ----------------------------------------------------------------------------------------


def _initialize(server: Server, params: types.InitializeParams) -> None:
    server.open_session(params)


async def _initialized(server: Server, _params: types.InitializedParams) -> None:
    await server.begin()


async def _shutdown(server: Server, _params: None = None) -> None:
    await server.end()


# -- requests ----------------------------------------------------------------------------------------------


def _status(server: Server, params: StatusParams) -> ReloadStatus:
    return server.session.status(metrics=params.metrics)


async def _sync(server: Server, params: SyncParams) -> SyncResult:
    return await server.watching_session.sync(params.timeout_ms / 1000)


async def _since(server: Server, params: SinceParams) -> Encoded:
    return await server.watching_session.since(params.clock)


async def _refresh_paths(server: Server, params: RefreshPathsParams) -> RefreshPathsResult:
    for index, path in enumerate(params.paths or ()):
        if not path or "\0" in path:
            raise InvalidParams(f"paths[{index}]", "must not be empty or hold a NUL")
        if path.startswith("file:"):
            paths_from([path], field="paths")
            continue
        try:
            encodable(path)
        except ValueError as error:
            raise InvalidParams(f"paths[{index}]", str(error)) from None
    return await server.watching_session.refresh_paths(params.paths)


async def _pause(server: Server, _params: NoParams) -> ReloadStatus:
    return await server.watching_session.pause()


async def _resume(server: Server, _params: NoParams) -> ReloadStatus:
    return await server.watching_session.resume()


async def _trigger(server: Server, params: TriggerParams) -> tuple[ReloadReport, ...]:
    # Normalised: programs know one spelling of each URI.
    uris = tuple(map(to_uri, paths_from(params.uris or (), field="uris")))
    return await server.watching_session.trigger(None if params.uris is None else uris)


async def _drain(server: Server, params: DrainParams) -> ReloadStatus:
    return await server.watching_session.drain(params.target, params.pool)


# -- record streams ----------------------------------------------------------------------------------------


async def _records_subscribe(server: Server, params: RecordsSubscribeParams) -> RecordsSubscribeResult:
    return await server.watching_session.subscribe_records(params)


async def _records_unsubscribe(server: Server, params: RecordsUnsubscribeParams) -> NoParams:
    await server.watching_session.records.unsubscribe(params.subscription)
    return NoParams()


async def _records_sync(server: Server, params: RecordsSyncParams) -> SyncResult:
    return await server.watching_session.records.sync(params)


# -- hints -------------------------------------------------------------------------------------------------


async def _did_save(server: Server, params: types.DidSaveTextDocumentParams) -> None:
    await server.session.check_paths(_paths([params.text_document.uri]), "save")


def _did_change_watched_files(server: Server, params: types.DidChangeWatchedFilesParams) -> None:
    server.session.hint(_paths(change.uri for change in params.changes))


def _did_create_files(server: Server, params: types.CreateFilesParams) -> None:
    server.session.hint(_paths(file.uri for file in params.files))


def _did_delete_files(server: Server, params: types.DeleteFilesParams) -> None:
    server.session.hint(_paths(file.uri for file in params.files))


def _did_rename_files(server: Server, params: types.RenameFilesParams) -> None:
    server.session.hint(_paths(uri for file in params.files for uri in (file.old_uri, file.new_uri)))


# -- the workspace -----------------------------------------------------------------------------------------


async def _did_change_workspace_folders(server: Server, params: types.DidChangeWorkspaceFoldersParams) -> None:
    await server.session.change_folders(lambda folders: changed_folders(folders, params.event))


async def _did_change_configuration(server: Server, params: types.DidChangeConfigurationParams) -> None:
    settings = params.settings
    if isinstance(settings, dict) and "reloadls" in settings:
        await server.session.configure(settings["reloadls"])
    else:
        await server.pull_configuration()


def _paths(uris: Iterable[str]) -> list[str]:
    """Return the paths of a client's hints, ignoring URIs that are not files on this machine."""
    paths: list[str] = []
    for uri in uris:
        try:
            paths.append(from_uri(uri))
        except ValueError as error:
            _log.debug("ignoring a hint that is not a file: %s", error)
    return paths


FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        types.INITIALIZE: Feature(_initialize),
        types.INITIALIZED: Feature(_initialized),
        types.SHUTDOWN: Feature(_shutdown),
        methods.STATUS: Feature(_status),
        methods.SYNC: Feature(_sync),
        methods.SINCE: Feature(_since),
        methods.REFRESH_PATHS: Feature(_refresh_paths),
        methods.PAUSE: Feature(_pause),
        methods.RESUME: Feature(_resume),
        methods.TRIGGER: Feature(_trigger),
        methods.DRAIN: Feature(_drain),
        methods.RECORDS_SUBSCRIBE: Feature(_records_subscribe),
        methods.RECORDS_UNSUBSCRIBE: Feature(_records_unsubscribe),
        methods.RECORDS_SYNC: Feature(_records_sync),
        types.TEXT_DOCUMENT_DID_SAVE: Feature(_did_save, types.SaveOptions(include_text=False)),
        types.WORKSPACE_DID_CHANGE_WATCHED_FILES: Feature(_did_change_watched_files),
        types.WORKSPACE_DID_CREATE_FILES: Feature(_did_create_files, _EVERY_FILE),
        types.WORKSPACE_DID_DELETE_FILES: Feature(_did_delete_files, _EVERY_FILE),
        types.WORKSPACE_DID_RENAME_FILES: Feature(_did_rename_files, _EVERY_FILE),
        types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: Feature(_did_change_workspace_folders),
        types.WORKSPACE_DID_CHANGE_CONFIGURATION: Feature(_did_change_configuration),
    }
)
"""Method → its handler."""
_OPTIONS = {method: feature.options for method, feature in FEATURES.items() if feature.options is not None}
