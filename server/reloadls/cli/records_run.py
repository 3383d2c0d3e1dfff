"""Run `reloadls records`: events go to stdout, problems and progress to stderr."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reloadls.records import Layout, RecordEvent, RecordHub, RecordStream
from reloadls.records.keys import SUFFIX
from reloadls.terminal.endings import FAILED, OK, print_error
from reloadls.terminal.logged import logged_to
from reloadls.terminal.output import Output, leads_to_own_output
from reloadls.terminal.record_lines import RecordJsonLines, RecordLines
from reloadls.terminal.signals import on_closed_pipe, on_ending_signal
from reloadls.terminal.text import error_text, relative, shown, wants_colour, working_folder
from reloadls.terminal.watch_lines import backend_text, status_lines
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.state.folder import state_folder
from reloadls.watch.status import WatchStatus

__all__ = ["Plan", "run_records"]

_LEAVE_S: Final = 1.0
"""Seconds that writing the last lines may take."""
_STOP_S: Final = 2.0
"""Seconds that the stream may take to end."""
_CHUNK: Final = 500
"""How many events are written at once."""
_PROGRESS_S: Final = 0.1
"""Seconds between two updates of the progress line."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to stream, what to print of it, and when to end. Times in seconds."""

    folder: str
    layout: Layout
    where: tuple[str, ...]
    kinds: tuple[str, ...]
    ids: tuple[str, ...]
    since: str | None
    as_json: bool
    clock: bool
    once: bool
    timeout: float | None
    max_events: int | None
    types: frozenset[str]
    bookmarks: bool


async def run_records(plan: Plan) -> int:
    """Stream as planned and return the exit code."""
    out, err = Output(1, "stdout"), Output(2, "stderr")
    printing = _Printing(plan, out, err)
    with logged_to(err), on_ending_signal(printing.ended.set), on_closed_pipe(1, printing.ended.set):
        work = asyncio.create_task(printing.run())
        ending = asyncio.create_task(printing.ended.wait())
        await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not work.done():
            work.cancel()
        await asyncio.wait({work})
        await out.close(_LEAVE_S)
        await err.close(_LEAVE_S)
    failure = None if work.cancelled() else work.exception()
    if failure is None or isinstance(failure, BrokenPipeError):
        return OK
    print_error(error_text(failure), as_json=plan.as_json)
    return FAILED


class _Printing:
    def __init__(self, plan: Plan, out: Output, err: Output) -> None:
        self.ended = asyncio.Event()
        self._plan = plan
        self._out, self._err = out, err
        self._folder = working_folder()
        self._lines = (
            RecordJsonLines(plan.clock) if plan.as_json else RecordLines(plan.layout, wants_colour(), plan.clock)
        )
        self._left = plan.max_events
        self._problems: tuple[Problem, ...] = ()
        self._shows_progress = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._progress_at = time.monotonic() + _PROGRESS_S
        self._has_progress = False

    async def run(self) -> None:
        """Stream until the limits are reached."""
        plan = self._plan
        stream = RecordStream(
            plan.folder,
            layout=plan.layout,
            where=plan.where,
            kinds=plan.kinds,
            ids=plan.ids,
            since=plan.since,
            bookmarks=plan.bookmarks,
            hub=RecordHub(state_folder=state_folder()),
            on_progress=self._on_progress,
            on_status=self._on_status,
        )
        try:
            await stream.start()
            await self._clear_progress()
            self._on_status(stream.status)
            self._err.post(self._header(stream))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(plan.timeout):
                    await self._print(stream)
        finally:
            await self._clear_progress()
            await asyncio.wait({asyncio.create_task(stream.close())}, timeout=_STOP_S)

    async def _print(self, stream: RecordStream) -> None:
        """Print events. While the reader of the output is slow, each record's changes become one."""
        while self._left != 0:
            events = stream.take(_CHUNK)
            if events:
                await self._write(events)
            elif self._plan.once or stream.closed:
                return
            else:
                await stream.ready()

    async def _write(self, events: Sequence[RecordEvent]) -> None:
        wanted = [event for event in events if event.event_type in self._plan.types and not self._is_own(event)]
        wanted = wanted[: self._left]
        if self._left is not None:
            self._left -= len(wanted)
        await self._out.write(map(self._lines.event, wanted))

    def _is_own(self, event: RecordEvent) -> bool:
        """Return whether the event is about our own output: printing it would cause the next one."""
        path = os.path.join(self._plan.folder, event.kind, event.id + SUFFIX)
        return bool(event.id) and leads_to_own_output(path)

    def _header(self, stream: RecordStream) -> str:
        files = sum(root.files for root in stream.status.roots)
        count = f"{files:,} record{'' if files == 1 else 's'}"
        hint = ", Ctrl-C ends it" if sys.stderr.isatty() and not self._plan.once else ""
        name = shown(relative(self._plan.folder, self._folder)) if self._plan.folder != self._folder else "this folder"
        return f"Watching {name}: {count}, {backend_text(stream.status.backend)}{hint}\n"

    def _on_progress(self, read: int, total: int) -> None:
        now = time.monotonic()
        if self._shows_progress and now >= self._progress_at and read < total:
            self._progress_at = now + _PROGRESS_S
            self._has_progress = True
            self._err.post(f"\rReading {read:,} of {total:,} records\x1b[K")

    async def _clear_progress(self) -> None:
        """Clear the progress line before anything else is written to the terminal."""
        if self._has_progress:
            self._has_progress = False
            with contextlib.suppress(OSError):
                await self._err.write(["\r\x1b[K"])

    def _on_status(self, status: WatchStatus) -> None:
        if status.state in ("starting", "stopped"):
            return
        for line in status_lines(self._problems, status.problems, self._folder):
            self._err.post(line)
        self._problems = status.problems
