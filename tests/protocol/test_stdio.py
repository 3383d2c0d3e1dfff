"""The server over its standard streams: a real process, real pipes, and every way a client can leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from reloadls.base.descriptors import DescriptorWriter, LoopReader, ThreadReader
from reloadls.protocol import ClientProtocol, StatusParams, SyncParams, frame, make_converter
from reloadls.service.transports.stdio import serve_stdio
from tests.support.clients import RawClient, RecordingClient, RpcError, ServerGoneError

from .tiny_server import Tiny, make_server, tiny_status

ROOT = Path(__file__).parents[2]
ARGV = (sys.executable, "-m", "tests.protocol.tiny_server")
ENV = {**os.environ, "PYTHONPATH": f"{ROOT / 'server'}{os.pathsep}{ROOT}"}
INITIALIZE = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"capabilities":{}}}'
STATUS = b'{"jsonrpc":"2.0","id":2,"method":"reload/status"}'
SHUTDOWN = b'{"jsonrpc":"2.0","id":3,"method":"shutdown"}'
EXIT = b'{"jsonrpc":"2.0","method":"exit"}'

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX descriptors")


def recording() -> contextlib.AbstractAsyncContextManager[RecordingClient]:
    return RecordingClient.start(*ARGV, env=ENV, cwd=str(ROOT))


def raw() -> contextlib.AbstractAsyncContextManager[RawClient]:
    return RawClient.start(*ARGV, env=ENV, cwd=str(ROOT))


def run(stdin: bytes | int, **kwargs: object) -> subprocess.CompletedProcess[bytes]:
    """Run the server as a script does: all input at once, then what came."""
    source = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # either of two ways to give input
        ARGV, **source, **kwargs, capture_output=True, env=ENV, cwd=ROOT, timeout=60, check=False
    )


async def test_a_whole_session() -> None:
    async with recording() as client:
        result = await client.initialize()
        assert result["serverInfo"]["name"] == "tiny"
        assert (await client.request("reload/status"))["clock"] == "c:1:0"
        with pytest.raises(RpcError, match="timeoutMs must be an integer"):
            await client.request("reload/sync", {"timeoutMs": "x"})
        assert await client.shutdown() == 0


async def test_nothing_but_messages_is_on_stdout() -> None:
    async with recording() as client:
        await client.initialize()
        assert await client.request("test/print") == "printed"
        assert await client.request("test/echo", [1]) == [1]
        assert await client.shutdown() == 0
    assert "a stray print" in client.peer.stderr


async def test_damage_is_answered_and_the_stream_goes_on() -> None:
    async with raw() as client:
        client.send_body(INITIALIZE)
        await client.take()
        client.send(b"Content-Length: 99999999999\r\n\r\n{}")
        client.send_body(b"{")
        client.send(b"Content-Length: 5\r\n\r\n" + STATUS)
        client.send(frame(STATUS)[:10])
        client.send(frame(STATUS)[10:])
        replies = await client.take(4)
        assert [reply["id"] for reply in replies] == [None, None, None, 2]
        assert [reply["error"]["code"] for reply in replies[:3]] == [-32700] * 3


async def test_replies_larger_than_a_pipe_come_whole_and_in_order() -> None:
    async with recording() as client:
        await client.initialize()
        sizes = [5_000_000, 10, 300_000, 0]
        replies = [client.start_request("test/big", {"size": size})[1] for size in sizes]
        await client.wait_until(lambda: all(reply.done() for reply in replies), "all replies")
        assert [len(reply.result()) for reply in replies] == sizes
        assert [arrived.message["id"] for arrived in client.messages] == [1, 2, 3, 4, 5]


async def test_a_large_request_is_accepted() -> None:
    async with recording() as client:
        await client.initialize()
        text = "é" * 3_000_000
        assert await client.request("test/echo", {"text": text}) == {"text": text}


@pytest.mark.parametrize(
    ("stdin", "code", "replies"),
    [
        (frame(INITIALIZE) + frame(SHUTDOWN) + frame(EXIT), 0, 2),
        (frame(INITIALIZE) + frame(EXIT), 1, 1),
        (frame(INITIALIZE) + frame(SHUTDOWN), 0, 2),
        (frame(INITIALIZE) + frame(STATUS), 1, 2),
        (frame(INITIALIZE) + b"Content-Length: 100\r\n\r\n{", 1, 1),
        (b"", 1, 0),
        (frame(EXIT), 1, 0),
        (frame(SHUTDOWN) + frame(EXIT), 1, 1),
    ],
)
def test_how_it_ends(stdin: bytes, code: int, replies: int) -> None:
    done = run(stdin)
    assert done.returncode == code, done.stderr
    assert done.stdout.count(b"Content-Length") == replies
    assert done.stderr == b""


def test_a_script_gets_the_replies_it_is_still_waiting_for() -> None:
    thread = b'{"jsonrpc":"2.0","id":5,"method":"test/thread"}'
    assert b'"id":5,"result":true' in run(frame(INITIALIZE) + frame(thread)).stdout


def test_messages_before_exit_arrive_completely() -> None:
    big = b'{"jsonrpc":"2.0","id":5,"method":"test/big","params":{"size":5000000}}'
    assert run(frame(INITIALIZE) + frame(big) + frame(SHUTDOWN) + frame(EXIT)).stdout.count(b"x") >= 5_000_000


def test_regular_files_and_devices_serve_as_input_and_output(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes((frame(INITIALIZE) + frame(STATUS)) * 3)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as sink:
        done = subprocess.run(
            ARGV, stdin=source, stdout=sink, stderr=subprocess.PIPE, env=ENV, cwd=ROOT, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"")
    assert (tmp_path / "out").read_bytes().count(b"Content-Length") == 6
    assert run(subprocess.DEVNULL).returncode == 1


async def test_a_client_that_stops_reading_ends_the_server() -> None:
    # The input stays open: only the write fails.
    process = await asyncio.create_subprocess_exec(*ARGV, stdin=-1, stdout=-1, stderr=-1, env=ENV, cwd=ROOT)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(frame(INITIALIZE))
    await process.stdout.readuntil(b"}}}")
    process.stdout._transport.close()  # type: ignore[attr-defined]  # a reader has no way to close its pipe
    await asyncio.sleep(0)  # the loop closes it in its next turn
    process.stdin.write(frame(STATUS))
    assert await asyncio.wait_for(process.wait(), 10) == 1
    assert await process.stderr.read() == b""
    process.stdin.close()


async def test_the_client_reports_why_a_server_ended() -> None:
    code = "import sys; sys.stdin.buffer.read(5); print('my last words', file=sys.stderr)"
    async with RecordingClient.start(sys.executable, "-c", code) as client:
        with pytest.raises(ServerGoneError, match="reply to initialize"):
            await client.request("initialize")
    assert "my last words" in client.peer.stderr


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[tuple[socket.socket, asyncio.Task[int], Tiny]]:
    """A server in this process over a pair of sockets: the client's end, its task, and the server."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    server = make_server()
    task = asyncio.create_task(serve_stdio(server, theirs.fileno(), theirs.fileno()))
    try:
        yield ours, task, server
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert os.get_blocking(theirs.fileno())
        ours.close()
        theirs.close()


