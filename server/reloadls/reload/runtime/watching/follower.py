"""Follow the process this one was forked or spawned from, which reports changes, instead of watching as well.

The kernel limits inotify instances per user (128 by default), and a program may have more workers than that. The
process that watches is the *leader*; followers connect to its target socket. If it ends or does not answer, they watch
by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from reloadls.base.peer import peer_credentials
from reloadls.reload.runtime.endpoint.advert import files_of, runs
from reloadls.reload.runtime.endpoint.encode import Framer, InvalidMessage, frame, from_uri, to_uri
from reloadls.watch.change import ChangeType, FileChange

from .changed import changed_since

__all__ = ["CHANGED", "STATUS", "SYNCED", "Follower", "follow", "to_wire", "connect", "ACKNOWLEDGE"]

CHANGED: Final = "reload/didChangeFiles"
"""Notifies a follower of changes."""
STATUS: Final = "reload/didChangeWatching"
"""Notifies a follower of the state of watching."""
ACKNOWLEDGE: Final = "reload/acknowledge"
"""Tells the leader what this process did with a batch."""
SYNCED: Final = "reload/didSyncRequirements"
"""Notifies a follower of installed distributions."""
_AT_ONCE: Final = 1000
"""How many files one message may contain."""
_COMES_S: Final = 6.0
"""How long to wait for a leader that is not listening yet, in seconds: it may be starting."""
_STEP_S: Final = 0.02
_LATE_S: Final = 1.0
"""The largest delay between a change and its notification, in seconds."""
_ANSWERS_S: Final = 5.0
"""A leader that does not answer within this time, in seconds, is not followed any more."""

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
    on_synced: Callable[[Json], None] = lambda _: None,
) -> Follower | None:
    """Follow the first process that watches `roots`.

    Args:
        leaders: pids, oldest process first.
        folder: the folder of the programs' sockets.
        roots: the folders to watch.
        on_changes: receives the changes.
        on_status: called when the state of watching has changed.
        debounce: how long to wait for a recently changed file to be complete, in seconds.
        since: ignore changes before this time, in seconds since the epoch.
        on_synced: called with what describes installed distributions.

    Returns:
        The follower; None if none of them watches `roots`.
    """
    loop = asyncio.get_running_loop()
    left, end = list(leaders) if sys.platform == "linux" else [], loop.time() + _COMES_S
    while left := [pid for pid in left if pid != os.getpid() and runs(pid)]:
        connection = connect(left[0], folder)
        if connection is not None:
            call = (on_changes, on_status)
            follower = Follower(left[0], connection, roots, *call, debounce=debounce, since=since, on_synced=on_synced)
            if await follower.start():
                return follower
            await follower.stop()
        if loop.time() > end or (connection is not None and follower.refused):
            del left[0]
        else:
            await asyncio.sleep(_STEP_S)
    return None


class Follower:
    """Passes on the changes that a leader reports. Created and used on one event loop.

    Args:
        leader: its pid.
        connection: the connection to it.
        roots: the folders to watch.
        on_changes: receives the changes.
        on_status: called when the state of watching has changed.
        debounce: how long to wait for a recently changed file to be complete, in seconds.
        since: ignore changes before this time, in seconds since the epoch.
        on_synced: called with what describes installed distributions.
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
        on_synced: Callable[[Json], None] = lambda _: None,
    ) -> None:
        self.connection = connection
        self._leader = leader
        self._watch = -1
        self.lost = asyncio.Event()
        """Set when the leader sends nothing any more."""
        self.refused = False
        """Whether the leader has refused to be followed."""
        self.confirmed = since
        """All changes before this time have been received, in seconds since the epoch."""
        self.batch = 0
        """The number of the last batch."""
        self._roots = roots
        self._on_changes = on_changes
        self._on_status = on_status
        self._on_synced = on_synced
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
        """Connect; return whether the leader reports changes from now on."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(sock=self.connection)
        except OSError:
            return False
        self._reading = asyncio.create_task(self._read(reader), name="reloadls-follow")
        # The connection's end is not enough: a child of the leader may have inherited its descriptor.
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._watch = os.pidfd_open(self._leader)
                asyncio.get_running_loop().add_reader(self._watch, self.lost.set)
        return await self._request([])

    async def stop(self) -> None:
        """Disconnect, and pass nothing on any more."""
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

    async def watch_loaded(self, loaded: Iterable[str]) -> None:
        """Have the leader watch these files, and check that it still answers.

        Args:
            loaded: the files the program has loaded.
        """
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
            await asyncio.sleep(self._debounce)  # the file may be incomplete
            self._on_changes(changes)

    def acknowledge(self, outcome: Json) -> None:
        """Tell the leader what this process did with a batch."""
        if self._writer is not None and not self.lost.is_set():
            message = {"jsonrpc": "2.0", "id": ACKNOWLEDGE, "method": ACKNOWLEDGE, "params": outcome}
            self._writer.write(frame(message))

    def forget(self) -> None:
        """In a forked child: close what belongs to the parent. Thread-safe."""
        self.connection.close()
        if self._watch >= 0:
            os.close(self._watch)
            self._watch = -1

    def status(self) -> Json:
        """Return the state of the leader's watching."""
        return {**self._status, "problems": list(self._status["problems"])}

    async def _request(self, paths: list[str]) -> bool:
        """Ask the leader to watch these files; return whether it does."""
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
                    self._handle(json.loads(body))
        except (OSError, InvalidMessage, ValueError, LookupError, TypeError, AttributeError):
            pass
        finally:
            self.lost.set()
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(InvalidMessage("the connection was closed"))

    def _handle(self, message: Json) -> None:
        if message.get("method") == CHANGED:
            self.batch = int(message["params"].get("batch", self.batch))
            self._on_changes(_from_wire(message["params"]["changes"]))
        elif message.get("method") == STATUS:
            self._note_status(message["params"])
        elif message.get("method") == SYNCED:
            self._on_synced(message["params"])
        elif message.get("id") == self._request_id and self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    def _note_status(self, status: Json) -> None:
        if status.keys() != _STATUS_FIELDS or not isinstance(status["problems"], list):
            raise InvalidMessage("not a status")
        self._status, before = status, self._status
        if status != before:
            self._on_status()


