"""The contract of FileWatcher: its state, its start and stop, its paths."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import json
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import reloadls
from reloadls import FileChange, FileWatcher
from reloadls.watch.status import WatchStatus
from tests.support.watching import DEADLINE, FAST, SOURCES, WatchRecorder, watching

_each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def ignore(_: list[FileChange]) -> None:
    """An `on_change` that nobody asks."""


def check_nothing_left(tasks: set[asyncio.Task[Any]], threads: list[threading.Thread]) -> None:
    assert asyncio.all_tasks() == tasks
    assert threading.enumerate() == threads


def test_the_package_exports_the_front_door() -> None:
    assert reloadls.FileWatcher is FileWatcher
    assert set(reloadls.__all__) >= {"FileWatcher", "FileChange"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"debounce_ms": 0}, "debounce_ms must be greater than 0, not 0"),
        ({"debounce_ms": -1}, "debounce_ms must be greater than 0, not -1"),
        ({"poll_delay_ms": 0}, "poll_delay_ms must be greater than 0, not 0"),
        ({"debounce_ms": 500, "max_wait_ms": 499}, r"max_wait_ms \(499\) must be at least debounce_ms \(500\)"),
        ({"max_wait_ms": -5}, r"max_wait_ms \(-5\) must be at least debounce_ms"),
    ],
)
def test_bad_times_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FileWatcher(ignore, paths=[], **options)


@pytest.mark.parametrize("options", [{"debounce_ms": 0.5}, {"debounce_ms": 5000}, {"debounce_ms": 7, "max_wait_ms": 7}])
def test_good_times_are_taken(options: dict[str, Any]) -> None:
    FileWatcher(ignore, paths=[], **options)


@pytest.mark.parametrize("path", ["one", Path("one")])
def test_a_single_path_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match="paths must be a list of paths, not one"):
        FileWatcher(ignore, paths=path)


def test_all_but_on_change_is_given_by_name() -> None:
    parameters = list(inspect.signature(FileWatcher).parameters.values())
    assert [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY] == ["on_change"]


def test_a_watcher_can_be_made_without_a_loop() -> None:
    watcher = FileWatcher(ignore, paths=["a"])
    assert (watcher.state, watcher.status.state) == ("new", "starting")


def test_paths_are_absolute_normal_each_once_and_a_copy(tmp_path: Path) -> None:
    watcher = FileWatcher(ignore, paths=["a", "./a", "b/../a", tmp_path / "x" / ".." / "y", str(tmp_path / "y") + "/"])
    expected = [Path.cwd() / "a", tmp_path / "y"]
    assert watcher.paths == expected
    watcher.paths.clear()
    watcher.paths.append(Path("/nowhere"))
    assert watcher.paths == expected


@_each_source
async def test_the_states_in_turn(source: dict[str, Any], tmp_path: Path) -> None:
    watcher = FileWatcher(ignore, paths=[tmp_path], **FAST, **source)
    states = [watcher.state]
    await watcher.start()
    states.append(watcher.state)
    assert watcher.status.state == "watching"
    assert watcher.status.backend == ("polling" if source["source"] == "polling" else "native")
    assert [(root.path, root.kind, root.state, root.files) for root in watcher.status.roots] == [
        (str(tmp_path), "directory", "watching", 0)
    ]
    await watcher.stop()
    assert [*states, watcher.state] == ["new", "running", "stopped"]
    assert watcher.status == WatchStatus("stopped", watcher.status.backend, watcher.status.roots)


async def test_start_and_stop_are_idempotent_and_final(tmp_path: Path) -> None:
    reported = WatchRecorder()
    watcher = FileWatcher(reported.take, paths=[tmp_path], **FAST)
    await asyncio.gather(watcher.start(), watcher.start())
    await watcher.start()
    (tmp_path / "a").write_text("1")
    await reported.only({str(tmp_path / "a"): "created"}, tmp_path / "sentinel")
    assert len(reported.batches) == 2
    await asyncio.gather(watcher.stop(), watcher.stop())
    await watcher.stop()
    with pytest.raises(RuntimeError, match="cannot be restarted"):
        await watcher.start()
    assert watcher.state == "stopped"


async def test_a_watcher_that_was_never_started_can_be_stopped(tmp_path: Path) -> None:
    watcher = FileWatcher(ignore, paths=[tmp_path])
    await watcher.stop()
    assert watcher.state == "stopped"
    with pytest.raises(RuntimeError):
        await watcher.start()


@_each_source
async def test_stop_leaves_no_task_and_no_thread(source: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    tasks, threads = asyncio.all_tasks(), threading.enumerate()
    for _ in range(3):
        async with watching([tmp_path, tmp_path / "one.py", tmp_path / "missing"], **source) as reported:
            (tmp_path / "a").write_text("1")
            await reported.until(partial(reported.has, tmp_path / "a"))
            (tmp_path / "b").write_text("pending when it is stopped")
        check_nothing_left(tasks, threads)
        (tmp_path / "a").unlink()


@_each_source
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 20, 100])
async def test_stop_while_it_starts(turns: int, source: dict[str, Any], tmp_path: Path) -> None:
    tasks, threads = asyncio.all_tasks(), threading.enumerate()
    watcher = FileWatcher(ignore, paths=[tmp_path], **FAST, **source)
    start = asyncio.create_task(watcher.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    await watcher.stop()
    await asyncio.wait([start])
    assert watcher.state == "stopped"
    if not start.cancelled():
        assert isinstance(start.exception(), (RuntimeError, type(None)))
    del start
    check_nothing_left(tasks, threads)


async def test_a_start_that_is_cancelled_can_be_followed_by_another(tmp_path: Path) -> None:
    reported = WatchRecorder()
    watcher = FileWatcher(reported.take, paths=[tmp_path], **FAST)
    first = asyncio.create_task(watcher.start())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    await watcher.start()
    (tmp_path / "a").write_text("1")
    await reported.until({str(tmp_path / "a"): "created"})
    await watcher.stop()


async def test_stop_from_within_on_change(tmp_path: Path) -> None:
    tasks, threads = asyncio.all_tasks(), threading.enumerate()
    ended = asyncio.Event()

    async def on_change(changes: list[FileChange]) -> None:
        await watcher.stop()
        await asyncio.sleep(0)
        ended.set()

    watcher = FileWatcher(on_change, paths=[tmp_path], **FAST)
    await watcher.start()
    (tmp_path / "a").write_text("1")
    async with asyncio.timeout(DEADLINE):
        await ended.wait()
        assert watcher.state == "stopped"
        await asyncio.gather(*(asyncio.all_tasks() - tasks))  # the one that called it ends after it
    check_nothing_left(tasks, threads)


async def test_stop_cancels_a_callback_that_hangs(tmp_path: Path) -> None:
    tasks, threads = asyncio.all_tasks(), threading.enumerate()
    entered = asyncio.Event()

    async def hangs(changes: list[FileChange]) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(DEADLINE):
        async with FileWatcher(hangs, paths=[tmp_path], **FAST):
            (tmp_path / "a").write_text("1")
            await entered.wait()
    check_nothing_left(tasks, threads)


async def test_after_stop_nothing_is_reported(tmp_path: Path) -> None:
    async with watching([tmp_path]) as other:
        async with watching([tmp_path]) as reported:
            (tmp_path / "a").write_text("1")
        (tmp_path / "b").write_text("1")
        await other.until(lambda: len(other.net()) == 2)
    assert str(tmp_path / "b") not in reported.net()


def test_watchers_on_one_loop_after_another(tmp_path: Path) -> None:
    async def once(number: int) -> None:
        async with watching([tmp_path]) as reported:
            (tmp_path / f"a{number}").write_text("1")
            await reported.until({str(tmp_path / f"a{number}"): "created"})

    for number in range(3):
        asyncio.run(once(number))


def descriptors() -> set[tuple[str, str]]:
    """(number, what it leads to) of each open descriptor."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return {(number, target) for number, target in found if not target.endswith("/fd")}


