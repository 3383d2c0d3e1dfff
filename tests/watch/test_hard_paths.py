"""What can't be watched natively, or not at all, is a reported state; all else is reported as before."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reloadls.watch.flush import Pacing
from reloadls.watch.sources import supervised
from tests.support.watching import SOURCES, ProcessRecorder, WatchRecorder, piping, running, watching

pytestmark = pytest.mark.usefixtures("without_net")

_NOBODY = 65534


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own can't be."""
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    yield Path(folder)
    shutil.rmtree(folder)


def _can(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)
in_namespace = pytest.mark.skipif(not _can("unshare", "-Urm", "true"), reason="no user namespaces here")


def codes(reported: WatchRecorder) -> list[str]:
    return [problem.code for problem in reported.statuses[-1].problems] if reported.statuses else []


async def test_a_name_that_is_not_utf8_is_reported_and_native_watching_returns(tmp_path: Path) -> None:
    async with piping([tmp_path], pacing=Pacing(0.02, 0.2, 0.02, "watchfiles")) as (reported, pipeline):
        assert (pipeline.status.state, pipeline.status.backend) == ("watching", "native")
        undecodable_file = tmp_path / os.fsdecode(b"\xff.py")
        undecodable_file.write_text("1")
        await reported.until(lambda: "undecodable" in codes(reported))
        assert (reported.statuses[-1].state, reported.statuses[-1].backend) == ("degraded", "polling")
        await reported.only({str(undecodable_file): "created"}, tmp_path / "sentinel")
        await reported.until(lambda: reported.statuses[-1].state == "watching")
        assert (reported.statuses[-1].backend, codes(reported)) == ("native", [])
        for _ in range(3):  # again, and longer each time until it is proven
            undecodable_file.write_text(undecodable_file.read_text() + "1")
            await reported.settle(tmp_path / "sentinel")


async def test_a_missing_path_is_a_problem_until_it_appears(tmp_path: Path) -> None:
    folder, file = tmp_path / "later", tmp_path / "a" / "b" / "later.py"
    async with piping([folder, file, tmp_path / "never"]) as (reported, pipeline):
        missing = {str(folder), str(file), str(tmp_path / "never")}
        assert pipeline.status.state == "watching"
        assert {problem.path for problem in pipeline.status.problems if problem.code == "missingPath"} == missing
        folder.mkdir()
        (folder / "x").write_text("1")
        file.parent.mkdir(parents=True)
        file.write_text("1")
        await reported.until({str(folder / "x"): "created", str(file): "created"})
        await reported.until(
            lambda: [problem.path for problem in reported.statuses[-1].problems] == [str(tmp_path / "never")]
        )
        roots = {root.path: (root.kind, root.state, root.files) for root in reported.statuses[-1].roots}
        assert roots[str(folder)] == ("directory", "watching", 1)
        assert roots[str(file)] == ("file", "watching", 1)


@as_root
@pytest.mark.parametrize("source", SOURCES)
async def test_a_folder_that_can_not_be_read_is_reported_and_reported_once_it_can(source: str, public: Path) -> None:
    shut = public / "shut"
    shut.mkdir()
    (shut / "inside").write_text("1")
    os.chmod(shut, 0o700)
    async with running([public], uid=_NOBODY, **SOURCES[source]) as reported:
        assert ["permissionDenied", str(shut)] in reported.status["problems"]
        (public / "other").write_text("1")
        await reported.only({str(public / "other"): "created"}, public / "sentinel")
        reported.clear()
        os.chmod(shut, 0o755)
        await reported.until({str(shut / "inside"): "created"})
        (shut / "inside").write_text("more")
        (shut / "new").write_text("1")
        await reported.only({str(shut / "inside"): "created", str(shut / "new"): "created"}, public / "sentinel")
        await reported.until(lambda: ["permissionDenied", str(shut)] not in reported.status["problems"])


@as_root
@pytest.mark.parametrize("source", SOURCES)
async def test_what_was_known_of_a_folder_stays_while_it_can_not_be_read(source: str, public: Path) -> None:
    shut = public / "shut"
    shut.mkdir()
    (shut / "inside").write_text("1")
    async with running([public], uid=_NOBODY, **SOURCES[source]) as reported:
        os.chmod(shut, 0o700)
        await reported.only({}, public / "sentinel")
        await reported.until(lambda: ["permissionDenied", str(shut)] in reported.status["problems"])
        (shut / "inside").write_text("changed behind the door")
        await reported.only({}, public / "sentinel")
        os.chmod(shut, 0o755)
        await reported.until({str(shut / "inside"): "modified"})


@as_root
async def test_a_root_that_can_not_be_read_is_reported_and_reported_once_it_can(public: Path) -> None:
    root = public / "shut" / "root"
    root.mkdir(parents=True)
    (root / "one.py").write_text("1")
    os.chmod(public / "shut", 0o700)
    (public / "open").mkdir()
    async with running([root, public / "open"], uid=_NOBODY, poll_delay_ms=20) as reported:
        assert ["permissionDenied", str(root)] in reported.status["problems"]
        await reported.only({}, public / "open" / "sentinel")
        os.chmod(public / "shut", 0o755)
        await reported.until({str(root / "one.py"): "created"})


