"""A reloadls service on the editor's connection to a language server: `reload/*` for the editor.

The service is a separate `reloadls serve` process, so that neither server blocks the other. The editor's `reload/*`
requests go to it only, and its responses carry the editor's ids. It sees a client without capabilities, so it sends no
requests whose ids could collide with the language server's. The diagnostics of both are merged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from reloadls.proxy import rewrite
from reloadls.proxy.child import Child, start
from reloadls.proxy.diagnostics import PUBLISH, Diagnostics
from reloadls.proxy.messages import Message, MessageStream, framed
from reloadls.proxy.pipes import Inlet, Outlet
from reloadls.wire.methods import COMMANDS, REQUESTS, reload_capability

__all__ = ["BACKLOG", "SERVICE", "ReloadSidecar"]

SERVICE: Final = (sys.executable, "-m", "reloadls", "serve", "--stdio")
BACKLOG: Final = 16 * 1024 * 1024
"""Unsent bytes above which a service that reads nothing is given up."""
_INITIALIZE_ID: Final = "reloadls/initialize"
_SHARED: Final = {
    "initialized",
    "textDocument/didSave",
    "workspace/didChangeConfiguration",
    "workspace/didChangeWatchedFiles",
    "workspace/didChangeWorkspaceFolders",
    "workspace/didCreateFiles",
    "workspace/didDeleteFiles",
    "workspace/didRenameFiles",
}
"""Notifications that both receive."""
_MARKERS: Final = (b"reload", b"cancelRequest", *(method.rpartition("/")[2].encode() for method in sorted(_SHARED)))
"""Only messages that contain one of these are parsed."""
_MAX_MESSAGE: Final = 1 << 30
"""The largest message of the service, in bytes: one may list all files of a workspace."""
_END_S: Final = 2.0
_log = logging.getLogger("reloadls.proxy")


class ReloadSidecar:
    """The service's process, and the messages between it and the editor."""

    def __init__(self, child: Child, to_editor: Outlet) -> None:
        self._child = child
        self._to_editor = to_editor
        self._outlet = Outlet()
        self._inlet = Inlet(self._from_service, self._on_ended)
        self._stream = MessageStream(_MAX_MESSAGE)
        self._diagnostics = Diagnostics()
        self._pending: set[str | int] = set()
        self._initialize_id: Any = None
        self._initialized = False
        self._ended = False
        self._queue: deque[Callable[[], bytes]] = deque()
        self._sender: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, to_editor: Outlet, command: Sequence[str] = SERVICE) -> ReloadSidecar:
        """Start the service.

        Args:
            to_editor: the connection to the editor.
            command: the service's command.

        Raises:
            StartError: the command can't be started.
        """
        # In its own process group: Ctrl-C is for the server, and the service ends after the server.
        sidecar = cls(await start(command, own_group=True), to_editor)
        sidecar._outlet.open(sidecar._child.stdin)
        sidecar._inlet.open(sidecar._child.stdout)
        return sidecar

    async def stop(self) -> None:
        """End the service."""
        self._ended = True
        if self._sender is not None:
            self._sender.cancel()
        self._outlet.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._child.process.wait()
        except TimeoutError:
            self._kill()
            await self._child.process.wait()
        self._outlet.abort()
        self._inlet.close()

    def on_initialize(self, request: dict[str, Any]) -> None:
        """Initialize the service with the folders and options of the editor's `initialize`."""
        given = request.get("params")
        params = given if isinstance(given, dict) else {}
        options = params.get("initializationOptions")
        own = options.get("reloadls") if isinstance(options, dict) else None
        kept = {
            name: params[name] for name in ("processId", "rootUri", "rootPath", "workspaceFolders") if name in params
        }
        initialize = {
            "processId": None,
            **kept,
            "capabilities": {},
            "initializationOptions": (own if isinstance(own, dict) else {}) | {"watchedFiles": False},
        }
        again = self._initialized
        self._initialize_id, self._initialized = request.get("id"), True
        if again:  # the server refused the first one, the service did not
            return
        self._send({"jsonrpc": "2.0", "id": _INITIALIZE_ID, "method": "initialize", "params": initialize})

    def is_for_service(self, message: Message) -> bool:
        """Return whether a message of the editor is for the service only. Send it to the service if it needs it."""
        if not any(mark in message.raw for mark in _MARKERS):
            return False
        parsed = rewrite.parse(message.body) or {}
        method = parsed.get("method")
        if not isinstance(method, str):
            return False
        if method in _SHARED:
            self._send_bytes(message.raw)
            return False
        if not self._is_service_method(method, parsed.get("params")):
            return False
        if method == "$/cancelRequest" or self._note_request(parsed.get("id")):
            self._send_bytes(message.raw)
        return True

    def rewrite_answer(self, message: Message) -> bytes:
        """Add the service's capabilities or diagnostics to a message of the server, and return its bytes."""
        if b"publishDiagnostics" in message.raw:
            return self._merge_diagnostics(message)
        if self._initialize_id is None or b'"result"' not in message.raw:
            return message.raw
        answer = rewrite.parse(message.body)
        if answer is None or "method" in answer or answer.get("id") != self._initialize_id:
            return message.raw
        self._initialize_id = None
        result = answer.get("result")
        if not isinstance(result, dict):
            return message.raw
        return framed(rewrite.encode(answer | {"result": result | {"capabilities": _offered(result)}}))

    # -- messages of the editor and the server ---------------------------------------------------------------

    def _is_service_method(self, method: str, params: Any) -> bool:
        about = params if isinstance(params, dict) else {}
        if method == "$/cancelRequest":
            return rewrite.is_id(about.get("id")) and about["id"] in self._pending
        return method in REQUESTS or (method == "workspace/executeCommand" and str(about.get("command")) in COMMANDS)

    def _note_request(self, id: Any) -> bool:
        """Note a pending request; return False, after an error response, if the service has ended."""
        if self._ended:
            self._refuse(id)
        elif rewrite.is_id(id):
            self._pending.add(id)
        return not self._ended

    def _merge_diagnostics(self, message: Message) -> bytes:
        published = rewrite.parse(message.body)
        if published is None or published.get("method") != PUBLISH:
            return message.raw
        together = self._diagnostics.from_server(published, message.body)
        return message.raw if together is None else framed(rewrite.encode(together))

    # -- messages of the service -----------------------------------------------------------------------------

    def _from_service(self, data: bytes) -> None:
        for piece in self._stream.feed(data):
            message = rewrite.parse(piece.body) if isinstance(piece, Message) else None
            if message is None or message.get("id") == _INITIALIZE_ID:
                continue
            if "method" in message and "id" in message:  # the editor's response would go to the server
                self._send(rewrite.failure(message["id"], "the client supports no requests"))
            elif message.get("method") == PUBLISH:
                self._post(lambda message=message: self._merged(message))  # type: ignore[misc]
            else:
                if rewrite.is_id(message.get("id")):
                    self._pending.discard(message["id"])
                self._post(lambda raw=piece.raw: raw)  # type: ignore[misc]

    def _merged(self, published: dict[str, Any]) -> bytes:
        return framed(rewrite.encode(self._diagnostics.from_service(published)))

    def _on_ended(self) -> None:
        if not self._ended:
            _log.warning("the reloadls service has ended")
        self._ended = True
        for id in self._pending:
            self._refuse(id)
        self._pending.clear()
        self._post(self._without_service)

    def _without_service(self) -> bytes:
        return b"".join(framed(rewrite.encode(message)) for message in self._diagnostics.service_ended())

    def _refuse(self, id: Any) -> None:
        if id is not None:
            answer = framed(rewrite.encode(rewrite.failure(id, "the reloadls service has ended")))
            self._post(lambda: answer)

    def _post(self, make: Callable[[], bytes]) -> None:
        """Send the result of `make` to the editor, between two messages of the server.

        Reading from the service pauses meanwhile.

        Args:
            make: called when the message is sent, so that it uses the latest state.
        """
        if not self._queue and not self._to_editor.busy:
            self._to_editor.write(make())
            return
        self._queue.append(make)
        if len(self._queue) == 1:
            self._inlet.pause()
            self._sender = asyncio.create_task(self._send_queued(), name="reloadls-proxy-sidecar")

    async def _send_queued(self) -> None:
        while self._queue:
            await self._to_editor.room()
            self._to_editor.write(self._queue[0]())
            self._queue.popleft()
        self._inlet.resume()

    def _send(self, message: dict[str, Any]) -> None:
        self._send_bytes(framed(rewrite.encode(message)))

    def _send_bytes(self, data: bytes) -> None:
        """Send bytes to the service, and give it up if it does not read them."""
        if self._ended:
            return
        self._outlet.write(data)
        if self._outlet.backlog > BACKLOG:
            _log.warning("giving up the reloadls service: it reads nothing while %d bytes are pending", BACKLOG)
            self._outlet.abort()
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._child.process.kill()


def _offered(result: dict[str, Any]) -> dict[str, Any]:
    """Return the server's capabilities with those of the service added."""
    capabilities = _object(result.get("capabilities"))
    experimental = _object(capabilities.get("experimental")) | {"reload": reload_capability()}
    commands = _object(capabilities.get("executeCommandProvider"))
    theirs = commands.get("commands")
    commands["commands"] = [*(theirs if isinstance(theirs, list) else []), *COMMANDS]
    return capabilities | {"experimental": experimental, "executeCommandProvider": commands}


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
