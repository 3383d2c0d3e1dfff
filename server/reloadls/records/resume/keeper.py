"""Whether a folder's records are kept on disk, and what becomes of errors: a reported problem, never an end."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from reloadls.records.keys import Key
from reloadls.records.resume.history import History, Step
from reloadls.records.resume.saved import SavedRecords
from reloadls.records.states.state import Change, RecordState, unpack
from reloadls.watch.disk.guarded import TimedOut
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.state.folder import StateBusy, StateFailed

__all__ = ["Keeper"]

_log = logging.getLogger(__name__)


class Keeper:
    """The file of one feed, used on the disk thread.

    Args:
        pipeline: has the disk thread.
        folder: the folder of the state files; None keeps nothing.
        key: the folder of the records and its layout, as text.
    """

    def __init__(self, pipeline: Pipeline, folder: str | None, key: str) -> None:
        self._pipeline = pipeline
        self._folder = folder
        self._key = key
        self._file: SavedRecords | None = None
        self.problem: Problem | None = None

    async def open(self) -> tuple[History, dict[Key, RecordState]]:
        """Return the history, and the states that the last run ended with."""
        folder = self._folder
        if folder is None:
            return History(), {}
        try:
            saved = await self._pipeline.run_at(folder, lambda: self._open(folder), lambda _: self._close())
        except StateBusy:
            _log.info("another process keeps the records of %s; keeping nothing", self._key)
        except (StateFailed, OSError) as error:
            self._fail(error)
        else:
            assert self._file is not None
            return self._file.history, saved
        return History(), {}

    async def save(self, step: Step, changes: Iterable[Change]) -> None:
        """Commit a step before it is reported."""
        file, folder = self._file, self._folder
        if file is None or folder is None:
            return
        try:
            await self._pipeline.run_at(folder, lambda: file.append(step, changes))
        except (StateFailed, OSError) as error:
            self._file = None
            self._fail(error)

    async def close(self) -> None:
        """Close and release the file."""
        if self._folder is not None and self._file is not None:
            try:
                await self._pipeline.run_at(self._folder, self._close)
            except TimedOut:
                _log.warning("the state folder %s does not answer; its file is left open", self._folder)

    def _open(self, folder: str) -> dict[Key, RecordState]:
        file = self._file = SavedRecords.open(folder, self._key)
        if file.problem is not None:
            _log.warning("%s", file.problem)
            self.problem = Problem("stateFailed", file.problem)
        try:
            saved = {key: state for key, raw in file.records().items() if (state := unpack(raw)) is not None}
            file.begin()
        except BaseException:
            self._close()
            raise
        return saved

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _fail(self, error: Exception) -> None:
        _log.warning("records are not kept for later streams: %s", error)
        self.problem = Problem("stateFailed", f"records are not kept for later streams: {error}")