_STATUS_FIELDS = {"state", "backend", "roots", "debounceMs", "maxWaitMs", "problems"}


def to_wire(changes: Sequence[FileChange], batch: int = 0) -> Iterator[Json]:
    """Yield the params of the messages that notify a follower of changes.

    Args:
        changes: the changes.
        batch: the batch's number.
    """
    for begin in range(0, len(changes), _AT_ONCE):
        items: list[Json] = []
        for change in changes[begin : begin + _AT_ONCE]:
            items.append({"uri": to_uri(os.fspath(change.path)), "type": change.change_type})
            if change.renamed_from is not None:
                items[-1]["renamedFrom"] = to_uri(os.fspath(change.renamed_from))
        yield {"changes": items, "batch": batch}


def _from_wire(changes: list[Json]) -> list[FileChange]:
    items = []
    for each in changes:
        if each["type"] not in get_args(ChangeType):
            raise InvalidMessage("not a change")
        before = each.get("renamedFrom")
        origin = None if before is None else Path(from_uri(before))
        items.append(FileChange(Path(from_uri(each["uri"])), each["type"], origin))
    return items


def connect(pid: int, folder: str) -> socket.socket | None:
    """Connect to a program.

    Args:
        pid: its process.
        folder: the folder of the programs' sockets.

    Returns:
        The connection; None if it does not listen.
    """
    for path in files_of(pid, folder):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        if connection.connect_ex(path) == 0 and (peer_credentials(connection) or (0, 0))[0] == pid:
            return connection
        connection.close()
    return None
