"""Readers of a record stream that can be killed and go on: in this process, behind a pipe, behind JSON-RPC."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Protocol

from reloadls.protocol import to_uri
from reloadls.records import RecordHub, RecordStream
from reloadls.records.clock import Clock
from tests.cli.running import environment
from tests.records.operations import FILTERS, LAYOUT
from tests.records.support import Picture, put
from tests.support.clients import RecordingClient
from tests.support.service import SERVE, hello

__all__ = ["Crowd", "LibraryCrowd", "PipeCrowd", "ServiceCrowd"]

DEADLINE_S = 60.0


class Crowd(Protocol):
    """Readers with one of `FILTERS` each. Their pictures outlive them."""

    pictures: list[Picture]

    async def start(self) -> None:
        """Start all, each from where its picture is."""

    async def sync(self) -> None:
        """Return when everything written before is in the pictures."""

    async def kill_one(self, place: int) -> None:
        """Kill one in the middle of whatever it does, and start it again."""

    async def kill(self) -> None:
        """Kill all."""


class LibraryCrowd:
    """Streams of one hub."""

    def __init__(self, folder: Path, state: Path, clock: Clock) -> None:
        self.pictures = [Picture() for _ in FILTERS]
        self._folder, self._state, self._clock = folder, state, clock
        self._hub = RecordHub()
        self._streams: list[RecordStream] = []

    async def start(self) -> None:
        self._hub = RecordHub(clock=self._clock, state_folder=self._state)
        self._streams = [await self._stream(place) for place in range(len(FILTERS))]

    async def sync(self) -> None:
        for stream, picture in zip(self._streams, self.pictures, strict=True):
            await stream.sync()
            picture.apply(stream.take())
            picture.clock = stream.clock

    async def kill_one(self, place: int) -> None:
        self.pictures[place].apply(self._streams[place].take(2))
        await self._streams[place].close()
        self._streams[place] = await self._stream(place)

    async def kill(self) -> None:
        for stream, picture in zip(self._streams, self.pictures, strict=True):
            picture.apply(stream.take(1))
        await self._hub.close()

    async def _stream(self, place: int) -> RecordStream:
        where, kinds, _ = FILTERS[place]
        stream = RecordStream(
            self._folder, layout=LAYOUT, where=where, kinds=kinds, since=self.pictures[place].clock, hub=self._hub
        )
        await stream.start()
        return stream


class PipeCrowd:
    """Processes of `reloadls records --json --clock`, one for each filter that the marks pass."""

    def __init__(self, folder: Path, state: Path, clock: Clock) -> None:
        self.pictures = [Picture() for _ in FILTERS]
        self._folder, self._state = folder, state
        self._layout = state / "layout.json"
        state.mkdir()
        self._layout.write_text(json.dumps(LAYOUT))
        self._processes: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Condition()
        self._mark = 0

    async def start(self) -> None:
        self._processes, self._readers = [], []
        for place in range(len(FILTERS)):
            await self._start(place)

    async def sync(self) -> None:
        for _ in range(2):  # what one flush holds is complete once the next one has come
            self._mark += 1
            mark = {"mark": self._mark, "status": "open", "n": 3, "tags": ["x"]}
            put(self._folder, "marks", "mark", mark)
            async with self._changed, asyncio.timeout(DEADLINE_S):
                await self._changed.wait_for(self._all_marked)

    async def kill_one(self, place: int) -> None:
        await self._kill(place)
        await self._start(place)

    async def kill(self) -> None:
        for place in range(len(self._processes)):
            await self._kill(place)

    def _all_marked(self) -> bool:
        found = [picture.records.get(("marks", "mark"), {}).get("mark") for picture in self.pictures]
        return all(mark == self._mark for mark in found)

    async def _start(self, place: int) -> None:
        where, kinds, _ = FILTERS[place]
        clock = self.pictures[place].clock
        args = [part for expression in where for part in ("--where", expression)]
        args += [part for kind in (*kinds, *(["marks"] if kinds else [])) for part in ("--kind", kind)]
        args += ["--since", clock] if clock else []
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "reloadls", "records", os.fspath(self._folder), "--json", "--clock",
            "--layout", os.fspath(self._layout), *args,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            limit=1 << 24, env=environment(XDG_STATE_HOME=os.fspath(self._state / str(place))),
        )  # fmt: skip
        reader = asyncio.create_task(self._read(place, process))
        self._processes[place : place + 1], self._readers[place : place + 1] = [process], [reader]

    async def _kill(self, place: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._processes[place].kill()
        await self._processes[place].wait()
        await self._readers[place]

    async def _read(self, place: int, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if line.endswith(b"\n"):  # a killed process may leave half a line
                self.pictures[place].apply([json.loads(line)])
                async with self._changed:
                    self._changed.notify_all()


class ServiceCrowd:
    """Subscriptions of one client of a service on stdio."""

    def __init__(self, folder: Path, state: Path, clock: Clock) -> None:
        self.pictures = [Picture() for _ in FILTERS]
        self._folder, self._state = folder, state
        self._stack = contextlib.AsyncExitStack()
        self._client: RecordingClient
        self._names: list[str] = []
        self._taken = 0

    async def start(self) -> None:
        env = {**os.environ, "XDG_STATE_HOME": os.fspath(self._state)}
        self._client = await self._stack.enter_async_context(RecordingClient.start(*SERVE, "--state", env=env))
        await self._client.initialize(hello([os.fspath(self._folder.parent)], {}))
        self._taken = 0
        self._names = [await self._subscribe(place) for place in range(len(FILTERS))]

    async def sync(self) -> None:
        for name in self._names:
            await self._client.request("records/sync", {"subscription": name})
        self._take()

    async def kill_one(self, place: int) -> None:
        self._take()
        await self._client.request("records/unsubscribe", {"subscription": self._names[place]})
        self._take()
        self._names[place] = await self._subscribe(place)

    async def kill(self) -> None:
        peer: Any = self._client.peer
        os.kill(peer.pid, 9)
        await self._stack.aclose()
        self._take()

    async def _subscribe(self, place: int) -> str:
        where, kinds, _ = FILTERS[place]
        layout = {"kinds": LAYOUT["kinds"], "expires": LAYOUT["expires"],
                  "extendedBy": LAYOUT["extended_by"], "endedBy": LAYOUT["ended_by"]}  # fmt: skip
        params = {"uri": to_uri(os.fspath(self._folder)), "layout": layout, "where": where, "kinds": kinds}
        since = self.pictures[place].clock
        answer = await self._client.request("records/subscribe", params | ({"since": since} if since else {}))
        return str(answer["subscription"])

    def _take(self) -> None:
        messages = self._client.messages
        for arrived in messages[self._taken :]:
            params = arrived.message.get("params")
            if (
                arrived.message.get("method") == "records/didChange"
                and params
                and params["subscription"] in self._names
            ):
                picture = self.pictures[self._names.index(params["subscription"])]
                picture.apply(
                    [{**event, "event_type": event["eventType"], "clock": None} for event in params["events"]]
                )
                picture.clock = params["clock"]
        self._taken = len(messages)
