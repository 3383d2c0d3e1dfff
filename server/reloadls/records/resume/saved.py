"""Keeps a folder's records and their history on disk, so that a later process continues from a clock.

It blocks: use it on a disk thread, one call at a time. Each step is committed before it is reported. The file is
trusted only if it is this user's alone, of this folder and layout, and whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from filelock import BaseFileLock

from reloadls.records.keys import Key
from reloadls.records.resume.history import CHANGES_KEPT, History, Step
from reloadls.records.states.state import Change, RecordState, pack, unpack
from reloadls.watch.state.database import PrivateDatabase, lock_database
from reloadls.watch.state.folder import StateFailed, set_aside

__all__ = ["SavedRecords"]

_APPLICATION: Final = 0x524C5752
"""Marks a file as one of record streams."""
_VERSION: Final = 1
_TABLES: Final = (
    "CREATE TABLE head (key TEXT NOT NULL, number INTEGER NOT NULL)",
    "CREATE TABLE epochs (epoch TEXT PRIMARY KEY, first INTEGER NOT NULL)",
    "CREATE TABLE records (kind TEXT, id TEXT, state BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID",
    "CREATE TABLE changes (number INTEGER, kind TEXT, id TEXT, before BLOB, PRIMARY KEY (number, kind, id))"
    " WITHOUT ROWID",
)
_EPOCHS_KEPT: Final = 100


class _Damaged(Exception):
    """The file is not what was written."""


@dataclass(slots=True)
class _Loaded:
    number: int
    epochs: dict[str, tuple[int, int]]
    steps: list[Step]


class SavedRecords(PrivateDatabase):
    """The file of one folder and layout. Created by `open`.

    Attributes:
        history: the history, which continues from earlier runs.
        problem: a message if an unusable file was found and renamed; else None.
    """

    def __init__(self, path: str, key: str, lock: BaseFileLock) -> None:
        super().__init__(path, lock)
        self.problem: str | None = None
        try:
            self.history = self._load(key)
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, folder: str, key: str) -> SavedRecords:
        """Open or create the file of `key` in `folder`.

        Raises:
            StateBusy: another process uses it.
            StateFailed: nothing can be kept there.
            OSError: a system call failed.
        """
        path, lock = lock_database(folder, key)
        return cls(path, key, lock)

    def records(self) -> dict[Key, bytes]:
        """Return the packed states that the last run ended with.

        Raises:
            StateFailed: they can't be read.
        """
        with self._errors():
            rows = self._db.execute("SELECT kind, id, state FROM records")
            return {(kind, name): state for kind, name, state in rows}

    def begin(self) -> None:
        """Begin a run: its clocks are known to later ones.

        Raises:
            StateFailed: it can't be kept.
        """
        with self._transaction() as connection:
            connection.execute("INSERT INTO epochs VALUES (?, ?)", (self.history.epoch, self.history.number))
            connection.execute(
                "DELETE FROM epochs WHERE rowid NOT IN (SELECT rowid FROM epochs ORDER BY rowid DESC LIMIT ?)",
                (_EPOCHS_KEPT,),
            )

    def append(self, step: Step, changes: Iterable[Change]) -> None:
        """Commit a step that is about to be reported.

        Raises:
            StateFailed: it can't be kept; the file is closed.
        """
        records = [(change.key, pack(change.after)) for change in changes]
        kept = step.before if len(step.before) <= CHANGES_KEPT else {}
        befores = [(step.number, *key, pack(state)) for key, state in kept.items()]
        oldest = self.history.oldest if kept else step.number
        with self._transaction() as connection:
            connection.executemany("INSERT INTO changes VALUES (?, ?, ?, ?)", befores)
            connection.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
                [(*key, state) for key, state in records if state is not None],
            )
            connection.executemany(
                "DELETE FROM records WHERE kind = ? AND id = ?", [key for key, state in records if state is None]
            )
            connection.execute("UPDATE head SET number = ?", (step.number,))
            connection.execute("DELETE FROM changes WHERE number <= ?", (oldest,))

    # -- reading -----------------------------------------------------------------------------------------

    def _load(self, key: str) -> History:
        try:
            return self._read(key)
        except _Damaged as damage:
            self._disconnect()
            self.problem = f"{self._path} can't be used: {damage}; renamed to {set_aside(self._path)}"
            try:
                return self._read(key)
            except _Damaged as again:
                raise StateFailed(self._path, again) from again

    def _read(self, key: str) -> History:
        if reason := self._why_untrusted():
            raise _Damaged(reason)
        try:
            connection = self._connect()
            self._make(connection, key)
            loaded = self._loaded(connection, key)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise _Damaged(f"{error}") from error
        return History(loaded.number, loaded.epochs, loaded.steps)

    @staticmethod
    def _make(connection: sqlite3.Connection, key: str) -> None:
        """Create the tables in an empty file, and check those of any other."""
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        tables = [
            sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY rowid")
        ]
        if (application, version, tables) == (0, 0, []):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for sql in _TABLES:
                connection.execute(sql)
            connection.execute("INSERT INTO head VALUES (?, 0)", (key,))
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
            return
        if (application, version, tables) != (_APPLICATION, _VERSION, list(_TABLES)):
            raise _Damaged("not a file of record streams, or of another version")
        for (found,) in connection.execute("PRAGMA quick_check(1)"):
            if found != "ok":
                raise _Damaged(f"sqlite reports: {found}")

    @staticmethod
    def _loaded(connection: sqlite3.Connection, key: str) -> _Loaded:
        heads = connection.execute("SELECT key, number FROM head").fetchall()
        if len(heads) != 1 or heads[0][0] != key:
            raise _Damaged("it belongs to another folder")
        number = int(heads[0][1])
        runs = connection.execute("SELECT epoch, first FROM epochs ORDER BY rowid").fetchall()
        lasts = [*(first for _, first in runs[1:]), number]
        epochs = {epoch: (first, last) for (epoch, first), last in zip(runs, lasts, strict=False)}
        before: dict[int, dict[Key, RecordState | None]] = {}
        for at, kind, name, raw in connection.execute("SELECT number, kind, id, before FROM changes ORDER BY number"):
            before.setdefault(at, {})[kind, name] = unpack(raw)
        if list(before) != list(range(number - len(before) + 1, number + 1)):
            raise _Damaged("steps of its history are missing")
        return _Loaded(number, epochs, [Step.of(at, states) for at, states in before.items()])