def check_given_back(before: set[threading.Thread], opened: set[tuple[str, str]]) -> None:
    deadline = time.monotonic() + 10
    gc.collect()
    while left := (set(threading.enumerate()) - before) or (descriptors() - opened):  # one may keep what ends another
        assert time.monotonic() < deadline, left
        for thread in set(threading.enumerate()) - before:
            thread.join(0.05)
        gc.collect()


async def started(path: Path, source: dict[str, Any]) -> FileWatcher:
    watcher = FileWatcher(ignore, paths=[path, path / "missing"], **FAST, **source)
    await watcher.start()
    (path / "a").write_text("1")
    return watcher


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted through /proc")
@_each_source
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "forgotten"])
def test_a_loop_that_ends_without_stop_gives_back_threads_and_descriptors(
    kept: bool, source: dict[str, Any], tmp_path: Path
) -> None:
    before, opened = set(threading.enumerate()), descriptors()
    watcher = asyncio.run(started(tmp_path, source))
    assert watcher.state == watcher.status.state == "stopped"
    if not kept:
        del watcher
    check_given_back(before, opened)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted through /proc")
@_each_source
def test_a_loop_that_is_closed_amid_its_tasks_does_too(source: dict[str, Any], tmp_path: Path) -> None:
    before, opened = set(threading.enumerate()), descriptors()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(started(tmp_path, source))
    loop.close()
    del loop
    check_given_back(before, opened)


