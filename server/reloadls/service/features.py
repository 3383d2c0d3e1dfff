"""Which method does what: the one table between the wire and a session."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lsprotocol import types

from reloadls.protocol import (
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
    methods,
    paths_from,
    to_uri,
)
from reloadls.service.workspace import changed_folders

if TYPE_CHECKING:
    from reloadls.service.server import ReloadServer

__all__ = ["register"]

_log = logging.getLogger(__name__)
_EVERY_FILE = types.FileOperationRegistrationOptions(
    filters=[types.FileOperationFilter(scheme="file", pattern=types.FileOperationPattern(glob="**/*"))]
)


def register(server: ReloadServer) -> None:
    """Give `server` everything that it answers beside LSP's own life cycle."""
    _register_requests(server)
    _register_hints(server)
    _register_workspace(server)


def _register_requests(server: ReloadServer) -> None:
    @server.feature(methods.STATUS)
    def status(params: StatusParams) -> ReloadStatus:
        return server.session.status(metrics=params.metrics)

    @server.feature(methods.SYNC)
    async def sync(params: SyncParams) -> SyncResult:
        return await server.watching_session.sync(params.timeout_ms / 1000)

    @server.feature(methods.SINCE)
    async def since(params: SinceParams) -> Encoded:
        return await server.watching_session.since(params.clock)

    @server.feature(methods.REFRESH_PATHS)
    async def refresh_paths(params: RefreshPathsParams) -> RefreshPathsResult:
        for index, path in enumerate(params.paths or ()):
            if not path or "\0" in path:
                raise InvalidParams(f"paths[{index}]", "must not be empty or hold a NUL")
            if path.startswith("file:"):
                paths_from([path], field="paths")
        return await server.watching_session.refresh_paths(params.paths)

    @server.feature(methods.PAUSE)
    async def pause(_params: NoParams) -> ReloadStatus:
        return await server.watching_session.pause()

    @server.feature(methods.RESUME)
    async def resume(_params: NoParams) -> ReloadStatus:
        return await server.watching_session.resume()

    @server.feature(methods.TRIGGER)
    async def trigger(params: TriggerParams) -> tuple[ReloadReport, ...]:
        # Spelled as all of ours: programs know of one spelling.
        uris = tuple(map(to_uri, paths_from(params.uris or (), field="uris")))
        return await server.watching_session.trigger(None if params.uris is None else uris)


def _register_hints(server: ReloadServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))
    async def did_save(params: types.DidSaveTextDocumentParams) -> None:
        await server.session.look(_paths([params.text_document.uri]), "save")

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        server.session.hint(_paths(change.uri for change in params.changes))

    @server.feature(types.WORKSPACE_DID_CREATE_FILES, _EVERY_FILE)
    def did_create_files(params: types.CreateFilesParams) -> None:
        server.session.hint(_paths(file.uri for file in params.files))

    @server.feature(types.WORKSPACE_DID_DELETE_FILES, _EVERY_FILE)
    def did_delete_files(params: types.DeleteFilesParams) -> None:
        server.session.hint(_paths(file.uri for file in params.files))

    @server.feature(types.WORKSPACE_DID_RENAME_FILES, _EVERY_FILE)
    def did_rename_files(params: types.RenameFilesParams) -> None:
        server.session.hint(_paths(uri for file in params.files for uri in (file.old_uri, file.new_uri)))


def _register_workspace(server: ReloadServer) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def did_change_workspace_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        await server.session.move(lambda folders: changed_folders(folders, params.event))

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        settings = params.settings
        if isinstance(settings, dict) and "reloadls" in settings:
            await server.session.configure(settings["reloadls"])
        else:
            await server.pull_configuration()


def _paths(uris: Iterable[str]) -> list[str]:
    """The paths that a client's hints name; what is no file on this machine is passed over."""
    paths: list[str] = []
    for uri in uris:
        try:
            paths.append(from_uri(uri))
        except ValueError as error:
            _log.debug("a hint that is no file: %s", error)
    return paths
