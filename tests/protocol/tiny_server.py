"""A small server with one handler of each kind: what the endpoint's and the transport's tests talk to."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from reloadls.protocol import (
    InvalidParams,
    RefreshPathsParams,
    RefreshPathsResult,
    ReloadStatus,
    RequestFailed,
    SafeProtocol,
    SinceParams,
    SinceResult,
    StatusParams,
    SyncParams,
    SyncResult,
    make_converter,
)
from reloadls.wire import methods


def tiny_status() -> ReloadStatus:
    return ReloadStatus(state="watching", backend="native", roots=(), debounce_ms=200, max_wait_ms=2000, clock="c:1:0")


class Tiny(LanguageServer):
    """Counts what its handlers did, and holds back those that are told to wait."""

    def __init__(self) -> None:
        super().__init__("tiny", "1", protocol_cls=SafeProtocol, converter_factory=make_converter)
        self.gate = asyncio.Event()
        self.done: list[str] = []

    @property
    def safe(self) -> SafeProtocol:
        assert isinstance(self.protocol, SafeProtocol)
        return self.protocol


def make_server() -> Tiny:
    server = Tiny()

    @server.feature(methods.STATUS)
    def status(params: StatusParams) -> ReloadStatus:
        assert isinstance(params, StatusParams)
        return tiny_status()

    @server.feature(methods.SYNC)
    async def sync(params: SyncParams) -> SyncResult:
        if params.timeout_ms == 0:
            raise RequestFailed("the time is over", uri="file:///p")
        return SyncResult(clock=f"c:1:{params.timeout_ms}")

    @server.feature(methods.SINCE)
    def since(params: SinceParams) -> SinceResult:
        if params.clock == "bad":
            raise InvalidParams("clock", "must be one of ours")
        if params.clock == "boom":
            raise RuntimeError("boom\nsecond line")
        return SinceResult(clock="c:1:9", fresh=params.clock is None, changes=())

    @server.feature(methods.REFRESH_PATHS)
    def refresh(params: RefreshPathsParams) -> RefreshPathsResult:
        return RefreshPathsResult(roots=(), added=params.paths or (), removed=(), clock="c:1:1")

    @server.feature("test/echo")
    def echo(params: Any) -> Any:
        return params

    @server.feature("test/wait")
    async def wait(params: Any) -> str:
        try:
            await server.gate.wait()
        except asyncio.CancelledError:
            server.done.append("cancelled")
            raise
        server.done.append("waited")
        return "waited"

    @server.feature("test/stubborn")
    async def stubborn(params: Any) -> str:
        while not server.gate.is_set():
            try:
                await server.gate.wait()
            except asyncio.CancelledError:
                server.done.append("ignored")
        return "stubborn"

    @server.feature("test/thread")
    @server.thread()
    def thread(params: Any) -> bool:
        return threading.current_thread() is not threading.main_thread()

    @server.feature("test/unsendable")
    def unsendable(params: Any) -> Any:
        return {"no": {1, 2}}

    @server.feature("test/print")
    def stray_print(params: Any) -> str:
        print("a stray print", flush=True)
        sys.stdout.flush()
        return "printed"

    @server.feature("test/big")
    def big(params: Any) -> str:
        return "x" * int(params["size"])

    @server.feature("test/note")
    async def note(params: Any) -> None:
        server.done.append(f"note {params}")

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        server.done.append(params.text_document.uri)

    @server.command("tiny.add")
    def add(left: int, right: int) -> int:
        return left + right

    return server


if __name__ == "__main__":
    from reloadls.service.transports.stdio import serve_stdio

    async def main() -> int:
        return await serve_stdio(make_server())

    sys.exit(asyncio.run(main()))
