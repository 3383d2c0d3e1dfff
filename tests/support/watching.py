"""A watcher that records what it reports, in this process or, as a program, in one of its own.

Nothing here sleeps to wait: a wait is for a report, and has a deadline. That something is *not* reported is checked by
waiting for a later report.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reloadls.watch import ChangeType, FileChange, FileWatcher
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.sources import choose as make
from reloadls.watch.status import WatchStatus

__all__ = [
    "DEADLINE",
    "FAST",
    "NATIVE",
    "SOURCES",
    "Net",
    "ProcessRecorder",
    "WatchRecorder",
    "piping",
    "running",
    "watching",
]

DEADLINE = 30.0
"""Seconds before a wait fails; far more than anything takes."""
FAST: dict[str, Any] = {"debounce_ms": 20, "max_wait_ms": 200}
SOURCES: dict[str, dict[str, Any]] = {
    **({"inotify": {"source": "inotify"}} if sys.platform == "linux" else {}),
    "watchfiles": {"source": "watchfiles"},
    "polling": {"source": "polling", "poll_delay_ms": 20},
}
"""Name → options of a `FileWatcher`."""
NATIVE = {name: options for name, options in SOURCES.items() if name != "polling"}

Net = dict[str, ChangeType]
"""path → what has become of it."""


class WatchRecorder:
    """What a watcher has reported."""

    def __init__(self) -> None:
        self.batches: list[list[FileChange]] = []
        self.statuses: list[WatchStatus] = []
        self._net: dict[str, tuple[ChangeType, ChangeType]] = {}
        self._news = asyncio.Event()
        self._sentinels: set[str] = set()
        self._seen: set[str] = set()

    def take(self, changes: Sequence[FileChange]) -> None:
        """One batch, as `on_change` gets it."""
        paths = [os.fspath(change.path) for change in changes]
        assert changes, "an empty batch was reported"
        assert len(paths) == len(set(paths)), f"a path was reported twice in one batch: {paths}"
        self.batches.append(list(changes))
        for path, change in zip(paths, changes, strict=True):
            if path in self._sentinels:
                self._seen.add(path)
            else:
                first, _ = self._net.get(path, (change.change_type, None))
                self._net[path] = (first, change.change_type)
        self._news.set()

    def take_status(self, status: WatchStatus) -> None:
        self.statuses.append(status)
        self._news.set()

    def net(self) -> Net:
        """What has become of each path since the last `clear`, sentinels left out."""
        return {
            path: _net(first, last)
            for path, (first, last) in self._net.items()
            if (first, last) != ("created", "deleted")
        }

    def has(self, path: Path) -> bool:
        """Whether something has become of `path`."""
        return os.fspath(path) in self.net()

    def leave_out(self, sentinel: Path) -> None:
        """Whatever becomes of `sentinel` is no news."""
        self._sentinels.add(os.fspath(sentinel))

    def clear(self) -> None:
        self.batches.clear()
        self._net.clear()

    async def until(self, expected: Mapping[str, str] | Callable[[], object], deadline: float = DEADLINE) -> None:
        """Wait until the net is just `expected`, or `expected()` is true."""
        expect = expected if callable(expected) else (lambda: self.net() == expected)
        try:
            async with asyncio.timeout(deadline):
                while not expect():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(self._difference(expected)) from None

    async def only(self, expected: Mapping[str, str], sentinel: Path | None, deadline: float = DEADLINE) -> None:
        """Wait until just `expected` was reported, and see, by a sentinel written after it, that no more is."""
        await self.until(expected, deadline)
        if sentinel is not None:
            await self.settle(sentinel)
        assert self.net() == expected, self._difference(expected)

    async def settle(self, sentinel: Path) -> None:
        """Write `sentinel` and wait until it is reported: then all that came before it has been."""
        path = os.fspath(sentinel)
        self.leave_out(sentinel)
        self._net.pop(path, None)
        self._seen.discard(path)
        with sentinel.open("a") as file:
            file.write("!")
        await self.until(lambda: path in self._seen)

    def _difference(self, expected: Mapping[str, str] | Callable[[], object]) -> str:
        net = self.net()
        if callable(expected):
            return f"timed out; reported was {_some(net)}, status {self.statuses[-1:]}"
        missing = {path: kind for path, kind in expected.items() if net.get(path) != kind}
        extra = {path: kind for path, kind in net.items() if path not in expected}
        return f"not reported, or otherwise: {_some(missing)}; reported, but wrong: {_some(extra)}"


def _net(first: ChangeType, last: ChangeType) -> ChangeType:
    if last == "deleted":
        return "deleted"
    return "created" if first == "created" else "modified"


def _some(items: Mapping[str, str]) -> str:
    shown = dict(list(items.items())[:8])
    return f"{shown}{f' and {len(items) - 8} more' if len(items) > 8 else ''}"


@contextlib.asynccontextmanager
async def watching(paths: Iterable[str | os.PathLike[str]] | None, **options: Any) -> AsyncIterator[WatchRecorder]:
    """A FileWatcher, started."""
    reported = WatchRecorder()
    async with FileWatcher(reported.take, paths=paths, **{**FAST, **options}):
        yield reported


@contextlib.asynccontextmanager
async def piping(
    roots: Iterable[str | os.PathLike[str]], *, pacing: Pacing | None = None, **scope: Any
) -> AsyncIterator[tuple[WatchRecorder, Pipeline]]:
    """A Pipeline, started: it reports its status too."""
    reported = WatchRecorder()

    async def deliver(flush: Flush) -> None:
        if flush.changes:
            reported.take(flush.changes)

    pacing = pacing or Pacing(debounce=0.02, max_wait=0.2, poll_delay=0.02)
    pipeline = Pipeline(Scope(roots, **scope), deliver, pacing=pacing, on_status=reported.take_status)
    await pipeline.start()
    try:
        yield reported, pipeline
    finally:
        await pipeline.stop()


class ProcessRecorder(WatchRecorder):
    """What a watcher in a process of its own reports."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self.process = process
        self.status: dict[str, Any] = {}
        """The last status that was reported."""
        self.end: dict[str, Any] = {}
        """What it said at its end."""
        self.started = self.ended = False
        self._reader = asyncio.create_task(self._read())

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End its input, and wait for its end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(DEADLINE):
                await self._reader
        finally:
            if self.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
            await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            await self._read_lines(self.process.stdout)
        finally:
            self.ended = True
            self._news.set()

    async def _read_lines(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            said = json.loads(line)
            self.status = said.get("status", self.status)
            if "changes" in said:
                self.take([FileChange(Path(path), kind) for path, kind in said["changes"]])
            elif "end" in said:
                self.end = said["end"]
            else:
                self.started = True
                self._news.set()


@contextlib.asynccontextmanager
async def running(
    paths: Iterable[str | os.PathLike[str]],
    *,
    tool: str = "FileWatcher",
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[ProcessRecorder]:
    """The same in a process of its own, started.

    Args:
        paths: what it watches.
        tool: ``FileWatcher``, or ``awatch`` for a plain loop over watchfiles.
        before: a command line that the program's is appended to.
        environment: set beside this process's own.
        options: the watcher's; `uid` is the user to become, `net` the safety net's shortest pause in seconds, which is
            left out else, so that it hides no loss.
    """
    what = json.dumps({"tool": tool, "paths": [os.fspath(path) for path in paths], **options})
    process = await asyncio.create_subprocess_exec(
        *before,
        sys.executable,
        "-m",
        __name__,
        what,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            **(environment or {}),
        },
    )
    reported = ProcessRecorder(process)
    try:
        await reported.until(lambda: reported.started or reported.ended)
        assert reported.started, "the program ended at once"
        yield reported
    finally:
        await reported.stop()


# -- the program -------------------------------------------------------------------------------------------------


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def _status(watcher: FileWatcher) -> dict[str, object]:
    status = watcher.status
    problems = [(problem.code, problem.path) for problem in status.problems]
    return {"state": status.state, "backend": status.backend, "problems": problems}


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def _watch(paths: list[str], options: dict[str, Any]) -> None:
    def report(changes: list[FileChange]) -> None:
        _say(
            changes=[(os.fspath(change.path), change.change_type) for change in changes],
            status=_status(watcher),
        )

    watcher = FileWatcher(report, paths=paths, **{**FAST, **options})
    await watcher.start()
    assert watcher._pipeline is not None
    watcher._pipeline._on_status = lambda _: _say(status=_status(watcher))
    _say(status=_status(watcher))
    await _end_of_input()
    await watcher.stop()


async def _awatch(paths: list[str]) -> None:
    """What users have today: a task over `awatch`."""
    from watchfiles import awatch

    async def loop() -> None:
        kinds = {1: "created", 2: "modified", 3: "deleted"}
        async for changes in awatch(*paths, step=5, debounce=20, recursive=True):
            last = {path: kinds[kind] for kind, path in sorted(changes)}
            _say(changes=list(last.items()))

    task = asyncio.create_task(loop())
    _say(started=True)
    await _end_of_input()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


def _main() -> None:
    import threading

    from reloadls.watch.sources import watchfiles as native  # noqa: F401 - before the right to read it may be given up

    options = json.loads(sys.argv[1])
    vars(make).update(SAFETY_NET_FLOOR_S=options.pop("net", 1000.0), SAFETY_NET_RATIO=1.0)
    tool, paths, uid = options.pop("tool"), options.pop("paths"), options.pop("uid", None)
    if uid is not None:
        os.setgid(uid)
        os.setuid(uid)
    asyncio.run(_awatch(paths) if tool == "awatch" else _watch(paths, options))
    _say(end={"threads": [thread.name for thread in threading.enumerate()]})


if __name__ == "__main__":
    _main()
