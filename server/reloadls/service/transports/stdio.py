"""Serve one client on the standard streams.

The event loop reads and writes the descriptors directly (pygls uses a thread for each header line). A thread reads the
input only where no loop can: regular files, and Windows. Meanwhile stdin and stdout of the process are replaced, so
that a stray `print` can't corrupt a message and a child process can't read one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from pygls.lsp.server import LanguageServer

from reloadls.base.descriptors import DescriptorWriter, open_reader
from reloadls.protocol import SafeProtocol

from .conversation import converse, resolve

__all__ = ["serve_stdio"]

_MAX_UNSENT: Final = 16 * 1024 * 1024
"""Unsent bytes above which input is paused, so that a client that does not read its replies has to wait."""
_FLUSH_S: Final = 2.0
"""Seconds that sending the last messages may take."""


async def serve_stdio(
    server: LanguageServer,
    stdin_fd: int = 0,
    stdout_fd: int = 1,
    *,
    draining: asyncio.Future[None] | None = None,
    end: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Serve one client until `exit`, the end of input, or `server.protocol.stop(code)`.

    On return both descriptors are restored, including their blocking mode.

    Args:
        server: a server created with `protocol_cls=SafeProtocol`.
        stdin_fd: the descriptor to read.
        stdout_fd: the descriptor to write.
        draining: see `converse`.
        end: see `converse`.

    Returns:
        The exit code.

    Raises:
        OSError: a descriptor is not open.
        TypeError: the server has another protocol.
    """
    protocol = server.protocol
    if not isinstance(protocol, SafeProtocol):
        raise TypeError(f"serve_stdio needs a server with SafeProtocol, not {type(protocol).__name__}")
    with _claimed(stdin_fd, stdout_fd) as (source, sink):
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream = _StdioStream(protocol, source, sink, lambda: resolve(ended))
        return await converse(protocol, stream, ended=ended, draining=draining, end=end)


class _StdioStream:
    """Both descriptors as one `ClientStream`."""

    def __init__(self, protocol: SafeProtocol, source: int, sink: int, on_end: Callable[[], None]) -> None:
        self._protocol = protocol
        self._writer = DescriptorWriter(sink, on_lost=on_end)
        protocol.set_writer(self._writer)
        self._reader = open_reader(source, self._feed, on_end)
        self._writer.on_room = self._reader.resume

    def _feed(self, data: bytes) -> None:
        self._protocol.feed(data)
        if self._writer.pending > _MAX_UNSENT:
            self._reader.pause()

    def is_closing(self) -> bool:
        return self._writer.is_closing()

    def stop_reading(self) -> None:
        self._reader.close()

    async def close_gracefully(self) -> None:
        await self._writer.flush(_FLUSH_S)
        self._writer.close()


@contextlib.contextmanager
def _claimed(stdin_fd: int, stdout_fd: int) -> Iterator[tuple[int, int]]:
    """Yield copies of both descriptors; meanwhile 0 is the null device and 1 is stderr."""
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
    # A process may have no stdout object (pythonw), or one whose reader has closed.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()
