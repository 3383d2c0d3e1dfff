"""Who may come in over TCP and WebSocket, and what the others learn: that they may not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from reloadls.service import ReloadServer
from reloadls.service.transports import Limits, ServeError, listen, read_or_make_token, serve_clients
from reloadls.service.transports.connection import Connection
from reloadls.service.transports.refusal_log import RefusalLog
from tests.cli.running import finish
from tests.support.clients import RawClient, RecordingClient, RpcError
from tests.support.peers import WsPeer
from tests.support.service import Service, Transport, hello, serving

Json = dict[str, Any]
with_tokens = pytest.mark.parametrize("transport", ["tcp", "ws"])


class TestFile:
    def test_it_is_made_with_its_folder_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "token"
        token = read_or_make_token(os.fspath(path))
        assert len(token) >= 43
        assert path.read_text().strip() == token
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert [entry.name for entry in path.parent.iterdir()] == ["token"]

    def test_it_is_kept(self, tmp_path: Path) -> None:
        path = os.fspath(tmp_path / "token")
        assert read_or_make_token(path) == read_or_make_token(path)

    def test_a_token_of_your_own_is_accepted(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, "  my-own-token-of-mine\n\n")
        assert read_or_make_token(os.fspath(path)) == "my-own-token-of-mine"

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
    def test_a_token_file_that_others_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = self.file(tmp_path, "secret", mode)
        assert f"mode {mode:04o}" in self.refusal(path)
        assert "secret" not in self.refusal(path)

    @pytest.mark.parametrize("content", ["", "\n", "two words", "a\0b", "tökén", "x" * 5000])
    def test_one_without_a_token_is_refused(self, tmp_path: Path, content: str) -> None:
        assert "holds no token" in self.refusal(self.file(tmp_path, content))

    @pytest.mark.parametrize(("length", "good"), [(1, False), (15, False), (16, True), (4000, True)])
    def test_a_short_one_is_refused(self, tmp_path: Path, length: int, good: bool) -> None:
        path = self.file(tmp_path, "x" * length)
        if good:
            assert read_or_make_token(os.fspath(path)) == "x" * length
        else:
            assert "at least 16" in self.refusal(path)

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
    def test_another_users_token_file_is_refused(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, "secret")
        os.chown(path, 12345, 12345)
        assert "belongs to another user" in self.refusal(path)

    def test_what_is_no_file_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        assert "not a regular file" in self.refusal(tmp_path / "pipe")
        assert "not a regular file" in self.refusal(tmp_path)
        assert "can't be used" in self.refusal(self.file(tmp_path, "x") / "below")

    def test_it_ends_with_2_and_a_hint(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, "secret", 0o644)
        done = finish("serve", "--tcp", "127.0.0.1:0", "--token-file", os.fspath(path))
        assert (done.returncode, "accessible to other users" in done.stderr) == (2, True)
        assert "secret" not in done.stderr

    def test_without_a_name_it_is_in_the_state_folder(self, tmp_path: Path) -> None:
        done = finish("serve", "--tcp", "0.0.0.0:0", XDG_STATE_HOME=os.fspath(tmp_path))
        assert done.returncode == 2
        assert len((tmp_path / "reloadls" / "token").read_text().strip()) >= 43

    @pytest.mark.parametrize("before", [None, "short", "x" * 20])
    @pytest.mark.parametrize("mode", [0o600, 0o666])
    def test_a_new_token_replaces_any(self, tmp_path: Path, before: str | None, mode: int) -> None:
        path = tmp_path / "token" if before is None else self.file(tmp_path, before, mode)
        printed = []
        for _ in range(2):
            done = finish("serve", "--new-token", "--token-file", os.fspath(path))
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout == path.read_text() and len(done.stdout) > 40
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            printed.append(done.stdout)
        assert len({before, *printed}) == 3
        assert list(tmp_path.iterdir()) == [path]

    def test_a_service_that_starts_with_a_new_one_does_not_print_it(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, "x" * 20)
        done = finish("serve", "--tcp", "0.0.0.0:0", "--new-token", "--token-file", os.fspath(path))
        assert (done.returncode, done.stdout) == (2, "")
        token = path.read_text().strip()
        assert token != "x" * 20 and token not in done.stderr

    @staticmethod
    def file(folder: Path, content: str, mode: int = 0o600) -> Path:
        path = folder / "token"
        path.write_text(content)
        path.chmod(mode)
        return path

    @staticmethod
    def refusal(path: Path) -> str:
        with pytest.raises(ServeError) as caught:
            read_or_make_token(os.fspath(path))
        return caught.value.reason


class TestInitialize:
    @with_tokens
    @pytest.mark.parametrize("shown", ["", "wrong", 5, None, ["x"], {"a": 1}, "ünïcode", "\ud800"])
    async def test_a_wrong_token_is_refused_and_the_connection_ends(
        self, tmp_path: Path, transport: Transport, shown: object
    ) -> None:
        async with Service.start(transport) as service, service.client(RecordingClient) as client:
            error = await self.refused(client, service.hello(tmp_path, token=shown))
            assert error.code == -32803
            assert error.data["reason"].startswith("the token is ")
            assert "token file" in error.message
            await client.peer.wait()
            assert service.token not in (str(error.data) + error.message + service.process.stderr)

    @with_tokens
    @pytest.mark.parametrize("options", [None, {}, [], "text", {"debounceMs": 20}])
    async def test_a_missing_one_too(self, tmp_path: Path, transport: Transport, options: object) -> None:
        async with Service.start(transport) as service:
            async with service.client(RecordingClient) as client:
                params = {**service.hello(tmp_path), "initializationOptions": options}
                error = await self.refused(client, params)
                assert (error.code, "missing" in error.message) == (-32803, True)
                client.notify("initialized", {})
                await client.peer.wait()
                assert client.received("reload/didChangeStatus") == []
            async with service.session(tmp_path) as client:
                await client.request("reload/sync")

    @with_tokens
    async def test_there_is_one_guess(self, tmp_path: Path, transport: Transport) -> None:
        async with Service.start(transport) as service, service.client(RecordingClient) as client:
            _, wrong = client.start_request("initialize", service.hello(tmp_path, token="wrong"))
            _, right = client.start_request("initialize", service.hello(tmp_path))
            await client.peer.wait()
            await client.wait_until(wrong.done, "a reply")
            assert isinstance(wrong.exception(), RpcError)
            assert not right.done()
            right.cancel()

    @with_tokens
    async def test_nothing_else_is_answered_before(self, tmp_path: Path, transport: Transport) -> None:
        async with Service.start(transport) as service, service.client(RecordingClient) as client:
            with pytest.raises(RpcError) as caught:
                await client.request("reload/since")
            assert caught.value.code == -32002
            await client.initialize(service.hello(tmp_path))
            await client.request("reload/sync")

    @with_tokens
    async def test_the_token_is_in_no_log_and_no_message(self, tmp_path: Path, transport: Transport) -> None:
        async with Service.start(transport, "--log-level", "debug") as service:
            async with service.session(tmp_path) as client:
                assert (await client.request("reload/status")).get("problems", []) == []
                await client.shutdown()
                said = json.dumps([arrived.message for arrived in client.messages])
            assert "debounceMs" in said
            assert service.token not in said + service.process.stderr

    @pytest.mark.parametrize("transport", ["stdio", "socket"])
    async def test_a_token_that_is_not_needed_is_ignored(self, tmp_path: Path, transport: Transport) -> None:
        async with serving(tmp_path, transport=transport, token="anything") as client:
            assert (await client.request("reload/status")).get("problems", []) == []

    @staticmethod
    async def refused(client: RecordingClient, params: Json) -> RpcError:
        with pytest.raises(RpcError) as caught:
            await client.request("initialize", params)
        return caught.value


class TestBefore:
    """Who has not shown the token yet may hold neither time nor memory."""

    @with_tokens
    async def test_a_large_message_is_refused(self, tmp_path: Path, transport: Transport) -> None:
        async with Service.start(transport) as service, service.client(RawClient) as client:
            params = service.hello(tmp_path, padding="x" * 70_000)
            client.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
            [refusal] = await client.take()
            assert (refusal["id"], "65536 bytes" in refusal["error"]["message"]) == (None, True)
            await client.peer.wait()

    @with_tokens
    async def test_many_small_messages_are_refused(self, transport: Transport) -> None:
        async with Service.start(transport) as service, service.client(RawClient) as client:
            for _ in range(1000):
                client.send_body(b"1")
            await client.peer.wait()
            reasons = [arrived.message["error"]["message"] for arrived in client.messages]
            assert reasons[-1] == "sent no token within 32 messages"
            assert len(reasons) <= 33

    @with_tokens
    async def test_nothing_but_the_token_is_looked_at(self, transport: Transport) -> None:
        async with Service.start(transport) as service, service.client(RawClient) as client:
            params = {"processId": "x", "capabilities": {f"c{n}": {} for n in range(5000)}, "workspaceFolders": 5}
            client.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
            [refusal] = await client.take()
            assert refusal["error"]["code"] == -32803
            await client.peer.wait()

    async def test_a_slice_at_a_time_is_processed(self) -> None:
        """Others are served in between, whatever the bytes cost."""
        connection = Connection("client", drop_after=60)
        taken: list[int] = []
        connection.on_input = lambda data: taken.append(len(data))
        connection.allowance = 5000
        connection.data_received(b"x" * 1500)
        assert taken == [512]
        await asyncio.sleep(0)
        assert taken == [512, 512]
        connection.allowance = None
        await asyncio.sleep(0)
        assert taken == [512, 512, 476]
        connection.data_received(b"x" * 5000)
        assert taken[3:] == [5000]

    @with_tokens
    async def test_one_that_may_come_in_can_go_on_at_once(self, tmp_path: Path, transport: Transport) -> None:
        async with Service.start(transport) as service, service.client(RawClient) as client:
            client.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": service.hello(tmp_path)})
            client.send_json(
                {"jsonrpc": "2.0", "id": 2, "method": "nobody/knows", "params": {"padding": "x" * 200_000}}
            )
            assert [reply["id"] for reply in await client.take(2)] == [1, 2]

    @with_tokens
    async def test_a_client_that_sends_nothing_is_disconnected(self, transport: Transport) -> None:
        async with in_this_process(transport, Limits(token_timeout=0.05)) as address:
            host, _, port = address.partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            said = await asyncio.wait_for(reader.read(), 10)
            assert (b"sent no token within 0.05 s" in said) == (transport == "tcp")
            writer.close()

    @with_tokens
    async def test_one_that_has_shown_it_is_not(self, transport: Transport, tmp_path: Path) -> None:
        async with in_this_process(transport, Limits(token_timeout=0.05)) as address:
            host, _, port = address.partition(":")
            if transport == "ws":
                client_of = RecordingClient.over(WsPeer(await connect(f"ws://{address}")))
            else:
                client_of = RecordingClient.connect(*await asyncio.open_connection(host, int(port)))
            async with client_of as client:
                await client.initialize(hello([tmp_path], {"token": "token"}))
                for _ in range(10):
                    (tmp_path / "a").touch()
                    await client.request("reload/sync")

    @with_tokens
    async def test_of_too_many_clients_the_oldest_are_refused(self, transport: Transport, tmp_path: Path) -> None:
        """So that clients which never show it can't keep out those that do."""
        async with in_this_process(transport, Limits(token_clients=3)) as address, contextlib.AsyncExitStack() as stack:
            host, _, port = address.partition(":")
            streams = []
            for _ in range(5):
                streams.append(await asyncio.open_connection(host, int(port)))
                stack.callback(streams[-1][1].close)
            for reader, _ in streams[:2]:
                said = await asyncio.wait_for(reader.read(), 10)
                assert (b"while more than 3 clients" in said) == (transport == "tcp")
            if transport == "ws":
                client_of = RecordingClient.over(WsPeer(await connect(f"ws://{address}")))
            else:
                client_of = RecordingClient.connect(*await asyncio.open_connection(host, int(port)))
            async with client_of as client:
                await client.initialize(hello([tmp_path], {"token": "token"}))
                for _ in range(4):  # one that has shown it does not count
                    streams.append(await asyncio.open_connection(host, int(port)))
                    stack.callback(streams[-1][1].close)
                await client.request("reload/sync")
                assert not streams[-1][0].at_eof()

    @with_tokens
    async def test_what_serves_a_client_is_made_after_that(self, transport: Transport, tmp_path: Path) -> None:
        made: list[ReloadServer] = []

        def make() -> ReloadServer:
            made.append(ReloadServer(admitted=False))
            return made[-1]

        async with in_this_process(transport, Limits(), make) as address:
            host, _, port = address.partition(":")
            if transport == "ws":
                client_of = RecordingClient.over(WsPeer(await connect(f"ws://{address}")))
            else:
                client_of = RecordingClient.connect(*await asyncio.open_connection(host, int(port)))
            async with client_of as client:
                with pytest.raises(RpcError):
                    await client.request("reload/status")
                assert not made[0].protocol.fm.features
                await client.initialize(hello([tmp_path], {"token": "token"}))
                assert await client.request("reload/sync")

    def test_refusals_are_logged_now_and_then(self, caplog: pytest.LogCaptureFixture) -> None:
        now = 0.0
        refusals = RefusalLog(lambda: now)
        for number in range(1000):
            refusals.log(f"client {number}", "no")
        assert [record.getMessage() for record in caplog.records] == [f"refusing client {n}: no" for n in range(10)]
        now = 10.0
        refusals.log("client 1000", "no")
        refusals.log("client 1001", "no")
        refusals.end()
        assert [record.getMessage() for record in caplog.records[10:]] == [
            "refused 990 other clients", "refusing client 1000: no", "refused 1 other clients",
        ]  # fmt: skip
        refusals.end()
        assert len(caplog.records) == 13

    @with_tokens
    async def test_few_lines_are_logged_of_many(self, transport: Transport) -> None:
        async with Service.start(transport) as service:
            for _ in range(40):
                async with service.client(RawClient) as client:
                    client.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
                    await client.peer.wait()
            assert 10 <= service.process.stderr.count(": the token is missing") < 20