@in_namespace
@pytest.mark.parametrize("limit", ["max_inotify_watches", "max_inotify_instances"])
async def test_with_a_full_watch_table_changes_are_reported_by_polling(limit: str, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"d{number}").mkdir()
    lower = ["unshare", "-Urm", "sh", "-c", f'echo 0 > /proc/sys/user/{limit}; exec "$@"', "sh"]
    async with running([tmp_path], before=lower, poll_delay_ms=20) as reported:
        assert (reported.status["state"], reported.status["backend"]) == ("degraded", "polling")
        assert [code for code, _ in reported.status["problems"]] == ["watchLimit"]
        (tmp_path / "d7" / "a").write_text("1")
        await reported.only({str(tmp_path / "d7" / "a"): "created"}, tmp_path / "sentinel")


async def check_full_table(reported: ProcessRecorder, root: Path) -> None:
    """More folders are made than can be watched; then what is in them is edited."""
    paths = [root / f"d{number}" / "a" for number in range(40)]
    for path in paths:
        path.parent.mkdir()
        path.write_text("1")
    await reported.until({str(path): "created" for path in paths})
    reported.clear()
    for text in ("more", "and more"):
        for path in paths:
            path.write_text(text)
        await reported.until({str(path): "modified" for path in paths}, 3)
        reported.clear()


def five_folders_fit(root: Path) -> list[str]:
    """The prefix of a command that may watch `root`, each folder above it, and five more."""
    limit = len(root.parts) + 5
    return ["unshare", "-Urm", "sh", "-c", f'echo {limit} > /proc/sys/user/max_inotify_watches; exec "$@"', "sh"]


@in_namespace
async def test_with_a_watch_table_that_fills_up_later_the_safety_net_finds_changes(tmp_path: Path) -> None:
    async with running([tmp_path], before=five_folders_fit(tmp_path), poll_delay_ms=20, net=0.1) as reported:
        assert reported.status["backend"] == "native"
        await check_full_table(reported, tmp_path)


@in_namespace
async def test_a_watch_table_that_fills_up_later_is_reported(tmp_path: Path) -> None:
    async with running([tmp_path], before=five_folders_fit(tmp_path), poll_delay_ms=20) as reported:
        await check_full_table(reported, tmp_path)
        await reported.until(lambda: [code for code, _ in reported.status["problems"]] == ["watchLimit"], 2)
        for number in range(5, 40):
            shutil.rmtree(tmp_path / f"d{number}")
        await reported.until(lambda: reported.status["problems"] == [] and reported.status["state"] == "watching")
        (tmp_path / "d0" / "after").write_text("1")
        await reported.until(lambda: reported.has(tmp_path / "d0" / "after"))


@in_namespace
@pytest.mark.parametrize("source", SOURCES)
async def test_a_file_system_mounted_on_a_root_and_unmounted(source: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "below").write_text("1")
    async with running([root], before=["unshare", "-Urm"], **SOURCES[source]) as reported:
        inside = ["nsenter", "-t", str(reported.process.pid), "-m", "sh", "-c"]
        if not _can(*inside, "true"):
            pytest.skip("can't enter the namespace")

        def run(script: str) -> None:
            subprocess.run([*inside, script, "sh", str(root)], check=True)

        run('mount -t tmpfs none "$1" && echo 1 > "$1/above"')
        await reported.until({str(root / "below"): "deleted", str(root / "above"): "created"})
        reported.clear()
        run('echo more >> "$1/above"')
        await reported.until({str(root / "above"): "modified"})
        reported.clear()
        run('umount -l "$1"')
        await reported.until({str(root / "above"): "deleted", str(root / "below"): "created"})
        reported.clear()
        (root / "below").write_text("more")
        await reported.until({str(root / "below"): "modified"})


async def test_special_files_are_ignored(tmp_path: Path) -> None:
    async with watching([tmp_path]) as reported:
        os.mkfifo(tmp_path / "pipe")
        os.mkfifo(tmp_path / ".gitignore")  # opening it would wait for ever
        (tmp_path / "null").symlink_to("/dev/null")
        await reported.only({}, tmp_path / "sentinel")


async def test_native_watching_that_comes_back_leaves_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes while native watching ends, polls and returns are all reported."""
    monkeypatch.setattr(supervised, "_FIRST_RETRY_S", 0.01)
    async with piping([tmp_path], pacing=Pacing(0.02, 0.2, 0.02, "watchfiles")) as (reported, _):
        (tmp_path / os.fsdecode(b"\xff")).write_text("1")
        paths = (tmp_path / f"f{number}" for number in itertools.count())
        expected = {str(tmp_path / os.fsdecode(b"\xff")): "created"}

        def write() -> None:
            path = next(paths)
            path.write_text("1")
            expected[str(path)] = "created"

        def back() -> bool:
            return len(reported.statuses) > 1 and reported.statuses[-1].backend == "native"

        while not back():
            write()
            await reported.until(lambda: reported.net() == expected or back())
        for _ in range(30):
            write()
            await asyncio.sleep(0)
        await reported.until(expected)
