"""A minimal editor without file watching, for testing a server behind the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from reloadls.proxy import rewrite
from reloadls.proxy.main import ProxyOptions, run_proxy
from reloadls.proxy.messages import Message, MessageStream, framed
from reloadls.proxy.pipes import Inlet, Outlet
from reloadls.wire.uris import to_uri

__all__ = ["Editor", "ServerEnded"]

_CLOSE_S: Final = 2.0
_STEP_S: Final = 0.01
_CAPABILITIES: Final = {
    "workspace": {"configuration": True, "workspaceFolders": True},
    "textDocument": {"publishDiagnostics": {}},
}


class ServerEnded(Exception):
    """The server has exited before it answered."""


class Editor:
    """The client's side of one connection. Answers the server's requests with empty results.

    Attributes:
        on_message: called with the method of each message from the server.
    """

    def __init__(self) -> None:
        self._stream = MessageStream()
        self._outlet = Outlet()
        self._count = 0
        self._responses: dict[Any, asyncio.Future[Any]] = {}
        self._proxy: asyncio.Task[int] | None = None
        self.on_message: Callable[[str], None] = lambda _: None

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, options: ProxyOptions) -> AsyncIterator[Editor]:
        """Start an editor, the proxy and the server; all of them end with the context.

        Args:
            options: the server's command and the proxy's settings.

        Raises:
            StartError: the server can't be started.
            ServerEnded: the server has exited.
        """
        editor = cls()
        source, ours_out = os.pipe()
        ours_in, sink = os.pipe()
        editor._proxy = proxy = asyncio.create_task(run_proxy(options, source, sink))
        inlet = Inlet(editor._on_data, lambda: None)
        inlet.open(ours_in)
        editor._outlet.open(ours_out)
        try:
            yield editor
        finally:
            if not proxy.done():
                with contextlib.suppress(TimeoutError, ServerEnded):
                    await editor.request("shutdown", None, within=_CLOSE_S)
                editor.send({"method": "exit"})
            editor._outlet.close()
            await asyncio.wait({proxy}, timeout=_CLOSE_S)
            if not proxy.done():  # a server that does not exit ends with us
                proxy.cancel()
            inlet.close()

    async def initialize(self, folder: str, *, within: float) -> None:
        """Send `initialize` and `initialized` for one workspace folder; `within` is in seconds."""
        uri = to_uri(folder)
        params = {
            "processId": os.getpid(),
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": os.path.basename(folder)}],
            "capabilities": _CAPABILITIES,
        }
        await self.request("initialize", params, within=within)
        self.send({"method": "initialized", "params": {}})

    async def request(self, method: str, params: Any, *, within: float) -> Any:
        """Send a request and return its result.

        Args:
            method: the method.
            params: the params; None leaves them out.
            within: the timeout in seconds.

        Raises:
            TimeoutError: no response arrived in time.
            ServerEnded: the server has exited.
        """
        self._count += 1
        answer = self._responses[self._count] = asyncio.get_running_loop().create_future()
        self.send({"id": self._count, "method": method} | ({} if params is None else {"params": params}))
        await self.wait_until(answer.done, within=within)
        if not answer.done():
            raise TimeoutError
        return answer.result()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._outlet.write(framed(rewrite.encode({"jsonrpc": "2.0", **message})))

    async def wait_until_quiet(self, seconds: float, *, within: float) -> None:
        """Return when the server has sent nothing for `seconds`, or after `within` seconds."""
        last = time.monotonic()

        def on_message(_: str) -> None:
            nonlocal last
            last = time.monotonic()

        self.on_message = on_message
        await self.wait_until(lambda: time.monotonic() - last > seconds, within=within)
        self.on_message = lambda _: None

    async def wait_until(self, condition: Callable[[], bool], *, within: float) -> None:
        """Return when `condition` holds, or after `within` seconds."""
        end = time.monotonic() + within
        while not condition() and time.monotonic() < end:
            if self._proxy is not None and self._proxy.done():
                code = self._proxy.result()
                how = f"with code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
                raise ServerEnded(f"the server has exited {how}")
            await asyncio.sleep(_STEP_S)

    def _on_data(self, data: bytes) -> None:
        for piece in self._stream.feed(data):
            message = rewrite.parse(piece.body) if isinstance(piece, Message) else None
            if message is not None:
                self._on_message(message)

    def _on_message(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            answer = self._responses.pop(message.get("id"), None)
            if answer is not None and not answer.done():
                answer.set_result(message.get("result"))
            return
        if "id" in message:
            params = message.get("params")
            items = params.get("items") if isinstance(params, dict) else None
            self.send({"id": message["id"], "result": [{} for _ in items] if isinstance(items, list) else None})
        self.on_message(str(message["method"]))
