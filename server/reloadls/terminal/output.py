"""Write lines to a descriptor without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Iterable

from reloadls.base.descriptors import write_all
from reloadls.base.worker_thread import Worker

__all__ = ["Output", "leads_to_own_output"]

_CHUNK = 64 * 1024


class Output:
    """Writes to a descriptor on its own thread, in order and unbuffered.

    Args:
        fd: the descriptor.
        name: the name of the thread.
    """

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._worker = Worker(f"reloadls-{name}")
        self._posted: set[asyncio.Task[None]] = set()

    async def write(self, lines: Iterable[str]) -> None:
        """Write whole lines and return when the system has accepted them.

        Args:
            lines: the lines, with line ends.

        Raises:
            BrokenPipeError: the reader has closed its end.
            OSError: the descriptor can't be written, for example since the disk is full.
        """
        await self._worker.run(_write_lines, self._fd, lines)

    def post(self, line: str) -> None:
        """Queue a line; it is dropped if it can't be written."""
        task = asyncio.create_task(self._post(line))
        self._posted.add(task)
        task.add_done_callback(self._posted.discard)

    async def close(self, within: float) -> None:
        """Wait at most `within` seconds until everything queued is written."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._worker.stop()

    async def _post(self, line: str) -> None:
        with contextlib.suppress(OSError):
            await self.write([line])


def leads_to_own_output(path: str) -> bool:
    """Return whether standard output or error is redirected to `path`: our own writes are not reported."""
    for fd in (1, 2):
        try:
            mine = os.fstat(fd)
            if not stat.S_ISREG(mine.st_mode):
                continue
            # Compare the name first, where the system reports it: this saves a stat of other paths.
            if os.path.basename(_name_of(fd) or path) == os.path.basename(path) and os.path.samestat(
                mine, os.stat(path)
            ):
                return True
        except OSError:
            continue
    return False


def _name_of(fd: int) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None


def _write_lines(fd: int, lines: Iterable[str]) -> None:
    chunk = bytearray()
    for line in lines:
        chunk += line.encode("utf-8", "backslashreplace")
        if len(chunk) >= _CHUNK:
            write_all(fd, chunk)
            chunk.clear()
    write_all(fd, chunk)
