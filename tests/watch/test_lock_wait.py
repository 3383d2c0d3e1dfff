"""A version-control operation is reported as one batch, at its end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reloadls.watch import pipeline as pipeline_module
from reloadls.watch.version_control import LockWait
from tests.support.watching import SOURCES, piping, watching


def git(repository: Path, *args: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run(["git", *who, "-C", repository, *args], check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two branches that differ in 300 files."""
    git(tmp_path, "init", "-q", "-b", "main")
    for branch in ("main", "other"):
        if branch == "other":
            git(tmp_path, "checkout", "-q", "-b", branch)
        for number in range(300):
            (tmp_path / f"d{number % 10}").mkdir(exist_ok=True)
            (tmp_path / f"d{number % 10}" / f"f{number}").write_text(f"{branch} {number}")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", branch)
    return tmp_path


@pytest.mark.skipif("inotify" not in SOURCES, reason="another source's hints may come after the lock has gone")
async def test_a_checkout_is_one_batch(repository: Path) -> None:
    async with watching([repository], **SOURCES["inotify"]) as reported:
        for branch in ("main", "other", "main"):
            git(repository, "checkout", "-q", branch)
            await reported.until(lambda: len(reported.net()) == 300)
            assert [len(batch) for batch in reported.batches] == [300]
            reported.clear()


@pytest.mark.parametrize("lock", [".git/index.lock", ".hg/wlock", ".jj/working_copy/working_copy.lock"])
@pytest.mark.parametrize("below", [".", "sub/project"])
async def test_changes_during_a_lock_wait_for_its_end(lock: str, below: str, tmp_path: Path) -> None:
    project = tmp_path / below
    (project / lock).parent.mkdir(parents=True)
    async with watching([tmp_path], debounce_ms=5, max_wait_ms=20) as reported:
        (project / lock).touch()
        for number in range(5):
            (project / f"f{number}").write_text("1")
            async with piping([tmp_path]) as (
                other,
                _,
            ):  # takes some time; changes elsewhere are reported
                (tmp_path / "elsewhere").mkdir(exist_ok=True)
                assert other.batches == []
        assert reported.batches == []
        (project / lock).unlink()
        await reported.until({str(project / f"f{number}"): "created" for number in range(5)})
        assert len(reported.batches) == 1


async def test_a_lock_that_stays_does_not_block_batches_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "LockWait", lambda: LockWait(longest=0.3))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index.lock").touch()
    async with watching([tmp_path], debounce_ms=5, max_wait_ms=20) as reported:
        (tmp_path / "a").write_text("1")
        await reported.until({str(tmp_path / "a"): "created"})
        (tmp_path / "b").write_text("1")
        await reported.until({str(tmp_path / "a"): "created", str(tmp_path / "b"): "created"})


@pytest.mark.parametrize("ask", [lambda pipeline: pipeline.sync(), lambda pipeline: pipeline.rescope(pipeline.scope)])
async def test_an_explicit_request_reports_at_once(
    ask: Callable[[pipeline_module.Pipeline], object], tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index.lock").touch()
    async with piping([tmp_path]) as (reported, pipeline):
        (tmp_path / "a").write_text("1")
        answer = ask(pipeline)
        assert hasattr(answer, "__await__")
        await answer
        assert reported.net() == {str(tmp_path / "a"): "created"}


@pytest.mark.skipif("inotify" not in SOURCES, reason="another source can't say that it has passed everything on")
async def test_a_write_just_before_the_lock_is_removed_belongs_to_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Writes(LockWait):
        """Something is written between the last look at the lock and what follows from it."""

        asked = 0

        def must_wait(self, locks: object, now: float) -> bool:
            self.asked += 1
            if self.asked == 3:
                (tmp_path / "last").write_text("1")
            return self.asked < 3

    monkeypatch.setattr(pipeline_module, "LockWait", Writes)
    (tmp_path / ".git").mkdir()
    async with watching([tmp_path], debounce_ms=5, max_wait_ms=20, source="inotify") as reported:
        (tmp_path / "first").write_text("1")
        await reported.until({str(tmp_path / "first"): "created", str(tmp_path / "last"): "created"})
        assert len(reported.batches) == 1
