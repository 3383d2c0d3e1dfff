"""What a service keeps has a bound: encoded messages, and watching for clients that have left."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reloadls.service.host import Host
from reloadls.watch.change import FileChange
from reloadls.watch.flush import Pacing
from reloadls.watch.hub import Channel, Subscription, WatchHub
from reloadls.watch.journal import Journal
from reloadls.watch.scope.scope import Scope


async def test_few_encoded_messages_are_kept_however_long_the_journal_is(tmp_path: Path) -> None:
    host, journal = Host(), Journal()
    batches = [journal.append([FileChange(tmp_path / f"{n}", "modified")], "watch") for n in range(500)]
    for batch in batches:
        first = await host.encode(batch, 0, watched_files=True)
        assert await host.encode(batch, 0, watched_files=True) is first
    assert len(host._encoded) == 8
    await host.close()


class _NoListener:
    def on_batch(self) -> None: ...

    def on_status(self) -> None: ...

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None: ...


async def test_few_channels_linger_and_the_last_ones_do(tmp_path: Path) -> None:
    hub = WatchHub(linger=600)
    for number in range(40):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        nobody = _NoListener()
        channel, _ = await hub.join(Subscription(Scope([str(folder)]), Pacing(0.05, 1.0, 0.3)), nobody)
        await hub.leave(channel, nobody)
    await hub.settle()
    assert [channel.subscription.scope.roots[0] for channel in hub.channels] == [
        str(tmp_path / f"{n}") for n in range(24, 40)
    ]
    await hub.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit there")
async def test_those_that_linger_are_given_up_when_descriptors_run_out(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    hub = WatchHub(linger=600, state_folder=tmp_path / "state")
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()

    async def visit(name: str) -> Channel:
        nobody = _NoListener()
        channel, _ = await hub.join(Subscription(Scope([str(tmp_path / name)]), Pacing(0.05, 1.0, 0.3)), nobody)
        await hub.leave(channel, nobody)
        return channel

    await visit("a")
    await visit("b")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], 2000), before[1]))
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(4):  # few are left
            os.close(held.pop())
        channel = await visit("c")
        assert [other.subscription.scope.roots for other in hub.channels] == [(str(tmp_path / "c"),)]
        assert channel.status.problems == ()
        hub.end_idle_channels()
        await hub.settle()
        assert hub.channels == []
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        await hub.close()
