"""Members of a group: one state for all, one leader, and who takes over."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from reloadls.config import (
    Change,
    InvalidConfiguration,
    LiveConfig,
    Part,
    Refuse,
    TomlFile,
    UnknownVersion,
)
from reloadls.config.group.folder import group_folders
from tests.config.support import Settings, eventually, replace


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


class Counted:
    """A remote source that counts what it is asked."""

    name = "counted"
    required = True

    def __init__(self, file: Path, every_s: float = 3600.0) -> None:
        self.file, self.every_s, self.count, self.closed = file, every_s, 0, 0

    async def fetch(self, known: Part | None) -> Part | None:
        self.count += 1
        return Part({"name": self.file.read_text()}, cursor=self.count)

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.toml"
    path.write_text('name = "0"\n')
    return path


def _member(file: Path, *, together: bool = False) -> LiveConfig[Settings]:
    return LiveConfig(Settings, [TomlFile(file)], group="app", together=together, debounce_ms=0)


@pytest.mark.parametrize("together", [False, True])
async def test_all_members_follow_one_leader(file: Path, together: bool) -> None:
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(_member(file, together=together)) for _ in range(4)]
        for number in range(1, 6):
            replace(file, f'name = "{number}"\n')
            await members[number % 4].sync()
            await eventually(lambda: all(each.version == number + 1 for each in members))  # noqa: B023
            assert [each.value.name for each in members] == [str(number)] * 4
        status = members[3].status
        assert status.leader == os.getpid()
        await eventually(lambda: [each.version for each in members[3].status.members] == [6] * 4)
        assert [each.leader for each in status.members] == [True, False, False, False]  # of one process, one leads
        origin = members[3].origin("name")
        assert origin is not None
        assert (origin.path, origin.line) == (str(file), 1)


async def test_what_does_not_validate_is_a_problem_in_every_member(file: Path) -> None:
    async with _member(file) as leader, _member(file) as follower:
        replace(file, "name = 1\n")
        await follower.sync()
        assert [problem.line for problem in follower.problems] == [1]
        assert leader.problems == follower.problems
        assert follower.value.name == "0"
        replace(file, 'name = "1"\n')
        await follower.sync()
        assert follower.problems == leader.problems == ()
        assert follower.value.name == "1"


async def test_the_next_member_takes_over_and_a_new_one_starts_without_a_fetch(tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.write_text("0")
    sources = [Counted(remote) for _ in range(4)]
    members = [LiveConfig(Settings, [source], group="app") for source in sources]
    await members[0].start()
    await members[1].start()
    await members[2].start()
    assert [source.count for source in sources] == [1, 0, 0, 0]
    await members[0].stop()
    await members[1].sync()
    await members[2].sync()
    await members[3].start()
    assert [source.count for source in sources] == [1, 0, 0, 0]
    assert [each.value.name for each in members[1:]] == ["0"] * 3
    assert [each.version for each in members[1:]] == [1] * 3
    for each in members[1:]:
        await each.stop()
    assert [source.closed for source in sources] == [1] * 4


async def test_a_fetch_is_in_every_member(tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.write_text("0")
    sources = [Counted(remote, every_s=0.05) for _ in range(3)]
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(LiveConfig(Settings, [source], group="app")) for source in sources]
        for number in range(1, 4):
            replace(remote, str(number))
            await eventually(lambda: all(each.value.name == str(number) for each in members))  # noqa: B023
        assert [source.count for source in sources[1:]] == [0, 0]


async def test_together_takes_effect_in_all_or_in_none(file: Path) -> None:
    async with _member(file, together=True) as leader, _member(file, together=True) as one:
        async with _member(file, together=True) as other:

            @other.on_change(before=True)
            def check(change: Change[Settings]) -> None:
                if change.new.name == "bad":
                    raise Refuse("not here")

            replace(file, 'name = "bad"\n')
            await one.sync()
            await leader.sync()
            assert [each.value.name for each in (leader, one, other)] == ["0"] * 3
            assert [each.version for each in (leader, one, other)] == [1] * 3
            assert "not here" in leader.problems[0].message
            assert leader.problems[0].code == "refused"
            replace(file, 'name = "good"\n')
            await leader.sync()
            assert [each.value.name for each in (leader, one, other)] == ["good"] * 3
        replace(file, 'name = "bad"\n')
        await leader.sync()  # the member that refused has ended
        assert [each.value.name for each in (leader, one)] == ["bad"] * 2


async def test_a_commit_is_seen_by_all_at_once(file: Path) -> None:
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(_member(file, together=True)) for _ in range(4)]
        stopped = False
        seen: list[tuple[str, ...]] = []

        async def look() -> None:
            while not stopped:
                seen.append(tuple(each.value.name for each in members))
                await asyncio.sleep(0)

        task = asyncio.create_task(look())
        for number in range(1, 20):
            replace(file, f'name = "{number}"\n')
            await members[0].sync()
        stopped = True
        await task
    assert {names for names in seen if len(set(names)) > 1} == set()
    assert len(set(seen)) == 20


async def test_pin_and_unpin_from_any_member(file: Path) -> None:
    async with _member(file) as leader, _member(file) as follower:
        for name in ("1", "2"):
            replace(file, f'name = "{name}"\n')
            await leader.sync()
        await follower.pin(1)
        await eventually(lambda: follower.version == leader.version == 4)
        assert leader.value.name == follower.value.name == "0"
        assert leader.status.pinned == follower.status.pinned == 1
        replace(file, 'name = "3"\n')
        await follower.sync()
        assert follower.value.name == "0"
        with pytest.raises(UnknownVersion, match="99"):
            await follower.pin(99)
        await follower.pin(None)
        await follower.sync()
        assert follower.value.name == "3"


async def test_a_group_of_other_sources_is_another_one(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('name = "other"\n')
    async with _member(file) as one, _member(other) as two:
        assert (one.value.name, two.value.name) == ("0", "other")
    assert [folder.name for folder in group_folders()] == ["app", "app"]


async def test_files_are_private(file: Path) -> None:
    before = os.umask(0)
    try:
        async with _member(file) as leader, _member(file):
            replace(file, 'name = "1"\n')
            await leader.sync()
            (folder,) = group_folders()
            for path in [Path(folder.path), *Path(folder.path).rglob("*")]:
                try:
                    mode = stat.S_IMODE(path.lstat().st_mode)
                except FileNotFoundError:  # a temporary one, which has its name by now
                    continue
                assert mode == (0o700 if path.is_dir() else 0o600), path
    finally:
        os.umask(before)


async def test_without_a_valid_state_every_member_says_why(file: Path) -> None:
    file.write_text("name = 1\n")
    starts = [asyncio.create_task(_member(file).start()) for _ in range(3)]
    for start in starts:
        with pytest.raises(InvalidConfiguration, match=r"app\.toml:1:8: name: must be text"):
            await start


async def test_a_deleted_state_is_written_again(file: Path) -> None:
    async with _member(file) as leader:
        (folder,) = group_folders()
        Path(folder.state).unlink()
        await leader.sync()
        async with _member(file) as follower:
            assert follower.version == leader.version == 1


@pytest.mark.parametrize("name", ["", ".x", "a/b", "x" * 65])
async def test_a_name_that_is_no_name(file: Path, name: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 64"):
        await LiveConfig(Settings, [TomlFile(file)], group=name).start()
