"""Random operations on real files, told over the wire by a real service: one client, and many that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.clients import RecordingClient
from tests.support.machine import OPERATIONS, check
from tests.support.peers import StreamPeer
from tests.support.service import ON_SOCKETS, SERVE, Picture, Service, Transport, hello
from tests.support.watching import SOURCES

T = TypeVar("T")
_OPTIONS: dict[str, Any] = {"debounceMs": 20, "maxWaitMs": 100, "pollDelayMs": 50, "useGitignore": False}


class ClientTeller:
    """A client of the service, driven from a test that is not async. One service serves all examples."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = contextlib.AsyncExitStack()
        self.client: RecordingClient
        self._picture: Picture

    def start(self, folder: str, source: str) -> ClientTeller:
        self._run(self._start(folder, source))
        self._picture = Picture(self.client)
        return self

    async def _start(self, folder: str, source: str) -> None:
        client = RecordingClient.start(*SERVE, "--source", source)
        self.client = await self._stack.enter_async_context(client)
        await self.client.initialize(hello([folder], _OPTIONS))
        await self.client.wait_for("reload/didChangeStatus")

    @property
    def picture(self) -> set[str]:
        return self._picture.files

    @property
    def told(self) -> dict[str, str]:
        return self._picture.told

    def move_to(self, folder: str) -> ClientTeller:
        """Watch another folder from now on."""
        self._run(self.client.request("reload/refreshPaths", {"paths": [folder]}))
        self._run(self._picture.read())
        self.told.clear()
        return self

    def leave(self) -> None:
        self._run(self.client.request("reload/resume"))

    def sync(self) -> None:
        answer = self._run(self.client.request("reload/sync"))
        self._picture.apply()
        assert self._picture.clock == answer["clock"] or not self.told

    def pause(self) -> None:
        self._run(self.client.request("reload/pause"))

    def resume(self) -> None:
        self._run(self.client.request("reload/resume"))
        self._picture.apply()

    def refresh(self) -> None:
        self._run(self.client.request("reload/refreshPaths"))
        self._picture.apply()

    def close(self) -> None:
        self._run(self._stack.aclose())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


class Member:
    """One of a crowd of clients of the same folder."""

    def __init__(self, client: RecordingClient, stack: contextlib.AsyncExitStack) -> None:
        self.client, self.picture, self._stack = client, Picture(client), stack
        self.paused = self.stalled = False

    async def change_mind(self, chance: random.Random) -> None:
        """Pause or go on, read or stop reading."""
        peer = self.client.peer
        if self.stalled:
            assert isinstance(peer, StreamPeer)
            peer.read_on()
            self.stalled = False
        elif self.paused:
            await self.client.request("reload/resume")
            self.paused = False
        elif chance.random() < 0.5 and isinstance(peer, StreamPeer):
            peer.stop_reading()
            self.stalled = True
        else:
            await self.client.request("reload/pause")
            self.paused = True

    async def agree(self, files: set[str]) -> None:
        """Unless it can't know, it has the same files."""
        if not self.paused and not self.stalled:
            await self.client.request("reload/sync")
            self.picture.apply()
            assert self.picture.files == files

    async def leave(self) -> None:
        if self.stalled and isinstance(self.client.peer, StreamPeer):
            self.client.peer.read_on()
        await self._stack.aclose()


class CrowdTeller(ClientTeller):
    """The same, among others who come, leave, pause and stop reading at random, some with options of their own."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport
        self._chance = random.Random(1)
        self._crowd: list[Member] = []
        self._folder = ""

    async def _start(self, folder: str, source: str) -> None:
        self._service = await self._stack.enter_async_context(Service.start(self._transport, "--source", source))
        self.client = await self._stack.enter_async_context(self._service.session(folder, **_OPTIONS))

    def move_to(self, folder: str) -> ClientTeller:
        self._run(self._leave_all())
        self._folder = folder
        return super().move_to(folder)

    def leave(self) -> None:
        self._run(self._leave_all())
        super().leave()

    def sync(self) -> None:
        super().sync()
        self._run(self._stir())

    def close(self) -> None:
        self._run(self._leave_all())
        super().close()

    async def _stir(self) -> None:
        for member in self._crowd:
            await member.agree(self.picture)
        if len(self._crowd) < 5 and self._chance.random() < 0.3:
            await self._join()
        if self._crowd and self._chance.random() < 0.3:
            await self._chance.choice(self._crowd).change_mind(self._chance)
        if self._crowd and self._chance.random() < 0.1:
            await self._crowd.pop(self._chance.randrange(len(self._crowd))).leave()

    async def _join(self) -> None:
        stack = contextlib.AsyncExitStack()
        options = {**_OPTIONS, "debounceMs": self._chance.choice([20, 20, 35])}
        client = await stack.enter_async_context(self._service.session(self._folder, **options))
        member = Member(client, stack)
        self._crowd.append(member)
        await member.picture.read()
        await member.agree(self.picture)

    async def _leave_all(self) -> None:
        while self._crowd:
            await self._crowd.pop().leave()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.timeout(1500)
def test_what_a_client_received_equals_the_disk(source: str, tmp_path: Path) -> None:
    teller = ClientTeller().start(os.fspath(tmp_path), source)
    try:
        check(teller.move_to)
    finally:
        teller.close()


@pytest.mark.parametrize("transport", ON_SOCKETS)
@pytest.mark.timeout(1500)
def test_so_it_is_with_many_that_come_and_go(transport: Transport, tmp_path: Path) -> None:
    teller = CrowdTeller(transport).start(os.fspath(tmp_path), "auto")
    try:
        check(teller.move_to, operations=OPERATIONS // 20)
    finally:
        teller.close()
