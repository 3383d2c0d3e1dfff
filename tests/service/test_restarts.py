"""What changes while nobody watches is told by the next process, whatever ended the one before."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from reloadls.protocol import from_uri
from tests.support.clients import RecordingClient
from tests.support.disk import state_of
from tests.support.service import Service

CYCLES = int(os.environ.get("RELOADLS_TEST_RESTARTS", "12"))
"""How often the service is killed and started again."""


class Mirror:
    """What a client believes to be there, and the clock of it: it outlives every service."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.clock: str | None = None
        self.fresh = 0

    async def catch_up(self, client: RecordingClient) -> None:
        answer = await client.request("reload/since", None if self.clock is None else {"clock": self.clock})
        if answer["fresh"]:
            self.fresh += 1
            self.files.clear()
        for change in answer["changes"]:
            path = from_uri(change["uri"])
            if change["type"] == "deleted":
                self.files.discard(path)
            else:
                self.files.add(path)
        self.clock = answer["clock"]


def change_something(root: Path, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 6)):
        path = root / f"d{chance.randint(0, 3)}" / f"f{chance.randint(0, 9)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        act = chance.random()
        if act < 0.6:
            with path.open("a") as file:
                file.write("x")
        elif act < 0.8:
            path.unlink(missing_ok=True)
        elif act < 0.9:
            shutil.rmtree(path.parent)
        else:
            with contextlib.suppress(OSError):
                os.rename(path.parent, root / f"d{chance.randint(0, 3)}")


@pytest.mark.timeout(60 + 5 * CYCLES)
async def test_a_client_that_comes_back_misses_nothing(tmp_path: Path) -> None:
    """Killed at any moment; the client asks what has changed since the last clock that it got to see."""
    root, chance, mirror = tmp_path / "root", random.Random(7), Mirror()
    root.mkdir()
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    for cycle in range(CYCLES):
        change_something(root, chance)
        async with Service.start("socket", env=env) as service, service.session(root, debounceMs=1) as client:
            if cycle % 2:
                change_something(root, chance)
            if chance.random() < 0.7:
                await client.request("reload/sync")
                await mirror.catch_up(client)
                assert mirror.files == set(state_of(str(root)))
            else:
                await mirror.catch_up(client)
            if chance.random() < 0.5:
                change_something(root, chance)
            os.kill(service.process.pid, signal.SIGKILL)
            await service.process.wait()
    assert mirror.fresh == 1, "the first answer is the only one that had to be whole"


async def test_the_first_client_receives_what_happened_meanwhile(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name in ("stays", "goes", "changes"):
        (root / name).write_text("1")
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    async with Service.start("socket", env=env) as service, service.session(root) as client:
        assert client.received("reload/didChange") == []
    (root / "goes").unlink()
    (root / "changes").write_text("more")
    (root / "comes").write_text("1")
    async with Service.start("socket", env=env) as service:
        async with service.session(root) as client:
            await client.request("reload/sync")
            (batch,) = client.received("reload/didChange")
            told = {os.path.basename(from_uri(change["uri"])): change["type"] for change in batch["changes"]}
            assert told == {"goes": "deleted", "changes": "modified", "comes": "created"}
            assert batch["cause"] == "startup"
        async with service.session(root) as client:
            await client.request("reload/sync")
            assert client.received("reload/didChange") == [], "who comes later has asked for nothing older"


async def test_another_gitignore_makes_the_next_answer_whole(tmp_path: Path) -> None:
    """Which files count has changed: that is no change of theirs."""
    root, mirror = tmp_path / "root", Mirror()
    root.mkdir()
    (root / "a.log").write_text("1")
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    async with Service.start("socket", env=env) as service, service.session(root) as client:
        await mirror.catch_up(client)
    (root / ".gitignore").write_text("*.log\n")
    async with Service.start("socket", env=env) as service, service.session(root) as client:
        await client.request("reload/sync")
        assert client.received("reload/didChange") == []
        await mirror.catch_up(client)
    assert mirror.fresh == 2
    assert mirror.files == {str(root / ".gitignore")}


async def test_a_damaged_state_is_set_aside_with_a_message(tmp_path: Path) -> None:
    root, mirror = tmp_path / "root", Mirror()
    root.mkdir()
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    async with Service.start("socket", env=env) as service, service.session(root) as client:
        await mirror.catch_up(client)
    (state,) = (tmp_path / "state").rglob("*.sqlite")
    state.write_bytes(b"no database at all" * 1000)
    (root / "new").write_text("1")
    async with Service.start("socket", env=env) as service, service.session(root) as client:
        status = await client.request("reload/status")
        assert [problem["code"] for problem in status["problems"]] == ["stateFailed"]
        assert str(state) in status["problems"][0]["message"]
        await mirror.catch_up(client)
        assert (mirror.fresh, mirror.files) == (2, {str(root / "new")})
        assert status["state"] == "watching"


async def test_without_state_nothing_is_written(tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    (tmp_path / "root").mkdir()
    async with (
        Service.start("socket", "--no-state", env=env) as service,
        service.session(tmp_path / "root") as client,
    ):
        await client.request("reload/sync")
    assert not (tmp_path / "state").exists()


async def test_two_processes_of_one_folder_both_watch(tmp_path: Path) -> None:
    """Only one of them can keep the state."""
    root = tmp_path / "root"
    root.mkdir()
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    async with (
        Service.start("socket", env=env) as one,
        Service.start("socket", env=env) as other,
        one.session(root) as first,
        other.session(root) as second,
    ):
        (root / "new").write_text("1")
        for client in (first, second):
            await client.request("reload/sync")
            assert len(client.received("reload/didChange")) == 1


async def test_a_clock_stays_valid_without_clients(tmp_path: Path) -> None:
    root, mirror = tmp_path / "root", Mirror()
    root.mkdir()
    async with Service.start("socket", "--no-state") as service:
        async with service.session(root, debounceMs=20) as client:
            await mirror.catch_up(client)
        (root / "new").write_text("1")
        async with service.session(root, debounceMs=20) as client:
            await client.request("reload/sync")
            await mirror.catch_up(client)
        assert (mirror.fresh, mirror.files) == (1, {str(root / "new")})
