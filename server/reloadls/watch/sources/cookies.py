"""Barriers in the stream of native events: a file created in a private, watched folder.

The operating system queues the events of one instance in order. So once the event of this file has arrived, all earlier
events have.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from itertools import count

__all__ = ["Cookies"]


class Cookies:
    """The barriers of one instance.

    The folder is temporary and accessible to this user only. If none can be created (a full disk), there are no
    barriers, and callers compare everything instead.
    """

    def __init__(self) -> None:
        self._folder: str | None = None
        self._numbers = count()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._loop = asyncio.get_running_loop()

    def folder(self) -> list[str]:
        """Create the folder to watch; return it, or nothing if it can't be created."""
        try:
            self._folder = tempfile.mkdtemp(prefix="reloadls-barrier-")
        except OSError:
            return []
        return [self._folder]

    async def barrier(self, timeout: float) -> bool:
        """Wait until a file created now is noticed; return False if that fails or takes over `timeout` seconds."""
        if self._folder is None:
            return False
        path = os.path.join(self._folder, str(next(self._numbers)))
        seen = self._expect(path)
        try:
            _make(path)
            await asyncio.wait_for(seen, timeout)
        except (OSError, TimeoutError):
            return False
        finally:
            self._waiting.pop(path, None)
            _remove(path)
        return True

    async def misses_new_folders(self, timeout: float) -> bool:
        """Return whether a new folder is certainly not watched although its creation was noticed: the table is full."""
        if self._folder is None:
            return False
        folder = os.path.join(self._folder, f"new-{next(self._numbers)}")
        path = os.path.join(folder, "file")
        seen = self._expect(path)
        try:
            os.mkdir(folder, 0o700)
            if not await self.barrier(timeout):
                return False
            _make(path)
            return await self.barrier(timeout) and not seen.done()
        except OSError:
            return False
        finally:
            self._waiting.pop(path, None)
            shutil.rmtree(folder, ignore_errors=True)

    def split(self, paths: set[str]) -> tuple[set[str], set[str]]:
        """Return `paths` without barrier files, and the barrier files. Called on the source's thread."""
        folder = self._folder
        mine = {path for path in paths if path.startswith(folder)} if folder is not None else set()
        return paths - mine, mine

    def seen(self, mine: set[str]) -> None:
        """Wake the callers that wait for the barrier files `mine`. Called on the source's thread."""
        if mine:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._release, mine)

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _expect(self, path: str) -> asyncio.Future[None]:
        seen = self._waiting[path] = self._loop.create_future()
        return seen

    def _release(self, mine: set[str]) -> None:
        for path in mine & self._waiting.keys():
            if not self._waiting[path].done():
                self._waiting[path].set_result(None)


def _make(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