@posix_only
async def test_one_socket_for_both_directions() -> None:
    loop = asyncio.get_running_loop()
    async with served() as (client, task, _):
        await loop.sock_sendall(client, frame(INITIALIZE))
        assert b"capabilities" in await loop.sock_recv(client, 65536)
        await loop.sock_sendall(client, frame(SHUTDOWN) + frame(EXIT))
        assert await asyncio.wait_for(task, 10) == 0


@posix_only
async def test_a_recording_client_over_a_socket_misses_nothing() -> None:
    async with served() as (sock, task, server):
        reader, writer = await asyncio.open_connection(sock=sock.dup())
        async with RecordingClient.connect(reader, writer) as client:
            await client.initialize()
            for number in range(3):
                server.safe.send_raw("test/raw", {"number": number})
            # They come before anyone waits, and are found in any order of asking.
            await client.request("reload/status")
            assert await client.wait_for("test/raw", lambda params: params["number"] == 1) == {"number": 1}
            assert await client.wait_for("test/raw") == {"number": 2}
            assert client.received("test/raw") == [{"number": 0}, {"number": 1}, {"number": 2}]
            with pytest.raises(AssertionError, match="no test/raw that fits within 0"):
                await client.wait_for("test/raw", timeout=0)
            client.handlers["workspace/configuration"] = lambda params: [{"debounceMs": 5}]
            asked = server.safe.send_request_async(
                "workspace/configuration", types.ConfigurationParams([types.ConfigurationItem()])
            )
            assert await asyncio.wait_for(asked, 10) == ({"debounceMs": 5},)
        assert await asyncio.wait_for(task, 10) == 1


