"""One scope's snapshot and journal as last reported, kept for the next start.

Every change is committed before it is reported. So the state is never behind what a client knows, except after a power
loss; then the lost clocks are unknown, not wrong. The file is trusted only if it is exactly what was written: it must
belong to the user alone, pass sqlite's check, be of this scope, and match its checksums.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace

from filelock import BaseFileLock

from reloadls.watch.clock import Clock
from reloadls.watch.journal import Batch
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.state.database import PrivateDatabase, lock_database
from reloadls.watch.state.folder import StateBusy, StateFailed, set_aside, state_folder
from reloadls.watch.state.rows import Damaged, Head, pack_batch, pack_entry, pack_head
from reloadls.watch.state.tables import SavedState, is_new, make_tables, mark_version, read_head, read_saved

__all__ = ["SavedState", "StateBusy", "StateFailed", "StateFile", "state_folder"]

_RUNS_KEPT = 100
"""How many earlier runs are kept whose clocks can be resolved."""
_JOURNAL_LIMIT = 100_000
"""How many changes are kept."""
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
}


class StateFile(PrivateDatabase):
    """One scope's state. Created by `open`.

    It blocks: use it on a disk thread, one call at a time. A call that raises `StateFailed` closes it; everything
    committed before stays for the next start.

    Attributes:
        saved: the saved state, until `begin`; None if there was none that is usable.
        set_aside: a message if an unusable file was found: why, and its new name; else None.
    """

    def __init__(self, path: str, key: str, lock: BaseFileLock) -> None:
        super().__init__(path, lock)
        self.set_aside: str | None = None
        try:
            try:
                self._head, self.saved = self._load(key)
            except Damaged as damage:
                self._disconnect()
                self.set_aside = f"{path} can't be used: {damage}; renamed to {set_aside(path)}"
                self._head, self.saved = self._load(key)
        except Damaged as damage:
            self.close()
            raise StateFailed(path, damage) from damage
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, folder: str, key: str) -> StateFile:
        """Open or create the state file of `key` in `folder`.

        Args:
            folder: the folder of the state files.
            key: the scope and its options, always in the same form.

        Raises:
            StateBusy: another process uses the file.
            StateFailed: state can't be kept there.
            OSError: a system call failed.
        """
        path, lock = lock_database(folder, key)
        return cls(path, key, lock)

    def begin(self, epoch: str, number: int) -> None:
        """Begin a run. Call it before any of its clocks is reported.

        Args:
            epoch: the epoch of its clocks.
            number: its first position.
        """
        self.saved = None
        with self._transaction() as connection:
            mark_version(connection)
            known: list[tuple[str, int, int]] = []
            if number != self._head.number:  # earlier batches are not connected to this run
                self._forget()
            else:
                oldest = number - connection.execute("SELECT count(*) FROM batches").fetchone()[0]
                known += [run for run in self._head.epochs if run[2] >= oldest][-_RUNS_KEPT:]
            self._write_head(replace(self._head, number=number, epochs=(*known, (epoch, number, number))))

    def append(self, batch: Batch, entries: Mapping[str, Entry | None]) -> None:
        """Commit `batch`, which is about to be reported.

        Args:
            batch: the next batch.
            entries: the current entry of each file in it, None if deleted.
        """
        since, number = (Clock.number_in(clock) for clock in (batch.since, batch.clock))
        paths = [(os.fsencode(path), entry) for path, entry in entries.items()]
        with self._transaction() as connection:
            if since != self._head.number:  # a batch is missing: earlier ones are not connected to this one
                self._forget()
            connection.execute("INSERT INTO batches VALUES (?, ?, ?)", (number, len(batch.changes), pack_batch(batch)))
            gone = connection.executemany("DELETE FROM files WHERE path = ?", [(path,) for path, _ in paths]).rowcount
            there = [(path, pack_entry(path, entry)) for path, entry in paths if entry is not None]
            connection.executemany("INSERT INTO files VALUES (?, ?)", there)
            changes = self._trim(self._head.changes + len(batch.changes))
            files = self._head.files - max(gone, 0) + len(there)
            self._write_head(replace(self._ended(number), files=files, changes=changes))

    def rewrite(self, number: int, files: Mapping[str, Entry], rules: str) -> None:
        """Replace all files by `files`, as of `number`, and drop the journal before it."""
        with self._transaction() as connection:
            self._forget()
            connection.execute("DELETE FROM files")
            rows = sorted((os.fsencode(path), entry) for path, entry in files.items())
            packed = ((path, pack_entry(path, entry)) for path, entry in rows)
            connection.executemany("INSERT INTO files VALUES (?, ?)", packed)
            self._write_head(replace(self._ended(number), files=len(rows), rules=rules))

    # -- reading -----------------------------------------------------------------------------------------

    def _load(self, key: str) -> tuple[Head, SavedState | None]:
        """Load the file.

        Raises:
            Damaged: it can't be used.
        """
        if reason := self._why_untrusted():
            raise Damaged(reason)
        with self._errors(reading=True):
            connection = self._connect()
            connection.text_factory = bytes
            if is_new(connection):
                connection.execute("PRAGMA journal_mode = WAL")
                with self._transaction():
                    make_tables(connection, Head(key))
            head = read_head(connection, key)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE head SET body = body")  # fails if the file is not writable
            saved = None if head.rules is None else read_saved(connection, head, head.rules)
            connection.execute("ROLLBACK")
            return head, saved

    # -- writing -----------------------------------------------------------------------------------------

    def _ended(self, number: int) -> Head:
        """Return the head with the current run at `number`."""
        *before, (epoch, first, _) = self._head.epochs
        return replace(self._head, number=number, epochs=(*before, (epoch, first, number)))

    def _forget(self) -> None:
        """Drop all batches: earlier clocks can't be resolved any more."""
        self._db.execute("DELETE FROM batches")
        self._head = replace(self._head, changes=0, epochs=self._head.epochs[-1:])

    def _trim(self, changes: int) -> int:
        """Remove the oldest batches until at most the limit is left of `changes`; return how many are left."""
        while changes > _JOURNAL_LIMIT:
            number, size = self._db.execute("SELECT number, size FROM batches ORDER BY number LIMIT 1").fetchone()
            self._db.execute("DELETE FROM batches WHERE number = ?", (number,))
            changes -= size
        return changes

    def _write_head(self, head: Head) -> None:
        self._db.execute("UPDATE head SET body = ?", (pack_head(head),))
        self._head = head

    @contextlib.contextmanager
    def _errors(self, *, reading: bool = False) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # errors of the module itself have none
            if reading and code & 0xFF in _BUSY:
                raise StateBusy(self._path) from error
            if reading and (code & 0xFF in _DAMAGED or code == sqlite3.SQLITE_IOERR_SHORT_READ):
                raise Damaged(f"sqlite reports: {error}") from error
            raise StateFailed(self._path, error) from error
        except UnicodeError as error:  # sqlite's message contains bytes of the file
            what = "sqlite reports that it is damaged"
            raise Damaged(what) if reading else StateFailed(self._path, what) from error
        except (OverflowError, struct.error) as error:
            raise StateFailed(self._path, f"a number does not fit: {error}") from error