async def cancelled_while_entering(turns: int, watcher: FileWatcher) -> bool:
    """Whether `async with` was cancelled before its body was reached."""
    inside = asyncio.Event()

    async def enter() -> None:
        async with watcher:
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(enter())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    return not inside.is_set()


@_each_source
@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8, 20])
async def test_a_watcher_that_is_cancelled_while_entered_is_stopped(
    turns: int, source: dict[str, Any], tmp_path: Path
) -> None:
    tasks, threads = asyncio.all_tasks(), threading.enumerate()
    watcher = FileWatcher(ignore, paths=[tmp_path], **FAST, **source)
    assert await cancelled_while_entering(turns, watcher) or turns == 20
    assert watcher.state == "stopped"
    check_nothing_left(tasks, threads)


@_each_source
async def test_so_it_is_where_a_timeout_cancels(source: dict[str, Any], tmp_path: Path) -> None:
    tasks, threads = asyncio.all_tasks(), threading.enumerate()
    watcher = FileWatcher(ignore, paths=[tmp_path], **FAST, **source)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), watcher:
            pytest.fail("it was entered")
    assert watcher.state == "stopped"
    check_nothing_left(tasks, threads)


async def test_refresh_paths_does_nothing_with_explicit_paths(tmp_path: Path) -> None:
    async with FileWatcher(ignore, paths=[tmp_path], **FAST) as watcher:
        tasks = asyncio.all_tasks()
        watcher.refresh_paths()
        await asyncio.sleep(0)
        assert (watcher.paths, asyncio.all_tasks()) == ([tmp_path], tasks)


@pytest.mark.parametrize("when", ["before start", "after stop"])
async def test_refresh_paths_is_harmless_when_not_running(when: str) -> None:
    watcher = FileWatcher(ignore, **FAST)
    if when == "after stop":
        await watcher.start()
        await watcher.stop()
    watcher.refresh_paths()
    await asyncio.sleep(0)
    await watcher.stop()


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("kind", ["file", "folder", "file root"])
async def test_ten_of_ten_writes_right_after_start_are_reported(
    kind: str, source: dict[str, Any], tmp_path: Path
) -> None:
    for number in range(10):
        at = tmp_path / str(number)
        at.mkdir()
        path = at / "a" / "one.py" if kind == "folder" else at / "one.py"
        if kind == "file root":
            path.write_text("1")
        async with watching([path if kind == "file root" else at], **source) as reported:
            path.parent.mkdir(exist_ok=True)
            path.write_text("just written")
            await reported.until({str(path): "modified" if kind == "file root" else "created"})


async def test_fifty_at_once_leave_the_shared_executor_alone(tmp_path: Path) -> None:
    import contextlib

    async with contextlib.AsyncExitStack() as stack:
        all_reported: list[WatchRecorder] = []
        for number in range(50):
            (tmp_path / str(number)).mkdir()
            all_reported.append(await stack.enter_async_context(watching([tmp_path / str(number)], poll_delay_ms=20)))
        for number in range(50):
            (tmp_path / str(number) / "a").write_text("1")
        for number, reported in enumerate(all_reported):
            await reported.until({str(tmp_path / str(number) / "a"): "created"})
        shared = [thread.name for thread in threading.enumerate() if thread.name.startswith(("asyncio_", "AnyIO"))]
        assert shared == []
        async with asyncio.timeout(DEADLINE):
            assert await asyncio.gather(*(asyncio.to_thread(lambda: 1) for _ in range(40))) == [1] * 40