async def test_pyglss_own_client_gets_our_messages_typed() -> None:
    client = LanguageClient("test", "1", protocol_cls=ClientProtocol, converter_factory=make_converter)
    await client.start_io(*ARGV, env=ENV, cwd=str(ROOT))
    params = types.InitializeParams(capabilities=types.ClientCapabilities())
    await client.initialize_async(params)
    protocol = client.protocol
    status = await protocol.send_request_async("reload/status", StatusParams())
    assert status == tiny_status()
    assert (await protocol.send_request_async("reload/sync", SyncParams(7))).clock == "c:1:7"
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # pygls has no types here


@posix_only
async def test_a_client_that_closed_its_input_still_gets_its_replies() -> None:
    loop = asyncio.get_running_loop()
    async with served() as (client, task, server):
        await loop.sock_sendall(client, frame(INITIALIZE) + frame(b'{"jsonrpc":"2.0","id":5,"method":"test/wait"}'))
        await loop.sock_recv(client, 65536)
        client.shutdown(socket.SHUT_WR)
        for _ in range(20):
            await asyncio.sleep(0)
        server.gate.set()
        assert b'"id":5,"result":"waited"' in await loop.sock_recv(client, 65536)
        assert await asyncio.wait_for(task, 10) == 1


@posix_only
async def test_stop_ends_it_with_a_code() -> None:
    loop = asyncio.get_running_loop()
    async with served() as (client, task, server):
        await loop.sock_sendall(client, frame(INITIALIZE))
        await loop.sock_recv(client, 65536)
        server.safe.stop(143)
        assert await asyncio.wait_for(task, 10) == 143


@posix_only
async def test_a_slow_reader_is_not_waited_for_and_loses_nothing() -> None:
    loop = asyncio.get_running_loop()
    async with served() as (client, _, server):
        await loop.sock_sendall(client, frame(INITIALIZE))
        await loop.sock_recv(client, 65536)
        protocol = server.safe
        writer = protocol.writer
        assert isinstance(writer, DescriptorWriter)
        for number in range(200):
            protocol.send_raw("test/raw", {"number": number, "text": "x" * 10_000})
        assert writer.pending > 256 * 1024
        drained = asyncio.create_task(writer.drain())
        await asyncio.sleep(0)
        assert not drained.done()
        received = b""
        while received.count(b'"number"') < 200 or not received.endswith(b"}}"):
            received += await loop.sock_recv(client, 65536)
        await asyncio.wait_for(drained, 10)
        assert writer.pending == 0
        positions = [received.index(b'"number":%d,' % number) for number in range(200)]
        assert positions == sorted(positions)


@posix_only
@pytest.mark.parametrize("open_reader", [LoopReader, ThreadReader])
async def test_a_paused_reader_reads_nothing_until_it_resumes(open_reader: type[LoopReader | ThreadReader]) -> None:
    source, far = os.pipe()
    fed: asyncio.Queue[bytes] = asyncio.Queue()

    def feed(data: bytes) -> None:
        fed.put_nowait(data)
        if data == b"a":
            reader.pause()

    reader = open_reader(source, feed, lambda: fed.put_nowait(b"end"))
    os.write(far, b"a")
    assert await asyncio.wait_for(fed.get(), 10) == b"a"
    os.write(far, b"b")
    for _ in range(20):
        await asyncio.sleep(0)
    assert fed.empty()
    reader.resume()
    os.close(far)
    assert [await asyncio.wait_for(fed.get(), 10) for _ in range(2)] == [b"b", b"end"]
    os.close(source)


@posix_only
async def test_a_writer_without_a_reader_drops_messages() -> None:
    near, far = os.pipe()
    lost: list[bool] = []
    writer = DescriptorWriter(far, on_lost=lambda: lost.append(True))
    writer.write(b"x" * 1_000_000)
    assert writer.pending > 0
    assert not await writer.flush(0)
    os.close(near)
    await asyncio.wait_for(writer.drain(), 10)
    assert writer.is_closing() and lost == [True] and writer.pending == 0
    writer.write(b"more")
    assert lost == [True] and await writer.flush(0)
    os.close(far)


@posix_only
async def test_sigterm_is_for_the_caller_to_turn_into_stop() -> None:
    loop = asyncio.get_running_loop()
    async with served() as (_client, task, server):
        loop.add_signal_handler(signal.SIGTERM, server.safe.stop, 143)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, 10) == 143
        loop.remove_signal_handler(signal.SIGTERM)
