"""What a service keeps has a bound: encoded messages, and watching for clients that have left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reloadls.service.host import Host
from reloadls.watch.change import FileChange
from reloadls.watch.flush import Pacing
from reloadls.watch.hub import WatchHub, Wish
from reloadls.watch.journal import Journal
from reloadls.watch.scope import Scope


async def test_few_encoded_messages_are_kept_however_long_the_journal_is(tmp_path: Path) -> None:
    host, journal = Host(), Journal()
    batches = [journal.append([FileChange(tmp_path / f"{n}", "modified")], "watch") for n in range(500)]
    for batch in batches:
        first = await host.encode(batch, 0, watched_files=True)
        assert await host.encode(batch, 0, watched_files=True) is first
    assert len(host._encoded) == 8
    await host.close()


class _Nobody:
    def on_batch(self) -> None: ...

    def on_status(self) -> None: ...

    def on_scan(self, begins: bool, scanned: Callable[[], int]) -> None: ...


async def test_few_channels_linger_and_the_last_ones_do(tmp_path: Path) -> None:
    hub = WatchHub(linger=600)
    for number in range(40):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        nobody = _Nobody()
        channel, _ = await hub.join(Wish(Scope([str(folder)]), Pacing(0.05, 1.0, 0.3)), nobody)
        await hub.leave(channel, nobody)
    await hub.settle()
    assert [channel.wish.scope.roots[0] for channel in hub.channels] == [str(tmp_path / f"{n}") for n in range(24, 40)]
    await hub.close()
