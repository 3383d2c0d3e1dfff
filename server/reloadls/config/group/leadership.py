"""Who of a group leads: a lock that the kernel frees, and a pipe that reports at once when it has.

The leader holds the lock and an open write end of the pipe. When it ends, however it ends, the kernel closes both, and
every follower's read end is readable. So nothing polls, and waiting can be cancelled, which a blocking lock can't.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import weakref

from filelock import FileLock, Timeout

from reloadls.base.folders import UnsafeFolder

__all__ = ["Leadership"]

_AGAIN_S = 5.0
"""How often, in seconds, the lock is tried although the pipe says nothing: its file may have been deleted."""
_POLL_S = 0.1
"""The same where there are no named pipes."""

_open: weakref.WeakSet[Leadership] = weakref.WeakSet()


class Leadership:
    """Waits for the leadership of a group, holds it, and gives it up.

    Args:
        lock: the lock's file.
        pipe: the pipe's name.
    """

    def __init__(self, lock: str, pipe: str) -> None:
        self._lock = FileLock(lock, mode=0o600, thread_local=False)
        self._pipe = pipe
        self._writer = -1
        self.held = False

    def try_acquire(self) -> bool:
        """Return whether this process leads now.

        Raises:
            UnsafeFolder: something else has the pipe's name.
            OSError: the pipe can't be used.
        """
        if self.held:
            return True
        # The write end comes first: whoever has the lock has it open.
        writer = self._open(os.O_RDWR)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            if writer >= 0:
                os.close(writer)
            return False
        except BaseException:
            if writer >= 0:
                os.close(writer)
            raise
        self._writer, self.held = writer, True
        _open.add(self)
        return True

    async def acquire(self) -> None:
        """Wait until this process leads."""
        while True:
            reader = self._open(os.O_RDONLY)
            try:
                if self.try_acquire():
                    return
                await _readable(reader)
            finally:
                if reader >= 0:
                    os.close(reader)

    def release(self) -> None:
        """Give it up; the next one takes over at once."""
        if not self.held:
            return
        self.held = False
        _open.discard(self)
        with contextlib.suppress(OSError):
            self._lock.release()
        self.forget()

    def forget(self) -> None:
        """Close the write end; in a fork, which must not keep the others waiting."""
        writer, self._writer = self._writer, -1
        if writer >= 0:
            os.close(writer)

    def _open(self, flags: int) -> int:
        if not hasattr(os, "mkfifo"):
            return -1
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._pipe, 0o600)
        fd = os.open(self._pipe, flags | os.O_NONBLOCK)
        status = os.fstat(fd)
        if not stat.S_ISFIFO(status.st_mode) or status.st_uid != os.geteuid():
            os.close(fd)
            raise UnsafeFolder(self._pipe, "not a pipe of this user")
        return fd


async def _readable(fd: int) -> None:
    if fd < 0:
        await asyncio.sleep(_POLL_S)
        return
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(fd, event.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_AGAIN_S):
                await event.wait()
    finally:
        loop.remove_reader(fd)


def _in_child() -> None:
    for leadership in list(_open):
        leadership.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