@contextlib.asynccontextmanager
async def in_this_process(
    transport: Transport, limits: Limits, make: Callable[[], ReloadServer] = ReloadServer
) -> AsyncIterator[str]:
    """A service with limits that nobody can set; gives its address."""
    assert transport in ("tcp", "ws")
    draining: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with listen(transport, "127.0.0.1:0") as listening:
        origins = () if transport == "ws" else None
        serving = serve_clients(
            listening.socket, make, draining=draining, token="token", origins=origins, limits=limits
        )
        task = asyncio.create_task(serving)
        try:
            yield listening.address
        finally:
            draining.set_result(None)
            await task


class TestWebSocketHeaders:
    async def test_the_token_as_bearer(self, tmp_path: Path) -> None:
        async with Service.start("ws") as service:
            headers = {"Authorization": f"Bearer {service.token}"}
            async with RecordingClient.over(await service.peer(additional_headers=headers)) as client:
                await client.initialize(hello([tmp_path], {}))
                await client.request("reload/sync")

    @pytest.mark.parametrize(
        "header", ["Bearer wrong", "Bearer ", "Bearer", "", "Basic TOKEN", "TOKEN", "Bearer TOKENx"]
    )
    async def test_a_wrong_one_is_refused_with_401(self, header: str) -> None:
        async with Service.start("ws") as service:
            headers = {"Authorization": header.replace("TOKEN", service.token)}
            assert await self.status(service, additional_headers=headers) == 401
            assert service.token not in service.process.stderr

    @pytest.mark.parametrize("origin", ["http://localhost:3000", "http://evil.example", "null", "file://"])
    async def test_a_web_page_is_refused_with_403(self, origin: str) -> None:
        async with Service.start("ws") as service:
            headers = {"Authorization": f"Bearer {service.token}"}
            assert await self.status(service, origin=Origin(origin), additional_headers=headers) == 403

    async def test_an_origin_is_logged_without_terminal_codes(self) -> None:
        async with Service.start("ws") as service:
            reader, writer = await service.streams()
            origin = "http://x\x9b31m\u202e"  # websockets itself drops a header with an escape character
            handshake = (
                f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {origin}\r\n"
            )
            handshake += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            writer.write(handshake.encode())
            await reader.read()
            writer.close()
            await service.process.wait_for_stderr("refusing ")
            assert service.process.stderr.replace("\n", "").isprintable()

    async def test_unless_it_may(self, tmp_path: Path) -> None:
        pages = ("http://localhost:3000", "vscode-webview://x")
        async with Service.start("ws", *(f"--allow-origin={page}" for page in pages)) as service:
            for page in pages:
                async with RecordingClient.over(await service.peer(origin=Origin(page))) as client:
                    await client.initialize(service.hello(tmp_path))
            assert await self.status(service, origin=Origin("http://localhost:3001")) == 403
            async with service.client(RecordingClient) as client:
                with pytest.raises(RpcError, match="token"):
                    await client.initialize(hello([tmp_path], {}))

    async def test_what_a_refused_page_sends_along_is_not_looked_at(self, tmp_path: Path) -> None:
        async with Service.start("ws") as service:
            reader, writer = await service.streams()
            handshake = (
                "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://evil\r\n"
            )
            handshake += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": service.hello(tmp_path)}
            body = json.dumps(message).encode()
            length = len(body).to_bytes(2, "big")
            writer.write(handshake.encode() + b"\x81\xfe" + length + bytes(4) + body)
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 403 ")
            assert b"capabilities" not in said
            writer.close()

    @staticmethod
    async def status(service: Service, **ws: Any) -> int:
        with pytest.raises(InvalidStatus) as caught:
            await service.peer(**ws)
        return caught.value.response.status_code
