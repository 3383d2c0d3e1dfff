"""Writing to a descriptor without ever holding up the event loop."""

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
    """One descriptor, written to on a thread of its own, in order.

    Nothing is kept back: when `write` returns, the reader can have it.
    """

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._worker = Worker(f"reloadls-{name}")
        self._posted: set[asyncio.Task[None]] = set()

    async def write(self, lines: Iterable[str]) -> None:
        """Write whole lines and return when they are out of our hands.

        Raises:
            BrokenPipeError: nobody reads any more.
            OSError: it can't be written to, as a full disk.
        """
        await self._worker.run(_write_lines, self._fd, lines)

    def post(self, line: str) -> None:
        """Write a line some time soon; if it can't be, it is lost."""
        task = asyncio.create_task(self._post(line))
        self._posted.add(task)
        task.add_done_callback(self._posted.discard)

    async def close(self, within: float) -> None:
        """Give what is still to be written `within` seconds to leave."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._worker.stop()

    async def _post(self, line: str) -> None:
        with contextlib.suppress(OSError):
            await self.write([line])


def leads_to_own_output(path: str) -> bool:
    """Whether `path` is the file that our standard output or error goes to: what we write there is no news."""
    for fd in (1, 2):
        try:
            mine = os.fstat(fd)
            if not stat.S_ISREG(mine.st_mode):
                continue
            # Its name first, where the system says it: no other path is looked at.
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
