"""A real redis-server on a Unix socket in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.config.redis.connect import connect
from reloadls.config.redis.store import RedisStore
from tests.cli.running import until

__all__ = ["RedisServer", "redis_server"]

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """A server that keeps nothing on disk unless told.

    Args:
        folder: for its socket, with a short name.
        options: more of its command line.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    def url(self, password: str = "") -> str:
        return f"unix://:{password}@{self.socket}" if password else f"unix://{self.socket}"

    def start(self) -> None:
        folder, path = os.fspath(self.folder), os.fspath(self.socket)
        command = [PROGRAM or "", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._answers, "answer of redis-server")

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def command(self, *args: str | int) -> Any:
        """Run one command."""

        async def run() -> Any:
            client: Any = connect(self.url(), answer_s=10)
            try:
                return await client.execute_command(*args)
            finally:
                await client.aclose()

        return asyncio.run(run())

    @contextlib.asynccontextmanager
    async def store(self, key: str = "app") -> Any:
        client = connect(self.url(), answer_s=10)
        try:
            yield RedisStore(client, key)
        finally:
            await client.aclose()

    def _answers(self) -> bool:
        import socket

        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(os.fspath(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False


@contextlib.contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a server; skip the test where there is none."""
    if PROGRAM is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="rd-") as name:
        server = RedisServer(Path(name), *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()
