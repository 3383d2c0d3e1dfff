"""A Redis over TLS, and one that Sentinel looks after: real servers on ports of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.config import LiveConfig, RedisSource
from reloadls.config.redis.connect import connect, disconnect
from reloadls.config.redis.store import RedisStore
from tests.cli.running import until
from tests.config.redis.server import PROGRAM
from tests.config.support import eventually

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")


def _settings(values: Any) -> Any:
    return dict(values)


def _port() -> int:
    """A free port that no connection is given by itself in the meantime: those begin at 32768."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def _running(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([PROGRAM or "", *map(str, arguments)], stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def _store(url: str) -> Any:
    client = connect(url, answer_s=10)
    try:
        yield RedisStore(client, "app")
    finally:
        await disconnect(client)


async def _pushed(url: str, n: int) -> None:
    """Push a value to a server that may not answer yet, or not take it while another one takes over."""
    async with asyncio.timeout(60), _store(url) as store:
        while True:
            try:
                current = await store.current()
                await store.push(json.dumps({"n": n}), "json", expect=current.version if current else 0)
            except Exception:
                await asyncio.sleep(0.1)
            else:
                return


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for loopback that nobody else has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    own, key = tmp_path / "own.crt", tmp_path / "own.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", own], check=True, capture_output=True)
    return own, key


async def test_over_tls_its_certificate_is_checked(certificate: tuple[Path, Path]) -> None:
    own, key = certificate
    port = _port()
    options = ("--tls-cert-file", own, "--tls-key-file", key, "--tls-ca-cert-file", own, "--tls-auth-clients", "no")
    with _running("--port", 0, "--tls-port", port, "--bind", "127.0.0.1", "--save", "", *options):
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={own}"
        await _pushed(url, 1)
        async with LiveConfig(_settings, [RedisSource(url, "app")]) as config:
            assert config.value == {"n": 1}
            await _pushed(url, 2)
            await eventually(lambda: config.value == {"n": 2})
        stranger = RedisSource(f"rediss://127.0.0.1:{port}/0", "app", required=False)
        async with LiveConfig(_settings, [stranger]) as config:
            await eventually(lambda: config.problems)
            assert config.value == {}
            assert "certificate" in config.problems[0].message, config.problems


async def test_it_follows_the_server_that_sentinel_promotes() -> None:
    first, second, sentinel = _port(), _port(), _port()
    common = ("--bind", "127.0.0.1", "--save", "", "--dir")
    with tempfile.TemporaryDirectory(prefix="rd-") as folder, contextlib.ExitStack() as stack:
        main = stack.enter_context(_running("--port", first, *common, folder))
        stack.enter_context(
            _running(
                "--port", second, *common, folder, "--replicaof", f"127.0.0.1 {first}", "--repl-diskless-load", "swapdb"
            )
        )
        until(lambda: b"state=online" in _answer(first, b"INFO replication\r\n"), "replica")
        settings = Path(folder, "sentinel.conf")
        settings.write_text(
            f"port {sentinel}\nbind 127.0.0.1\nsentinel monitor app 127.0.0.1 {first} 1\n"
            "sentinel down-after-milliseconds app 500\nsentinel failover-timeout app 3000\n"
        )
        stack.enter_context(_running(os.fspath(settings), "--sentinel"))
        until(lambda: b"slaves=1" in _answer(sentinel, b"INFO sentinel\r\n"), "sentinel that knows the replica")
        url = f"redis+sentinel://127.0.0.1:{sentinel}/app/0"
        await _pushed(url, 1)
        async with LiveConfig(_settings, [RedisSource(url, "app")]) as config:
            assert config.value == {"n": 1}
            await asyncio.to_thread(until, lambda: b'"n": 1' in _answer(second, b"HGETALL app\r\n"), "replicated value")
            main.kill()
            await _pushed(url, 2)
            await eventually(lambda: config.value == {"n": 2})
            assert b"role:master" in _answer(second, b"INFO replication\r\n")


def _answer(port: int, command: bytes) -> bytes:
    """What a server answers to a command; nothing if it does not."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(command)
            return connection.recv(100_000)
    except OSError:
        return b""
