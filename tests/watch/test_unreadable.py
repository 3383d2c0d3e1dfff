"""What can't be read for a while is a reported problem that clears by itself, and no change in it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.flush import Pacing
from reloadls.watch.snapshot.denials import Denial, Retries, denial_of
from tests.support.fuse import mounted, needs_fuse
from tests.support.watching import SOURCES, WatchRecorder, piping, running
from tests.watch.test_hard_paths import _NOBODY, as_root, public

__all__ = ["public"]

pytestmark = pytest.mark.usefixtures("without_net")

CODES = {"EIO": "unreadable", "EMFILE": "tooManyFiles", "ENFILE": "tooManyFiles", "ETIMEDOUT": "timedOut",
         "ESTALE": "unreadable", "EACCES": "permissionDenied"}  # fmt: skip


@pytest.fixture(params=[name for name in SOURCES if name != "watchfiles"])
def pacing(request: pytest.FixtureRequest) -> Pacing:
    return Pacing(0.02, 0.2, 0.02, request.param)


def problems(reported: WatchRecorder) -> dict[str | None, str]:
    """Path → code, as the last status has it."""
    status = reported.statuses[-1] if reported.statuses else None
    assert status is None or (status.state == "degraded") == any(p.code != "missingPath" for p in status.problems)
    return {problem.path: problem.code for problem in status.problems} if status else {}


# -- errors of the file system -----------------------------------------------------------------------------------


@needs_fuse
@pytest.mark.parametrize("error", CODES)
async def test_a_folder_that_can_not_be_listed_for_a_while(error: str, pacing: Pacing, tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        sub = fuse.root / "sub"
        sub.mkdir()
        (sub / "known").write_text("1")
        (sub / "goes").write_text("1")
        async with piping([fuse.root], pacing=pacing) as (reported, pipeline):
            fuse.fail(error, "opendir", below="/sub")
            pipeline.hint([str(sub)])
            await reported.until(lambda: problems(reported) == {str(sub): CODES[error]})
            (fuse.root / "other").write_text("1")
            await reported.until({str(fuse.root / "other"): "created"})
            (fuse.backing / "sub" / "known").write_text("more")
            (fuse.backing / "sub" / "goes").unlink()
            (fuse.backing / "sub" / "new").write_text("1")
            fuse.heal()
            await reported.until(lambda: not problems(reported))
            await reported.until(
                {
                    str(fuse.root / "other"): "created",
                    str(sub / "known"): "modified",
                    str(sub / "goes"): "deleted",
                    str(sub / "new"): "created",
                }
            )


@needs_fuse
@pytest.mark.parametrize("what", ["/", "/sub", "/sub/file", "/file", "/link"])
async def test_what_can_not_be_looked_at_for_a_while(what: str, pacing: Pacing, tmp_path: Path) -> None:
    """Neither the root, nor a folder, a file, or what a link leads to."""
    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "sub").mkdir()
        for name in ("sub/file", "file"):
            (fuse.root / name).write_text("1")
        (fuse.root / "link").symlink_to("file")
        async with piping([fuse.root], pacing=pacing) as (reported, pipeline):
            fuse.fail("EIO", "getattr", below="/file" if what == "/link" else what)
            pipeline.hint([str(fuse.root / what.lstrip("/"))])
            await reported.until(lambda: "unreadable" in problems(reported).values())
            for name in ("sub/file", "file"):
                (fuse.backing / name).write_text("more")
            fuse.heal()
            await reported.until(lambda: not problems(reported))
            await pipeline.sync()
            pipeline.hint([str(fuse.root)])
            await pipeline.sync()
            assert reported.net() == dict.fromkeys(
                [str(fuse.root / name) for name in ("sub/file", "file", "link")], "modified"
            )


@needs_fuse
async def test_a_file_system_whose_server_died_and_that_is_mounted_again(pacing: Pacing, tmp_path: Path) -> None:
    point = tmp_path / "mount"
    with mounted(point) as fuse:
        (point / "known").write_text("1")
        async with piping([point], pacing=pacing) as (reported, pipeline):
            fuse.kill()
            pipeline.hint([str(point)])
            await reported.until(lambda: problems(reported) == {str(point): "unreadable"})
            assert reported.net() == {}
            (fuse.backing / "new").write_text("1")
            os.system(f"umount -l {point}")
            with contextlib.ExitStack() as stack:  # off the loop: polling takes a loop that stands for a slow disk
                await asyncio.to_thread(stack.enter_context, mounted(point, fuse.backing))
                await reported.until(
                    lambda: reported.net().get(str(point / "new")) == "created" and not problems(reported)
                )
                assert reported.net().get(str(point / "known")) != "deleted"


# -- rights and descriptors ---------------------------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("source", SOURCES)
async def test_a_folder_above_that_can_not_be_entered_for_a_while(source: str, public: Path) -> None:
    """No event says that it can be again: `chmod` of a folder above the root."""
    root = public / "above" / "between" / "root"
    root.mkdir(parents=True)
    (root / "known").write_text("1")
    (public / "open").mkdir()
    async with running([root, public / "open"], uid=_NOBODY, **SOURCES[source]) as reported:
        os.chmod(public / "above", 0o700)
        (root / "known").write_text("more")
        await reported.settle(public / "open" / "sentinel")
        (root / "new").write_text("1")
        os.chmod(public / "above", 0o755)
        await reported.until({str(root / "known"): "modified", str(root / "new"): "created"})
        await reported.until(lambda: reported.status["problems"] == [] and reported.status["state"] == "watching")


@as_root
async def test_a_file_in_a_folder_that_may_be_entered_but_not_listed(public: Path) -> None:
    folder = public / "entered"
    folder.mkdir()
    file, other = folder / "file", folder / "other"
    file.write_text("1")
    os.chmod(folder, 0o711)
    async with running([file, other], uid=_NOBODY, poll_delay_ms=20) as reported:
        assert reported.status["state"] == "degraded"
        assert ["permissionDenied", str(folder)] in reported.status["problems"]
        file.write_text("more")
        await reported.until({str(file): "modified"})
        beside = folder / "beside"
        beside.write_text("much more")
        beside.replace(file)
        other.write_text("1")
        await reported.until({str(file): "modified", str(other): "created"})
        file.unlink()
        await reported.until({str(file): "deleted", str(other): "created"})


@pytest.fixture
def few_descriptors() -> Iterator[list[int]]:
    """Descriptors that the test may use up."""
    taken: list[int] = []
    yield taken
    for descriptor in taken:
        os.close(descriptor)


async def test_a_process_without_descriptors_for_a_while(tmp_path: Path, few_descriptors: list[int]) -> None:
    """The program's own descriptors: the test's process uses them up."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "known").write_text("1")
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with piping([tmp_path], pacing=Pacing(0.02, 0.2, 0.02)) as (reported, _):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 8, limits[1]))
        try:
            with pytest.raises(OSError):
                while True:
                    few_descriptors.append(os.open(os.devnull, os.O_RDONLY))
            (tmp_path / "new").mkdir()
            os.rename(tmp_path / "sub" / "known", tmp_path / "new" / "known")
            await reported.until(lambda: "tooManyFiles" in problems(reported).values())
            while few_descriptors:
                os.close(few_descriptors.pop())
            await reported.until(lambda: not problems(reported))
            await reported.until(
                {str(tmp_path / "sub" / "known"): "deleted", str(tmp_path / "new" / "known"): "created"}
            )
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# -- when it is tried again ---------------------------------------------------------------------------------------


def test_each_try_waits_longer_than_the_one_before_it() -> None:
    retries, now, waits = Retries(), 0.0, []
    for _ in range(12):
        retries.update(["/a"], now)
        assert retries.due(now) == []
        assert retries.next is not None
        waits.append(retries.next - now)
        retries.update(["/a"], now + waits[-1] / 2)  # another path's comparison: its time has not come
        now = retries.next
        assert retries.due(now) == ["/a"]
    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == 60.0
    retries.retry_all(now)
    assert retries.due(now) == ["/a"]
    retries.update([], now)
    assert (retries.next, retries.due(now)) == (None, [])


@pytest.mark.parametrize(("error", "code"), CODES.items())
def test_the_code_says_what_is_wrong(error: str, code: Any) -> None:
    import errno

    number = getattr(errno, error)
    assert denial_of(OSError(number, os.strerror(number))) == Denial(code, os.strerror(number))
    assert denial_of(ValueError("embedded null byte")).code == "unreadable"
