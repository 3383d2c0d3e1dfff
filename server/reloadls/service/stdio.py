"""The server over its standard streams, with nothing between a byte and its message but the event loop.

Descriptors are read and written when the loop says they can be (pygls hops to a thread for each header line).
A thread pumps the input only where no loop can watch it: regular files, and Windows. While serving, stdin and
stdout of the process are elsewhere, so that no stray `print` breaks a message and no child process eats one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

from pygls.lsp.server import LanguageServer

from reloadls.protocol import SafeProtocol

from .descriptors import StdioWriter, open_reader

__all__ = ["StdioWriter", "serve_stdio"]

_INPUT_STOP: Final = 16 * 1024 * 1024
"""Unsent bytes beyond which no more input is taken: a client that doesn't read its replies gets to wait."""
_SETTLE: Final = 2.0
"""Seconds that requests in flight are given at the end of input."""
_FLUSH: Final = 2.0
"""Seconds that the last messages are given to leave."""


async def serve_stdio(server: LanguageServer, stdin_fd: int = 0, stdout_fd: int = 1) -> int:
    """Serve one client until `exit`, the end of input, or `server.protocol.stop(code)`; return the exit code.

    The server is made with `protocol_cls=SafeProtocol`. On return both descriptors are as they were, their
    blocking mode included.

    Raises:
        OSError: a descriptor is not open.
    """
    protocol = server.protocol
    if not isinstance(protocol, SafeProtocol):
        raise TypeError(f"serve_stdio needs a server with SafeProtocol, not {type(protocol).__name__}")
    with _claimed(stdin_fd, stdout_fd) as (source, sink):
        return await _serve(protocol, source, sink)


async def _serve(protocol: SafeProtocol, source: int, sink: int) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    over: asyncio.Future[None] = loop.create_future()
    writer = StdioWriter(sink, on_lost=lambda: _set(ended))
    protocol.set_writer(writer)
    protocol.on_exit = lambda _code: _set(over)
    if protocol.exit_code is not None:
        _set(over)
    reader = open_reader(source, protocol.feed, lambda: _set(ended), is_full=lambda: writer.pending > _INPUT_STOP)
    writer.on_room = reader.resume
    try:
        await asyncio.wait({ended, over}, return_when=asyncio.FIRST_COMPLETED)
        if not over.done():
            # A script may close its end first and read the replies afterwards.
            await protocol.settle(0 if writer.is_closing() else _SETTLE)
            protocol.end_of_input()
    finally:
        reader.close()
        protocol.close()
        await writer.flush(_FLUSH)
        writer.close()
    return protocol.exit_code or 0


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@contextlib.contextmanager
def _claimed(stdin_fd: int, stdout_fd: int) -> Iterator[tuple[int, int]]:
    """Give copies of both descriptors; meanwhile 0 is the null device, and 1 is stderr."""
    with contextlib.ExitStack() as stack:
        source, sink = (_copy(stack, fd) for fd in (stdin_fd, stdout_fd))
        null = os.open(os.devnull, os.O_RDWR)
        stack.callback(os.close, null)
        if stdin_fd == 0:
            _replace(stack, 0, null, source)
        if stdout_fd == 1:
            _flush_stdout()
            _replace(stack, 1, 2 if _is_open(2) else null, sink)
            stack.callback(_flush_stdout)
        yield source, sink


def _copy(stack: contextlib.ExitStack, fd: int) -> int:
    copy = os.dup(fd)
    stack.callback(os.close, copy)
    if os.name != "nt":
        stack.callback(os.set_blocking, copy, os.get_blocking(copy))
    return copy


def _replace(stack: contextlib.ExitStack, fd: int, by: int, original: int) -> None:
    os.dup2(by, fd)
    stack.callback(os.dup2, original, fd)


def _is_open(fd: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(fd)
        return True
    return False


def _flush_stdout() -> None:
    # A process may have no stdout object (pythonw), or one whose other end is gone.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()
