"""Our own service on the same connection: `reload/*` for the editor, beside what the language server offers.

It is a `reloadls serve` process of its own, so that neither can hold the other up. The editor's requests that are for
it go there and nowhere else, and its answers carry the editor's own ids. It is told of a client that can do nothing,
and so asks nothing: there are no ids of its own that could collide with the language server's. What both say is wrong
with a file is shown together.
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
"""Bytes that wait for a service which takes nothing, beyond which it is given up."""
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
"""What both are told."""
_MARKERS: Final = (b"reload", b"cancelRequest", *(method.rpartition("/")[2].encode() for method in sorted(_SHARED)))
"""What is looked for before a message is parsed."""
_MAX_MESSAGE: Final = 1 << 30
"""Messages of our own are held whole, however large: all files of a workspace may be in one."""
_END_S: Final = 2.0
_log = logging.getLogger("reloadls.proxy")


class ReloadSidecar:
    """The service's process, and what the editor and it have to say to each other."""

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

        Raises:
            StartError: that is not possible.
        """
        # In a group of its own, since Ctrl-C is for the server: this one ends when that has.
        sidecar = cls(await start(command, own_group=True), to_editor)
        await sidecar._outlet.open(sidecar._child.stdin)
        await sidecar._inlet.open(sidecar._child.stdout)
        return sidecar

    async def stop(self) -> None:
        """End it."""
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
        """The editor says hello: so it is to the service, too."""
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
        if again:  # the server refused the first one; the service did not
            return
        self._send({"jsonrpc": "2.0", "id": _INITIALIZE_ID, "method": "initialize", "params": initialize})

    def is_for_service(self, message: Message) -> bool:
        """Whether a message of the editor's is for the service alone; what is for both is passed on, too."""
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
        """A message of the server's, with what the service can do, or what it says of the same file, added."""
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

    # -- what the editor and the server say ------------------------------------------------------------------

    def _is_service_method(self, method: str, params: Any) -> bool:
        about = params if isinstance(params, dict) else {}
        if method == "$/cancelRequest":
            return rewrite.is_id(about.get("id")) and about["id"] in self._pending
        return method in REQUESTS or (method == "workspace/executeCommand" and str(about.get("command")) in COMMANDS)

    def _note_request(self, id: Any) -> bool:
        """Note a request, and whether there is somebody to ask."""
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

    # -- what the service says -------------------------------------------------------------------------------

    def _from_service(self, data: bytes) -> None:
        for piece in self._stream.feed(data):
            message = rewrite.parse(piece.body) if isinstance(piece, Message) else None
            if message is None or message.get("id") == _INITIALIZE_ID:
                continue
            if "method" in message and "id" in message:  # it may ask nothing: the answer would go to the server
                self._send(rewrite.failure(message["id"], "the client can do nothing"))
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
            _log.warning("the service beside the server has ended")
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
        """Tell the editor what is made when it is told, between two of the server's messages.

        The service is not read on meanwhile.
        """
        if not self._queue and not self._to_editor.busy:
            self._to_editor.write(make())
            return
        self._queue.append(make)
        if len(self._queue) == 1:
            self._inlet.pause()
            self._sender = asyncio.create_task(self._send_queued(), name="reloadls-proxy-beside")

    async def _send_queued(self) -> None:
        while self._queue:
            await self._to_editor.room()
            self._to_editor.write(self._queue[0]())
            self._queue.popleft()
        self._inlet.resume()

    def _send(self, message: dict[str, Any]) -> None:
        self._send_bytes(framed(rewrite.encode(message)))

    def _send_bytes(self, data: bytes) -> None:
        """Tell the service. One that takes nothing for good is given up: nobody waits for it."""
        if self._ended:
            return
        self._outlet.write(data)
        if self._outlet.backlog > BACKLOG:
            _log.warning("the service beside the server takes nothing")
            self._outlet.abort()
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._child.process.kill()


def _offered(result: dict[str, Any]) -> dict[str, Any]:
    """The server's capabilities, and the service's."""
    capabilities = _object(result.get("capabilities"))
    experimental = _object(capabilities.get("experimental")) | {"reload": reload_capability()}
    commands = _object(capabilities.get("executeCommandProvider"))
    theirs = commands.get("commands")
    commands["commands"] = [*(theirs if isinstance(theirs, list) else []), *COMMANDS]
    return capabilities | {"experimental": experimental, "executeCommandProvider": commands}


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
