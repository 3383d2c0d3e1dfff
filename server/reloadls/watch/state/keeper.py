"""Keeps one channel's journal and snapshot on disk, so that a later process continues from them."""

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
_abandoned: list[StateFile] = []
"""State files on hung file systems. They are released when the process ends."""


class StateKeeper:
    """The state file of one scope, read and written on the disk thread, or on its file system's own thread.

    Errors become a reported problem; watching continues without state.

    Args:
        folder: the folder of the state files.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file: StateFile | None = None
        self._saved: SavedState | None = None
        self.problem: Problem | None = None

    async def open(self, pipeline: Pipeline, scope: Scope) -> tuple[Journal, Mapping[str, Entry] | None]:
        """Open the state file.

        Returns:
            The journal that continues from the saved one, and the files as last reported, if known.
        """
        try:
            # Stored on that thread: the caller may be cancelled by then, and closing comes after.
            await pipeline.run_at(self._folder, lambda: self._open(_key(scope)), lambda _: self._close())
        except StateBusy:
            _log.info("another process uses the state file of %s; keeping no state", ", ".join(scope.roots))
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
        """Add the changes made since the last run to the journal, if the same rules are in force as then."""
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
        """Commit `batch` before it is added to `journal`: nobody may see its clock before that."""
        if self._file is None:
            return
        if flush.rescoped:
            number = journal.number + (batch is not None)
            entries, rules = await pipeline.entries(), await pipeline.rules()
            await self._try(pipeline, self._file.rewrite, number, entries, rules)
        elif batch is not None:
            await self._try(pipeline, self._file.append, batch, flush.entries)

    async def close(self, pipeline: Pipeline) -> None:
        """Close and release the file."""
        try:
            await pipeline.run_at(self._folder, self._close)
        except TimedOut:
            self._abandon()

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
                self._abandon()
            self._file = None
            self._fail(error)

    def _abandon(self) -> None:
        """Abandon the file: its file system hangs, so closing it would block any thread."""
        if self._file is not None:
            _abandoned.append(self._file)

    def _fail(self, error: Exception) -> None:
        _log.warning("changes are not kept for the next start: %s", error)
        self.problem = Problem("stateFailed", f"changes are not kept for the next start: {error}")


def _key(scope: Scope) -> str:
    return json.dumps(
        {
            "roots": scope.roots,
            "include": scope.include,
            "exclude": scope.exclude,
            "useGitignore": scope.use_gitignore,
        }
    )
