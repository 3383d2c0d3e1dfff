"""A forked or spawned process asks the process that it comes from what has changed, instead of watching as well.

The kernel gives each user few inotify instances (128 by default), and a program may have more workers than that. The
one that watches is the *leader*; it is asked over its own target's socket. Once it has ended, or does not answer, its
followers watch by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from reloadls.reload.runtime.endpoint.advert import files_of, runs
from reloadls.reload.runtime.endpoint.encode import Framer, InvalidMessage, frame, from_uri, to_uri
from reloadls.watch.change import ChangeType, FileChange

from .changed import changed_since

__all__ = ["CHANGED", "STATUS", "Follower", "follow", "to_wire", "connect"]

CHANGED: Final = "reload/didChangeFiles"
"""Tells a follower what has changed."""
STATUS: Final = "reload/didChangeWatching"
"""Tells a follower how watching goes."""
_AT_ONCE: Final = 1000
"""How many files are told in one message, and asked for in one."""
_COMES_S: Final = 6.0
"""How long a leader that does not listen yet is waited for, in seconds: it may be starting itself."""
_STEP_S: Final = 0.02
_LATE_S: Final = 1.0
"""How long after a change it is told at the latest, in seconds."""
_ANSWERS_S: Final = 5.0
"""A leader that does not answer for so long, in seconds, is not followed any more."""

Json = dict[str, Any]


async def follow(
    leaders: Sequence[int],
    folder: str,
    roots: tuple[str, ...],
    on_changes: Callable[[list[FileChange]], None],
    on_status: Callable[[], None],
    *,
    debounce: float,
    since: float,
) -> Follower | None:
    """Follow the first of these processes that watches `roots`; None if none does.

    Args:
        leaders: process numbers, of those that run longest first.
        folder: where programs listen.
        roots: what is to be watched.
        on_changes: called with what has changed.
        on_status: called when how watching goes has changed.
        debounce: how long a file that has just changed is given to be written, in seconds.
        since: from when on changes count, in seconds since the epoch.
    """
    loop = asyncio.get_running_loop()
    left, end = list(leaders) if sys.platform == "linux" else [], loop.time() + _COMES_S
    while left := [pid for pid in left if pid != os.getpid() and runs(pid)]:
        connection = connect(left[0], folder)
        if connection is not None:
            follower = Follower(left[0], connection, roots, on_changes, on_status, debounce=debounce, since=since)
            if await follower.start():
                return follower
            await follower.stop()
        if loop.time() > end or (connection is not None and follower.refused):
            del left[0]
        else:
            await asyncio.sleep(_STEP_S)
    return None


class Follower:
    """Tells what a leader tells. Made and used on one event loop.

    Args:
        leader: its process number.
        connection: to it.
        roots: what is to be watched.
        on_changes: called with what has changed.
        on_status: called when how watching goes has changed.
        debounce: how long a file that has just changed is given to be written, in seconds.
        since: from when on changes count, in seconds since the epoch.
    """

    def __init__(
        self,
        leader: int,
        connection: socket.socket,
        roots: tuple[str, ...],
        on_changes: Callable[[list[FileChange]], None],
        on_status: Callable[[], None],
        *,
        debounce: float,
        since: float,
    ) -> None:
        self.connection = connection
        self._leader = leader
        self._watch = -1
        self.lost = asyncio.Event()
        """Set once the leader tells nothing any more."""
        self.refused = False
        """Whether it said that it can't be followed."""
        self.confirmed = since
        """All that changed before this time has been told, in seconds since the epoch."""
        self._roots = roots
        self._on_changes = on_changes
        self._on_status = on_status
        self._debounce = debounce
        self._since = since
        self._known: set[str] = set()
        self._status: Json = {}
        self._reading: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answer: asyncio.Future[Json] | None = None
        self._request_id = 0
        self._lock = asyncio.Lock()

    async def start(self) -> bool:
        """Whether it can be followed: then what changes from now on is told."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(sock=self.connection)
        except OSError:
            return False
        self._reading = asyncio.create_task(self._read(reader), name="reloadls-follow")
        # A child of the leader may keep its end of the connection open: so its end is not enough.
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._watch = os.pidfd_open(self._leader)
                asyncio.get_running_loop().add_reader(self._watch, self.lost.set)
        return await self._request([])

    async def stop(self) -> None:
        """Tell nothing more."""
        self.lost.set()
        if self._watch >= 0:
            asyncio.get_running_loop().remove_reader(self._watch)
            os.close(self._watch)
            self._watch = -1
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        if self._writer is not None:
            self._writer.transport.abort()
        self.connection.close()

    async def cover(self, loaded: Iterable[str]) -> None:
        """See to it that these files are watched, and that the leader is still there."""
        new = [path for path in loaded if path not in self._known]
        self._known.update(new)
        for begin in range(0, len(new) or 1, _AT_ONCE):
            if self.lost.is_set() or not await self._request(new[begin : begin + _AT_ONCE]):
                self.lost.set()
                return
        written, gone = changed_since(new, self._since)
        changes = [FileChange(Path(path), "modified") for path in written]
        changes += [FileChange(Path(path), "deleted") for path in gone]
        if changes:
            await asyncio.sleep(self._debounce)  # it may be being written
            self._on_changes(changes)

    def forget(self) -> None:
        """In a forked child: let go of what is the parent's. On any thread."""
        self.connection.close()
        if self._watch >= 0:
            os.close(self._watch)
            self._watch = -1

    def status(self) -> Json:
        """How the leader's watching goes."""
        return {**self._status, "problems": list(self._status["problems"])}

    async def _request(self, paths: list[str]) -> bool:
        """Have the leader watch these; whether it does."""
        assert self._writer is not None
        params = {"roots": list(map(to_uri, self._roots)), "files": list(map(to_uri, paths))}
        async with self._lock:
            now = time.time()
            if self.lost.is_set():
                return False
            self._request_id += 1
            self._answer = asyncio.get_running_loop().create_future()
            self._writer.write(
                frame({"jsonrpc": "2.0", "id": self._request_id, "method": "reload/follow", "params": params})
            )
            try:
                answer = await asyncio.wait_for(self._answer, _ANSWERS_S)
                self._note_status(answer["result"])
            except (TimeoutError, InvalidMessage):
                return False
            except LookupError:
                self.refused = True
                return False
        self.confirmed = now - _LATE_S
        return True

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = Framer()
        try:
            while data := await reader.read(1 << 16):
                for body in framer.feed(data):
                    self._take(json.loads(body))
        except (OSError, InvalidMessage, ValueError, LookupError, TypeError, AttributeError):
            pass
        finally:
            self.lost.set()
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(InvalidMessage("the connection has ended"))

    def _take(self, message: Json) -> None:
        if message.get("method") == CHANGED:
            self._on_changes(_from_wire(message["params"]["changes"]))
        elif message.get("method") == STATUS:
            self._note_status(message["params"])
        elif message.get("id") == self._request_id and self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    def _note_status(self, status: Json) -> None:
        if status.keys() != _STATUS_FIELDS or not isinstance(status["problems"], list):
            raise InvalidMessage("this is no status")
        self._status, before = status, self._status
        if status != before:
            self._on_status()


