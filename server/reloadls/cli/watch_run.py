"""Run `reloadls watch`: changes go to stdout, problems to stderr."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reloadls.terminal.endings import FAILED, OK, print_error
from reloadls.terminal.logged import logged_to
from reloadls.terminal.output import Output, leads_to_own_output
from reloadls.terminal.signals import on_closed_pipe, on_ending_signal
from reloadls.terminal.text import error_text, wants_colour, working_folder
from reloadls.terminal.watch_lines import HumanLines, JsonLines, header, status_lines
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.status import WatchStatus

from .watch_command import Command, CommandPlan

__all__ = ["Plan", "run_watch"]

_LEAVE_S: Final = 1.0
"""Seconds that writing the last lines may take."""
_STOP_S: Final = 2.0
"""Seconds that the watcher may take to stop."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to watch, what to print of it, and when to end. Times in seconds."""

    scope: Scope
    pacing: Pacing
    as_json: bool
    types: frozenset[str]
    once: bool
    timeout: float | None
    max_events: int | None
    command: CommandPlan | None = None


async def run_watch(plan: Plan) -> int:
    """Watch as planned and return the exit code."""
    out, err = Output(1, "stdout"), Output(2, "stderr")
    watch = _Watch(plan, out, err)
    with logged_to(err), on_ending_signal(watch.end), on_closed_pipe(1, watch.end):
        work = asyncio.create_task(watch.run())
        ending = asyncio.create_task(watch.ended.wait())
        await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not work.done():
            work.cancel()
        await asyncio.wait({work})
        code = await watch.end_command()
        await out.close(_LEAVE_S)
        await err.close(_LEAVE_S)
    failure = watch.failure or (None if work.cancelled() else work.exception())
    if failure is None or isinstance(failure, BrokenPipeError):
        return code
    print_error(error_text(failure), as_json=plan.as_json)
    return FAILED


class _Watch:
    def __init__(self, plan: Plan, out: Output, err: Output) -> None:
        self.ended = asyncio.Event()
        self.failure: OSError | None = None
        self._plan = plan
        self._out, self._err = out, err
        self._folder = working_folder()
        self._json = JsonLines() if plan.as_json else None
        self._lines = self._json or HumanLines(self._folder, wants_colour())
        self._open = asyncio.Event()
        self._listed = not plan.as_json
        self._left = plan.max_events
        self._problems: tuple[Problem, ...] = ()
        self._command = None if plan.command is None else Command(plan.command, out, err, self._folder)
        self._ending = False

    def end(self) -> None:
        """End after a signal or a closed pipe; a second call kills the command."""
        if self._ending and self._command is not None:
            self._command.hurry()
        self._ending = True
        self.ended.set()

    async def end_command(self) -> int:
        """End the command, if there is one, and return the exit code."""
        if self._command is None:
            return OK
        running = await self._command.end()
        return self._command.exit_code if running or not self._ending else OK

    async def run(self) -> None:
        """Watch until `ended` is set, or until the timeout."""
        pipeline = Pipeline(self._plan.scope, self._deliver, pacing=self._plan.pacing, on_status=self._on_status)
        try:
            await pipeline.start()
            line = header(pipeline.status, self._folder, endless=sys.stderr.isatty())
            if self._command is None:
                self._err.post(line)
            else:  # before the output of the command
                with contextlib.suppress(OSError):
                    await self._err.write([line])
            if self._json is not None:
                files = await pipeline.files()
                # Changes delivered before this line are in `files`; later ones are written after the list.
                self._listed = True
                listed = (path for path in sorted(files) if not leads_to_own_output(path))
                await self._out.write(map(self._json.snapshot, listed))
                await self._out.write([self._json.ready()])
            self._open.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._plan.timeout):
                    if self._command is not None:
                        await self._command.work()
                    else:
                        await self.ended.wait()
        finally:
            await asyncio.wait({asyncio.create_task(pipeline.stop())}, timeout=_STOP_S)

    async def _deliver(self, flush: Flush) -> None:
        """Print a batch. The next comparison waits for it, so that a slow reader gets fewer, larger batches."""
        if not self._listed:
            return
        await self._open.wait()
        at = datetime.now(UTC)
        changes = [change for change in flush.changes if change.change_type in self._plan.types]
        changes = [change for change in changes if not leads_to_own_output(os.fspath(change.path))][: self._left]
        if not changes or self.ended.is_set():
            return
        if self._command is not None:
            self._command.change(os.fspath(change.path) for change in changes)
        else:
            await self._write(self._lines.change(change, at) for change in changes)
        if self._left is not None:
            self._left -= len(changes)
        if self._plan.once or self._left == 0:
            if self._command is not None:
                self._command.finish()
            else:
                self.ended.set()

    async def _write(self, lines: Iterable[str]) -> None:
        try:
            await self._out.write(lines)
        except OSError as exc:
            self.failure = exc
            self.ended.set()

    def _on_status(self, status: WatchStatus) -> None:
        if status.state == "stopped":
            return
        for line in status_lines(self._problems, status.problems, self._folder):
            self._err.post(line)
        self._problems = status.problems
