"""Any number of clients in one process: none of them knows of the others, whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from reloadls.protocol import frame, from_uri
from tests.support.clients import RawClient, RecordingClient, RpcError
from tests.support.peers import StreamPeer, WsPeer
from tests.support.service import COMMAND, ON_SOCKETS, Service, Transport

Json = dict[str, Any]
on_sockets = pytest.mark.parametrize("transport", ON_SOCKETS)
on_streams = pytest.mark.parametrize("transport", [name for name in ON_SOCKETS if name != "ws"])


def names(client: RecordingClient) -> list[str]:
    """The names of all that a client was told of."""
    batches = client.received("reload/didChange")
    return [os.path.basename(from_uri(change["uri"])) for batch in batches for change in batch["changes"]]


async def goes_on(client: RecordingClient, folder: Path, name: str) -> None:
    """A change is told to this client."""
    (folder / name).touch()
    await client.request("reload/sync")
    assert name in names(client)


@on_sockets
async def test_each_client_has_a_session_of_its_own(tmp_path: Path, transport: Transport) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    async with (
        Service.start(transport) as service,
        service.session(one, debounceMs=20) as first,
        service.session(two, debounceMs=30) as second,
    ):
        (one / "a").touch()
        (two / "b").touch()
        await asyncio.gather(first.request("reload/sync"), second.request("reload/sync"))
        assert (names(first), names(second)) == (["a"], ["b"])
        await first.request("reload/pause")
        assert (await second.request("reload/status"))["state"] == "watching"
        assert [(await client.request("reload/status"))["debounceMs"] for client in (first, second)] == [20, 30]


@on_sockets
async def test_bad_params_are_answered(tmp_path: Path, transport: Transport) -> None:
    async with Service.start(transport) as service, service.session(tmp_path) as client:
        for params, field in (({"timeoutMs": "soon"}, "timeoutMs"), ({"timeout": 1}, "timeout"), ([1], "")):
            with pytest.raises(RpcError) as caught:
                await client.request("reload/sync", params)
            assert (caught.value.code, caught.value.data["field"]) == (-32602, field)
        await client.request("reload/sync")


@on_sockets
async def test_exit_ends_only_the_clients_own_connection(tmp_path: Path, transport: Transport) -> None:
    async with Service.start(transport) as service, service.session(tmp_path, debounceMs=20) as other:
        async with service.session(tmp_path) as client:
            await client.shutdown()
            assert client.received("reload/didChangeStatus")[-1]["state"] == "stopped"
        async with service.session(tmp_path) as client:
            client.notify("exit")
            await client.peer.wait()
        await goes_on(other, tmp_path, "a")
        assert service.process.stderr.count("\n") == 1


@on_sockets
async def test_the_death_of_a_clients_process_ends_only_its_connection(tmp_path: Path, transport: Transport) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    async with (
        Service.start(transport) as service,
        service.session(tmp_path, debounceMs=20) as other,
        service.client(RecordingClient) as client,
    ):
        await client.initialize(service.hello(tmp_path, process_id=parent.pid))
        await client.request("reload/sync")
        parent.kill()
        parent.communicate()
        await client.peer.wait()
        await goes_on(other, tmp_path, "a")


@on_sockets
async def test_a_client_that_sends_garbage_harms_only_itself(tmp_path: Path, transport: Transport) -> None:
    async with (
        Service.start(transport) as service,
        service.session(tmp_path, debounceMs=20) as other,
        service.client(RawClient) as client,
    ):
        client.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": service.hello(tmp_path)})
        await client.take()
        client.send_body(b"{not json")
        client.send_json([1, 2])
        client.send_json({"jsonrpc": "2.0", "id": 2, "method": "nobody/knows"})
        codes = [message["error"]["code"] for message in await client.take(3)]
        assert codes == [-32700, -32600, -32601]
        await goes_on(other, tmp_path, "a")
        client.send_json({"jsonrpc": "2.0", "id": 3, "method": "reload/status"})
        assert (await client.take())[0]["id"] == 3


@on_streams
async def test_a_broken_header_is_answered_and_the_stream_goes_on(tmp_path: Path, transport: Transport) -> None:
    async with Service.start(transport) as service, service.client(RawClient) as client:
        client.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": service.hello(tmp_path)})
        await client.take()
        status = b'{"jsonrpc":"2.0","id":2,"method":"reload/status"}'
        client.send(b"Content-Length: 99999999999\r\n\r\n{}")
        client.send_body(b"{")
        client.send(b"Content-Length: 5\r\n\r\n" + status)
        client.send(frame(status)[:10])
        client.send(frame(status)[10:])
        replies = await client.take(4)
        assert [reply["id"] for reply in replies] == [None, None, None, 2]
        assert [reply["error"]["code"] for reply in replies[:3]] == [-32700] * 3


@on_streams
async def test_a_client_that_closed_its_input_still_gets_its_replies(tmp_path: Path, transport: Transport) -> None:
    async with Service.start(transport) as service, service.client(RawClient) as client:
        client.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": service.hello(tmp_path)})
        client.send_json({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        client.send_json({"jsonrpc": "2.0", "id": 2, "method": "reload/sync"})
        client.peer.close_input()
        await client.wait_until(lambda: any(arrived.message.get("id") == 2 for arrived in client.messages), "a reply")


@on_sockets
async def test_a_client_that_breaks_off_harms_only_itself(tmp_path: Path, transport: Transport) -> None:
    async with Service.start(transport) as service, service.session(tmp_path, debounceMs=20) as other:
        for _ in range(3):
            async with service.session(tmp_path) as client:
                client.start_request("reload/since")
                await break_off(client)
        await goes_on(other, tmp_path, "a")
        assert "Traceback" not in service.process.stderr


async def break_off(client: RecordingClient) -> None:
    """Close its socket at once, so that the other end is told that it was reset."""
    assert isinstance(client.peer, StreamPeer | WsPeer)
    transport = client.peer.connection.transport if isinstance(client.peer, WsPeer) else client.peer.transport
    if (sock := transport.get_extra_info("socket")).family != getattr(socket, "AF_UNIX", None):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class TestWebSocket:
    async def test_messages_are_single_text_frames_and_binary_ones_and_parts_are_taken(self, tmp_path: Path) -> None:
        async with Service.start("ws") as service, connect(f"ws://{service.address}") as connection:
            hello = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": service.hello(tmp_path)})
            await connection.send([hello[:10], hello[10:20], hello[20:]])
            assert json.loads(await self.text(connection))["id"] == 1
            await connection.send(b'{"jsonrpc":"2.0","id":2,"method":"reload/status"}')
            assert json.loads(await self.text(connection))["id"] == 2
            await connection.ping()
            await connection.close()
            assert connection.close_code == 1000

    async def test_a_message_over_64_mib_ends_the_connection_with_1009(self, tmp_path: Path) -> None:
        async with Service.start("ws") as service, service.session(tmp_path, debounceMs=20) as other:
            async with service.session(tmp_path) as client:
                assert isinstance(client.peer, WsPeer)
                client.peer.send_text("x" * (64 * 1024 * 1024 + 1))
                await client.peer.wait()
                assert client.peer.connection.close_code == 1009
            await goes_on(other, tmp_path, "a")

    async def test_a_client_without_websocket_is_answered(self) -> None:
        async with Service.start("ws") as service:
            reader, writer = await service.streams()
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 426 ")
            writer.close()

    @staticmethod
    async def text(connection: ClientConnection) -> str:
        message = await connection.recv()
        assert isinstance(message, str)
        return message


class TestSlowReaders:
    @on_sockets
    async def test_a_client_that_stalls_is_disconnected_and_no_other(
        self, tmp_path: Path, transport: Transport
    ) -> None:
        for number in range(2000):
            (tmp_path / f"file-with-a-rather-long-name-{number}").touch()
        async with (
            Service.start(transport, "--drop-after", "0.4") as service,
            service.session(tmp_path, debounceMs=20) as other,
            mute(service, service.hello(tmp_path)),
        ):
            await goes_on(other, tmp_path, "a")
            await service.process.wait_for_stderr("it reads nothing")
            await goes_on(other, tmp_path, "b")
            assert "Traceback" not in service.process.stderr

    @on_sockets
    async def test_one_that_has_nothing_to_read_is_not(self, tmp_path: Path, transport: Transport) -> None:
        async with (
            Service.start(transport, "--drop-after", "0.05") as service,
            service.session(tmp_path, debounceMs=20) as idle,
            service.session(tmp_path, debounceMs=20) as busy,
        ):
            for number in range(20):
                (tmp_path / "a").write_text(str(number))
                await busy.request("reload/sync")
            await goes_on(idle, tmp_path, "b")


@contextlib.asynccontextmanager
async def mute(service: Service, hello: Json) -> AsyncIterator[None]:
    """A client that asks for much, and reads nothing."""
    requests: list[Json] = [
        {"id": 0, "method": "initialize", "params": hello},
        {"method": "initialized", "params": {}},
        *({"id": number, "method": "reload/since"} for number in range(1, 100)),
    ]
    bodies = [json.dumps({"jsonrpc": "2.0", **request}) for request in requests]
    if service.transport == "ws":
        connection = await connect(f"ws://{service.address}", max_queue=1, ping_interval=None, close_timeout=0)
        for body in bodies:
            await connection.send(body)
        yield
        connection.transport.abort()
        await connection.wait_closed()
        return
    _, writer = await service.streams()
    for body in bodies:
        writer.write(frame(body.encode()))
    yield
    writer.transport.abort()


@pytest.mark.skipif(os.name == "nt", reason="needs ulimit")
@on_sockets
async def test_it_continues_once_descriptors_are_available(tmp_path: Path, transport: Transport) -> None:
    few = ("sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *COMMAND)
    async with Service.start(transport, command=few) as service:
        held = [await service.streams() for _ in range(60)]
        await service.process.wait_for_stderr("can't accept another client")
        for _, writer in held:
            writer.transport.abort()
        async with service.session(tmp_path, debounceMs=20) as client:
            await goes_on(client, tmp_path, "a")
        await service.process.wait_for_stderr("accepting clients again")
        assert service.process.stderr.count("no room") < 5
        assert "Traceback" not in service.process.stderr