_STATUS_FIELDS = {"state", "backend", "roots", "debounceMs", "maxWaitMs", "problems"}


def to_wire(changes: Sequence[FileChange]) -> Iterator[Json]:
    """The messages' params that tell a follower of changes."""
    for begin in range(0, len(changes), _AT_ONCE):
        items: list[Json] = []
        for change in changes[begin : begin + _AT_ONCE]:
            items.append({"uri": to_uri(os.fspath(change.path)), "type": change.change_type})
            if change.renamed_from is not None:
                items[-1]["renamedFrom"] = to_uri(os.fspath(change.renamed_from))
        yield {"changes": items}


def _from_wire(changes: list[Json]) -> list[FileChange]:
    items = []
    for each in changes:
        if each["type"] not in get_args(ChangeType):
            raise InvalidMessage("this is no change")
        before = each.get("renamedFrom")
        origin = None if before is None else Path(from_uri(before))
        items.append(FileChange(Path(from_uri(each["uri"])), each["type"], origin))
    return items


def connect(pid: int, folder: str) -> socket.socket | None:
    """A connection to the program of this number, if it listens."""
    for path in files_of(pid, folder):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        if connection.connect_ex(path) == 0 and _listener(connection) == pid:
            return connection
        connection.close()
    return None


def _listener(connection: socket.socket) -> int:
    """Who listens at the other end, by the kernel's word."""
    if sys.platform != "linux":
        return 0
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
