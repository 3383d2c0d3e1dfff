"""Keeps what one channel has told, so that a later process goes on where this one ends."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from reloadls.watch.disk.guarded import TimedOut
from reloadls.watch.flush import Flush
from reloadls.watch.journal import Batch, Journal
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.state.store import SavedState, StateBusy, StateFailed, StateFile

__all__ = ["StateKeeper"]

_log = logging.getLogger(__name__)
_left_behind: list[StateFile] = []
"""State files on file systems that hang. The end of the process gives them back."""


class StateKeeper:
    """The state file of one scope, read and written on the disk thread, or on its file system's own.

    What goes wrong with it is a problem that is told; watching goes on without.

    Args:
        folder: where state files are.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file: StateFile | None = None
        self._saved: SavedState | None = None
        self.problem: Problem | None = None

    async def open(self, pipeline: Pipeline, scope: Scope) -> tuple[Journal, Mapping[str, Entry] | None]:
        """The journal that goes on from what was kept, and the files as they were last told, if that is known."""
        try:
            # Kept there, on that thread: whoever waits for it may be gone by then, and closing comes after.
            await pipeline.run_at(self._folder, lambda: self._open(_key(scope)), lambda _: self._close())
        except StateBusy:
            _log.info("another process keeps the state of %s", ", ".join(scope.roots))
        except (StateFailed, OSError) as error:
            self._fail(error)
        if self._file is None:
            return Journal(), None
        if self._file.set_aside is not None:
            _log.warning("%s", self._file.set_aside)
            self.problem = Problem("stateFailed", self._file.set_aside)
        self._saved = self._file.saved
        journal = Journal(history=None if self._saved is None else self._saved.history)
        await self._try(pipeline, self._file.begin, journal.epoch, journal.number)
        return journal, None if self._saved is None else self._saved.files

    async def settle(self, pipeline: Pipeline, journal: Journal, flush: Flush) -> None:
        """Watching has begun: what had changed meanwhile goes into the journal, if the same files count as before."""
        if self._file is None:
            return
        rules = await pipeline.rules()
        saved, self._saved = self._saved, None
        if saved is not None and saved.rules == rules:
            if flush.changes:
                batch = journal.draft(flush.changes, "startup")
                await self._try(pipeline, self._file.append, batch, flush.entries)
                journal.add(batch)
            return
        if saved is not None:
            journal.forget()
        await self._try(pipeline, self._file.rewrite, journal.number, await pipeline.entries(), rules)

    async def save(self, pipeline: Pipeline, journal: Journal, batch: Batch | None, flush: Flush) -> None:
        """Keep `batch`, which `journal` gets next: nobody may see its clock before it is kept."""
        if self._file is None:
            return
        if flush.rescoped:
            number = journal.number + (batch is not None)
            entries, rules = await pipeline.entries(), await pipeline.rules()
            await self._try(pipeline, self._file.rewrite, number, entries, rules)
        elif batch is not None:
            await self._try(pipeline, self._file.append, batch, flush.entries)

    async def close(self, pipeline: Pipeline) -> None:
        """Give the file back."""
        try:
            await pipeline.run_at(self._folder, self._close)
        except TimedOut:
            self._leave_behind()

    def _open(self, key: str) -> None:
        self._file = StateFile.open(self._folder, key)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _try(self, pipeline: Pipeline, call: Any, *args: Any) -> None:
        try:
            await pipeline.run_at(self._folder, lambda: call(*args))
        except (StateFailed, OSError) as error:
            if isinstance(error, TimedOut):
                self._leave_behind()
            self._file = None
            self._fail(error)

    def _leave_behind(self) -> None:
        """Its file system hangs: to close it would wait, on whatever thread."""
        if self._file is not None:
            _left_behind.append(self._file)

    def _fail(self, error: Exception) -> None:
        _log.warning("what is told is not kept for the next start: %s", error)
        self.problem = Problem("stateFailed", f"what is told is not kept for the next start: {error}")


def _key(scope: Scope) -> str:
    return json.dumps(
        {
            "roots": scope.roots,
            "include": scope.include,
            "exclude": scope.exclude,
            "useGitignore": scope.use_gitignore,
        }
    )