def in_a_program(tmp_path: Path, program: str) -> Any:
    """What `program` prints as JSON, run where `mine.py`, `pack/` and an installed module can be imported."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "inner.py").write_text("")
    for name in ("mine", "later"):
        (tmp_path / f"{name}.py").write_text("x = 1")
    installed = tmp_path / "lib" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "installed.py").write_text("")
    (tmp_path / "program.py").write_text(_PRELUDE + inspect.cleandoc(program))
    path = [str(installed), *(entry or os.getcwd() for entry in sys.path)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


_PRELUDE = """
import asyncio, json, os, sys, json.decoder
import mine, pack.inner, installed, watchfiles
from reloadls import FileWatcher
HERE = os.path.dirname(os.path.abspath(__file__))
def own(watcher):
    return sorted(os.path.relpath(path, HERE) for path in watcher.paths if str(path).startswith(HERE + os.sep))
"""


def test_without_paths_the_users_own_modules_are_watched(tmp_path: Path) -> None:
    reported = in_a_program(
        tmp_path,
        """
        async def main():
            reported, news = [], asyncio.Event()
            def on_change(changes):
                reported.extend((change.path.name, change.change_type) for change in changes)
                news.set()
            watcher = FileWatcher(on_change, debounce_ms=20)
            before = own(watcher)
            async with watcher:
                assert not any("watchfiles" in str(path) for path in watcher.paths)
                os.replace("mine.py", "x"); os.replace("x", "mine.py"); os.utime("mine.py")
                os.utime("later.py")
                async with asyncio.timeout(30):
                    while not reported: await news.wait()
                import later
                watcher.refresh_paths()
                after = own(watcher)
                await asyncio.sleep(0)
                await asyncio.wait(watcher._tasks)
                with open("later.py", "a") as file: file.write("#")
                async with asyncio.timeout(30):
                    while len(reported) < 2: news.clear(); await news.wait()
            print(json.dumps([before, after, reported]))
        asyncio.run(main())
        """,
    )
    mine = ["mine.py", "pack/__init__.py", "pack/inner.py", "program.py"]
    assert reported == [mine, ["later.py", *mine], [["mine.py", "modified"], ["later.py", "modified"]]]


def test_no_write_around_a_refresh_is_lost(tmp_path: Path) -> None:
    reported = in_a_program(
        tmp_path,
        """
        import itertools
        async def main():
            reported, news, sizes = {}, asyncio.Event(), itertools.count(10)
            def on_change(changes):
                reported.update({change.path.name: os.stat(change.path).st_size for change in changes})
                news.set()
            def write(name):
                with open(name, "w") as file: file.write("#" * (size := next(sizes)))
                written[os.path.basename(name)] = size
            written = {}
            for number in range(12):
                os.mkdir(f"p{number}"); open(f"p{number}/m{number}.py", "w").close()
                sys.path.append(f"{HERE}/p{number}")
            async with FileWatcher(on_change, debounce_ms=20) as watcher:
                for number in range(12):
                    __import__(f"m{number}")
                    write("mine.py")
                    watcher.refresh_paths()
                    write("pack/inner.py")
                    for _ in range(number): await asyncio.sleep(0)
                    write("mine.py")
                    write("pack/inner.py")
                    async with asyncio.timeout(30):
                        while any(reported.get(name) != size for name, size in written.items()):
                            news.clear()
                            await news.wait()
                async with asyncio.timeout(30):
                    while watcher._tasks: await asyncio.wait(watcher._tasks)
                reported.clear(); written.clear()
                for number in range(12): write(f"p{number}/m{number}.py")
                async with asyncio.timeout(30):
                    while not written.items() <= reported.items():  # what was written before may be reported again
                        news.clear()
                        await news.wait()
            print(json.dumps(len(written)))
        asyncio.run(main())
        """,
    )
    assert reported == 12


@_each_source
@pytest.mark.skipif(os.name == "nt", reason="two slashes begin a share there")
async def test_two_slashes_at_the_beginning_are_one(source: dict[str, Any], tmp_path: Path) -> None:
    reported = WatchRecorder()
    async with FileWatcher(reported.take, paths=[f"/{tmp_path}"], **FAST, **source) as watcher:
        assert watcher.paths == [tmp_path]
        (tmp_path / "a").write_text("1")
        await reported.until({str(tmp_path / "a"): "created"})


@_each_source
async def test_vims_probe_is_not_reported_but_an_honest_file_of_its_name_is(
    source: dict[str, Any], tmp_path: Path
) -> None:
    async with watching([tmp_path], **source) as reported:
        (tmp_path / "4913").touch()
        (tmp_path / "4913").unlink()
        await reported.only({}, tmp_path / "sentinel")
        (tmp_path / "4913").write_text("1")
        await reported.until(partial(reported.has, tmp_path / "4913"))
