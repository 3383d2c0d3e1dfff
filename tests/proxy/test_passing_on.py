"""Every message goes on as it came, in order and at the pace of whoever reads."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from reloadls.protocol import frame
from reloadls.proxy.pipes import Outlet
from reloadls.proxy.rewrite import Registered
from reloadls.proxy.session import ProxySession
from reloadls.proxy.settings import Settings
from tests.cli.running import until
from tests.proxy.between import SCRIPTED, between
from tests.proxy.servers import PROXY
from tests.support.clients import RawClient
from tests.support.peers import ProcessPeer

OFFER = b'"didChangeWatchedFiles":{"dynamicRegistration":true,"relativePatternSupport":true}'
SECOND_S = 30


def session(count: int, *, first: bytes, seed: int) -> bytes:
    """A recorded session: `count` messages of all sizes, headers as different clients write them."""
    random_ = random.Random(seed)
    out = bytearray(frame(first))
    for number in range(count):
        text = "ä" * random_.choice([0, 1, 10, 100, 1000, 5000]) + '\\"initialize\\" workspace/didChangeWatchedFiles'
        message: dict[str, Any] = {
            "jsonrpc": "2.0",
            "method": f"m/{number}",
            "params": {"text": text, "n": [1e22, -0.0, 10**30]},
        }
        if number % 3 == 0:
            message["id"] = number
        body = json.dumps(message, ensure_ascii=number % 2 == 0, indent=number % 5 or None).encode()
        header = random_.choice(
            [
                b"Content-Length: %d\r\n\r\n",
                b"content-length:%d\r\n\r\n",
                b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
                b"Content-Length: %d\r\nX-Other: 1\r\n\r\n",
                b"Content-Length: %d\n\n",
            ]
        )
        out += header % len(body) + body
    return bytes(out)


def run_through(tmp_path: Path, to_server: bytes, to_editor: bytes, *options: str) -> tuple[bytes, bytes]:
    """What the server and the editor got when each was sent this."""
    (tmp_path / "play").write_bytes(to_editor)
    command = [*PROXY, *options, "--", *SCRIPTED, os.fspath(tmp_path / "play"), os.fspath(tmp_path / "record")]
    done = subprocess.run(command, input=to_server, stdout=subprocess.PIPE, timeout=60, check=True)
    return (tmp_path / "record").read_bytes(), done.stdout


@pytest.mark.parametrize("offers", [False, True])
def test_ten_thousand_messages_byte_for_byte(tmp_path: Path, offers: bool) -> None:
    watched = OFFER if offers else b'"applyEdit":true'
    first = b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{"workspace":{' + watched + b"}}}}"
    sent = session(5000, first=first, seed=1)
    played = session(5000, first=b'{"jsonrpc":"2.0","id":0,"result":{"capabilities":{}}}', seed=2)
    got, shown = run_through(tmp_path, sent, played)
    if offers:
        assert got == sent
    else:  # what the proxy is for
        changed = first.replace(watched, watched + b"," + OFFER)
        assert got == frame(changed) + sent[len(frame(first)) :]
    assert shown == played


MALFORMED = {
    "no header": b"hello\nworld\n",
    "bad length": b"Content-Length: many\r\n\r\n{}",
    "no length": b"Content-Type: x\r\n\r\n{}",
    "short length": b'Content-Length: 5\r\n\r\n{"jsonrpc":"2.0"}',
    "bad json": frame(b'{"method": "initialize" oops'),
    "not utf-8": frame(b'{"method": "initialize\xff\xfe"}'),
    "a batch": frame(b'[{"method":"initialize"}]'),
    "empty": frame(b""),
    "blank lines": b"\r\n\r\n\n\n",
    "deep": frame(b'"initialize"' + b"[" * 100_000),
    "huge number": frame(b'{"id":1,"method":"initialize","params":{"x":1e999}}'),
    "strange params": frame(b'{"id":1,"method":"initialize","params":[]}'),
    "long header": b"X: " + b"y" * 20_000 + b"\r\n\r\n",
    "zeros": bytes(5000),
    "registers nonsense": frame(b'{"id":1,"method":"client/registerCapability","params":{"registrations":[1,{}]}}'),
    "registers null": frame(b'{"id":null,"method":"client/unregisterCapability","params":null}'),
    "watched nonsense": frame(b'{"method":"workspace/didChangeWatchedFiles","params":{"changes":[1,{"uri":5}]}}'),
    "folders nonsense": frame(b'{"method":"workspace/didChangeWorkspaceFolders","params":{"event":7}}'),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_goes_on_as_it_came_and_what_follows_is_understood(tmp_path: Path, name: str) -> None:
    data = MALFORMED[name]
    after = frame(b'{"jsonrpc":"2.0","id":2,"method":"initialize","params":{"capabilities":{}}}')
    got, shown = run_through(tmp_path, data + after, data + after)
    assert got.startswith(data) or name == "strange params"
    assert OFFER in got
    assert shown == data + after


def test_an_unfinished_message_goes_on(tmp_path: Path) -> None:
    for rest in (b"Content-Le", b"Content-Length: 100\r\n\r\n{", b"Content-Length: 99999999999\r\n\r\n{}"):
        assert run_through(tmp_path, rest, rest) == (rest, rest)


async def test_a_message_of_fifty_megabytes(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        text = "x" * (50 << 20)
        assert await both.client.request("test/size", text, SECOND_S) == len(text) + 2
        both.client.notify("test/flood", {"count": 1, "size": len(text)})
        filler = await both.client.wait_for("test/filler", timeout=SECOND_S)
        assert len(filler["text"]) == len(text)
        peak = psutil.Process(both.peer.pid).memory_info().rss
        assert peak < 120 << 20, f"{peak >> 20} MiB"


async def test_bodies_around_the_size_that_is_held(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py")
        for size in ((8 << 20) - 100, (8 << 20) - 14, 8 << 20, (8 << 20) + 1):
            assert await both.client.request("test/size", "x" * size, SECOND_S) == size + 2
            both.write(f"{size}.py")
            await both.told((f"{size}.py", 1))


def stands_still(*processes: psutil.Process) -> bool:
    """Whether they do nothing for a while, after they have done something."""
    before = [process.cpu_times()[:2] for process in processes]
    threading.Event().wait(0.3)
    return all(map(sum, before)) and before == [process.cpu_times()[:2] for process in processes]


async def test_a_slow_reader_holds_the_server_up_and_nothing_piles_up(tmp_path: Path) -> None:
    proxy = subprocess.Popen([*PROXY, "--", *SCRIPTED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path)
    with proxy:
        assert proxy.stdin is not None and proxy.stdout is not None
        flood = {"jsonrpc": "2.0", "method": "test/flood", "params": {"count": 2000, "size": 100_000}}
        proxy.stdin.write(frame(json.dumps(flood).encode()))
        proxy.stdin.flush()
        process = psutil.Process(proxy.pid)
        until(lambda: bool(process.children()), "server")
        [server] = process.children()

        until(lambda: stands_still(process, server), "standing still")
        assert process.memory_info().rss < 80 << 20
        proxy.stdin.close()
        size = 0
        while chunk := os.read(proxy.stdout.fileno(), 1 << 20):
            size += len(chunk)
        assert size > 200_000_000


async def test_a_server_that_does_not_read_holds_the_editor_up(tmp_path: Path) -> None:
    program = "import sys, time; sys.stdin.buffer.read(1); sys.stderr.write('reading\\n'); time.sleep(60)"
    async with RawClient.start(*PROXY, "--", sys.executable, "-u", "-c", program) as client:
        assert isinstance(client.peer, ProcessPeer)
        proxy = psutil.Process(client.peer.pid)
        for _ in range(1000):
            client.send_json({"jsonrpc": "2.0", "method": "m", "params": "x" * 100_000})
        await client.peer.wait_for_stderr("reading")
        # It stands still once all that can be taken is taken; the client writes meanwhile, so this must not block.
        await asyncio.to_thread(until, lambda: stands_still(proxy), "standing still")
        assert proxy.memory_info().rss < 80 << 20
        proxy.terminate()


async def test_messages_of_ours_never_fall_into_another(tmp_path: Path) -> None:
    """A large message comes in pieces while files change: the server is told before it or after it."""
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py")
        body = json.dumps({"jsonrpc": "2.0", "method": "test/large", "params": "x" * (9 << 20)}).encode()
        data = frame(body)
        both.peer.send(data[: 5 << 20])
        both.write("a.py")
        both.peer.send(data[5 << 20 :])
        await both.client.wait_for("test/got", lambda message: message.get("method") == "test/large", SECOND_S)
        both.write("b.py")
        await both.told(("a.py", 1), ("b.py", 1))


async def test_what_we_fail_at_goes_on_as_it_came() -> None:
    def fail(registered: Registered) -> None:
        raise ValueError(registered.id)

    to_server, to_editor = Outlet(), Outlet()
    ends = []
    for outlet in (to_server, to_editor):
        end, sink = os.pipe()
        ends.append(end)
        outlet.open(sink)
    session = ProxySession(Settings(on_registered=fail), to_server, to_editor)
    session.from_editor(frame(b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}'))
    entry = {"id": "w", "method": "workspace/didChangeWatchedFiles", "registerOptions": {"watchers": []}}
    asked = {"id": 1, "method": "client/registerCapability", "params": {"registrations": [entry]}}
    sent = frame(json.dumps(asked).encode()) + frame(b"{}")
    session.from_server(sent)
    await session.stop()
    for outlet in (to_server, to_editor):
        outlet.close()
        await outlet.lost.wait()
    got, shown = (Path(f"/dev/fd/{end}").read_bytes() for end in ends)
    for end in ends:
        os.close(end)
    assert OFFER in got
    assert shown == sent


async def test_noise_of_the_server_reaches_the_editor(tmp_path: Path) -> None:
    async with RawClient.start(*PROXY, "--", *SCRIPTED) as client:
        assert isinstance(client.peer, ProcessPeer)
        noise = base64.b64encode(b"Starting up\n").decode()
        got = bytearray()
        client._take = got.extend  # type: ignore[method-assign, assignment]
        client.send_json({"method": "test/write", "params": noise})
        await client.wait_until(lambda: bytes(got) == b"Starting up\n", "the line")
        await client.peer.wait_for_stderr("outside of any message")
