"""The other end of a test client: a server process on pipes, or a server somewhere behind a stream or WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from reloadls.protocol import Frame, Framer, frame

__all__ = ["TIMEOUT", "Peer", "ProcessPeer", "StreamPeer", "WsPeer"]

TIMEOUT = 40.0
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
        self._said = asyncio.Condition()
        self._silent = False
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

    async def wait_for_stderr(self, text: str) -> str:
        """Wait for the first whole line of stderr with `text` in it, and return it."""

        def found() -> str | None:
            lines = self.stderr.splitlines(keepends=True)
            return next((line for line in lines if text in line and line.endswith("\n")), None)

        async with self._said:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._said.wait_for(lambda: found() or self._silent), TIMEOUT)
        line = found()
        assert line is not None, f"no {text!r} on stderr: {self.stderr}"
        return line.rstrip("\n")

    async def _keep(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await stderr.read(65536):
            self._stderr += chunk
            async with self._said:
                self._said.notify_all()
        async with self._said:
            self._silent = True
            self._said.notify_all()

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
    """What is known of why it failed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.output, self._input = reader, writer

    @property
    def transport(self) -> asyncio.WriteTransport:
        """What is below the stream."""
        return self._input.transport

    def stop_reading(self) -> None:
        """Take nothing of what comes, as a program that hangs."""
        cast(asyncio.Transport, self._input.transport).pause_reading()

    def read_on(self) -> None:
        """Take what comes again."""
        cast(asyncio.Transport, self._input.transport).resume_reading()

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
            while not self.output.at_eof():  # noqa: ASYNC110 - the client that reads it is not told either
                await asyncio.sleep(0.005)
        return 0

    async def stop(self) -> None:
        """Close the stream, also for whoever holds a copy of it."""
        self.close_input()
        with contextlib.suppress(OSError, RuntimeError):
            self._input.close()
            await self._input.wait_closed()


class WsPeer:
    """A server behind a WebSocket; to the client it looks like a stream of framed messages."""

    stderr = ""

    def __init__(self, connection: ClientConnection) -> None:
        self.output = asyncio.StreamReader()
        self.connection = connection
        self._framer = Framer()
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._send())]

    def send(self, data: bytes) -> None:
        """Send the bodies of framed messages; what is not framed can't be sent here."""
        for event in self._framer.feed(data):
            assert isinstance(event, Frame)
            self.send_text(event.body.decode())

    def send_text(self, text: str) -> None:
        """Send a message."""
        self._waiting.put_nowait(text)

    def close_input(self) -> None:
        """Close the connection once everything is sent."""
        self._waiting.put_nowait(None)

    async def wait(self, timeout: float = TIMEOUT) -> int:
        """Wait for the server to close the connection; there is no exit code, so it is 0."""
        async with asyncio.timeout(timeout):
            await self.connection.wait_closed()
        return 0

    async def stop(self) -> None:
        """Close the connection."""
        self.close_input()
        await asyncio.gather(*self._tasks)

    async def _receive(self) -> None:
        try:
            async for message in self.connection:
                self.output.feed_data(frame(message.encode() if isinstance(message, str) else message))
        except ConnectionClosed:
            pass
        self.output.feed_eof()

    async def _send(self) -> None:
        try:
            while (text := await self._waiting.get()) is not None:
                await self.connection.send(text)
        except ConnectionClosed:
            return
        await self.connection.close()
