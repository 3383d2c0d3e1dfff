"""The LSP server of one client connection: it owns the client's session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import lsp_method

from reloadls._version import __version__
from reloadls.protocol import ReloadStatus, RequestFailed, SafeProtocol, make_converter
from reloadls.service.features import register
from reloadls.service.host import Host
from reloadls.service.parent_process import wait_for_exit
from reloadls.service.progress import ScanProgress
from reloadls.service.session import ClientSession
from reloadls.service.workspace import folders_of
from reloadls.wire import methods

__all__ = ["ReloadServer"]

_log = logging.getLogger(__name__)
_CONFIGURATION_S = 10.0
"""Seconds that a client may take to answer `workspace/configuration`."""


class ReloadProtocol(SafeProtocol):
    """Announces in `initialize` that the service needs `didSave` only, not the documents."""

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Answer with the capabilities of the service."""
        result = yield from super().lsp_initialize(params)
        result.capabilities.text_document_sync = types.TextDocumentSyncOptions(
            open_close=False, change=types.TextDocumentSyncKind.None_, save=types.SaveOptions(include_text=False)
        )
        return result


class ReloadServer(LanguageServer):
    """Serves one client. Each connection gets its own server, created on the event loop.

    Args:
        host: the state shared with the other servers of the process; None creates one.
        admitted: whether to register the handlers now. Otherwise `admit` does so, which is most of the set-up time.
    """

    protocol: ReloadProtocol

    def __init__(self, host: Host | None = None, *, admitted: bool = True) -> None:
        self._host = host or Host()
        super().__init__(
            "reloadls",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.None_,
            protocol_cls=ReloadProtocol,
            converter_factory=make_converter,
        )
        self._session: ClientSession | None = None
        self._progress: ScanProgress | None = None
        self._watching = False
        self._tasks: set[asyncio.Task[None]] = set()
        if admitted:
            self.admit()

    def admit(self) -> None:
        """Register the handlers, once the client is authenticated. Idempotent."""
        if types.INITIALIZE not in self.protocol.fm.features:
            register(self)

    @property
    def session(self) -> ClientSession:
        """The client's session, which exists from `initialize` on.

        Raises:
            RequestFailed: `initialize` was not received yet.
        """
        if self._session is None:
            raise RequestFailed("no session before 'initialize'")
        return self._session

    @property
    def watching_session(self) -> ClientSession:
        """The client's session, for requests that need watching.

        Raises:
            RequestFailed: the client has not sent `initialized` yet.
        """
        if not self._watching:
            raise RequestFailed("watching starts with the notification 'initialized'; send it first")
        return self.session

    def open_session(self, params: types.InitializeParams) -> None:
        """Create the session from the params of `initialize`."""
        self._session = ClientSession(self, params.initialization_options, folders_of(params), self._host)
        if params.process_id is not None:
            self._spawn(self._end_with(params.process_id))

    async def begin(self) -> None:
        """Start watching after `initialized`, and request the client's configuration."""
        if self._watching:
            return
        self._watching = True
        begin = self._spawn(self.session.begin())
        self._spawn(self.pull_configuration())
        try:
            await asyncio.shield(begin)
        except Exception as error:
            _log.exception("watching could not start")
            self.send_error(f"reloadls can't watch: {error}")

    async def end(self) -> None:
        """Stop watching and cancel all tasks."""
        if self._session is not None:
            await self._session.end()
        tasks, self._tasks = self._tasks - {asyncio.current_task()}, set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def pull_configuration(self) -> None:
        """Request the client's settings, if it supports `workspace/configuration`."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        items = types.ConfigurationParams(items=[types.ConfigurationItem(section="reloadls")])
        try:
            async with asyncio.timeout(_CONFIGURATION_S):
                answer = await self.workspace_configuration_async(items)
        except Exception as error:
            _log.warning("the client did not return its configuration: %s", error)
            return
        if answer and answer[0] is not None:
            await self.session.configure(answer[0])

    # -- what a session sends ----------------------------------------------------------------------------

    async def send(self, bodies: Iterable[bytes]) -> None:
        """See `Client.send`."""
        for body in bodies:
            self.protocol.send_body(body)
        drain: Callable[[], Coroutine[Any, Any, None]] | None = getattr(self.protocol.writer, "drain", None)
        if drain is not None:
            await drain()

    def send_status(self, status: ReloadStatus) -> None:
        """See `Client.send_status`."""
        self.protocol.notify(methods.DID_CHANGE_STATUS, status)

    def send_error(self, message: str) -> None:
        """See `Client.send_error`."""
        self.window_show_message(types.ShowMessageParams(types.MessageType.Error, message))

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None:
        """See `Client.on_scan`."""
        window = self.client_capabilities.window
        if window is not None and window.work_done_progress:
            if self._progress is None:
                self._progress = ScanProgress(self.protocol, scanned)
            self._progress.on_scan(begins)

    # -- helpers -----------------------------------------------------------------------------------------

    async def _end_with(self, pid: int) -> None:
        await wait_for_exit(pid)
        _log.info("the client's process %d has exited", pid)
        self.protocol.stop()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
