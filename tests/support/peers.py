"""The other end of a test client: a server process on pipes, or a server somewhere behind a stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Protocol

__all__ = ["TIMEOUT", "Peer", "ProcessPeer", "StreamPeer"]

TIMEOUT = 10.0
"""Seconds before a wait fails; far more than anything takes."""


class Peer(Protocol):
    """What a client needs of the other end."""

    @property
    def output(self) -> asyncio.StreamReader:
        """What the server sends."""

    @property
    def stderr(self) -> str:
        """What it said beside that so far, for the message of whatever fails."""

    def send(self, data: bytes) -> None:
        """Send bytes."""

    def close_input(self) -> None:
        """Send nothing more."""

    async def wait(self, timeout: float = TIMEOUT) -> int:
        """Wait for the end and return the exit code."""

    async def stop(self) -> None:
        """Close the input and wait for the end, whatever it takes."""


class ProcessPeer:
    """A server process; its stderr is kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self.output, self._input = process.stdout, process.stdin
        self.pid = process.pid
        self._process = process
        self._stderr = bytearray()
        self._stderr_task = asyncio.create_task(self._keep(process.stderr))

    @classmethod
    async def start(cls, argv: Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> ProcessPeer:
        """Start a server process with pipes for its standard streams."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=cwd)
        return cls(process)

    @property
    def stderr(self) -> str:
        """What the process wrote to stderr so far."""
        return self._stderr.decode("utf-8", "replace")

    async def _keep(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await stderr.read(65536):
            self._stderr += chunk

    def send(self, data: bytes) -> None:
        """Write to its stdin."""
        self._input.write(data)

    def close_input(self) -> None:
        """Close its stdin."""
        with contextlib.suppress(OSError, RuntimeError):
            self._input.close()

    async def wait(self, timeout: float = TIMEOUT) -> int:
        """Wait for the process to end and return its exit code."""
        try:
            return await asyncio.wait_for(self._process.wait(), timeout)
        except TimeoutError:
            raise AssertionError(f"the server is still there after {timeout} s:\n{self.stderr}") from None

    async def stop(self) -> None:
        """Close its stdin, and kill it if that does not end it."""
        self.close_input()
        try:
            await asyncio.wait_for(self._process.wait(), TIMEOUT)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        with contextlib.suppress(TimeoutError):  # a child of the server may hold stderr open
            await asyncio.wait_for(self._stderr_task, TIMEOUT)
        with contextlib.suppress(OSError, RuntimeError):
            await self._input.wait_closed()


class StreamPeer:
    """A server that was there before, behind a socket."""

    stderr = ""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.output, self._input = reader, writer

    def send(self, data: bytes) -> None:
        """Write to the stream."""
        self._input.write(data)

    def close_input(self) -> None:
        """Say that nothing more will come."""
        with contextlib.suppress(OSError, RuntimeError):
            self._input.write_eof()

    async def wait(self, timeout: float = TIMEOUT) -> int:
        """Wait for the server to close the stream; there is no exit code, so it is 0."""
        async with asyncio.timeout(timeout):
            while not self.output.at_eof():
                await self.output.read(65536)
        return 0

    async def stop(self) -> None:
        """Close the stream, also for whoever holds a copy of it."""
        self.close_input()
        with contextlib.suppress(OSError, RuntimeError):
            self._input.close()
            await self._input.wait_closed()
