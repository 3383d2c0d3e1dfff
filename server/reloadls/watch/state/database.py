"""A private sqlite file in the state folder: opened by one process, and trusted only if it is this user's alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator

from filelock import BaseFileLock

from reloadls.watch.state.folder import StateFailed, lock_state, make_folder, why_untrusted

__all__ = ["PrivateDatabase", "lock_database"]

_SETTINGS = ("locking_mode = EXCLUSIVE", "trusted_schema = OFF", "cell_size_check = ON", "synchronous = NORMAL")


def lock_database(folder: str, key: str) -> tuple[str, BaseFileLock]:
    """Lock the file of `key` in `folder`, which is created. Returns its path and the lock.

    Raises:
        StateBusy: another process uses it.
        StateFailed: nothing can be kept there.
        OSError: a system call failed.
    """
    name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    make_folder(folder)
    lock = lock_state(folder, name)
    return os.path.join(folder, name + ".sqlite"), lock


class PrivateDatabase:
    """One file. It blocks: use it on a disk thread, one call at a time.

    Args:
        path: the file.
        lock: what `lock_database` returned; released by `close`.
    """

    def __init__(self, path: str, lock: BaseFileLock) -> None:
        self._path = path
        self._lock = lock
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close and release the file."""
        try:
            self._disconnect()
        finally:
            self._lock.release()

    def _why_untrusted(self) -> str | None:
        """Why the file, or one that sqlite keeps beside it, can't be used; None if it can."""
        for path in (self._path, self._path + "-wal", self._path + "-journal"):
            reason = why_untrusted(path)
            if reason is not None:
                return reason if path == self._path else f"{path}: {reason}"
        return None

    def _connect(self) -> sqlite3.Connection:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        self._connection = connection
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        return connection

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StateFailed(self._path, "is closed")
        return self._connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction; if it fails, close the file."""
        connection = self._db
        try:
            with self._errors():
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise StateFailed for what sqlite raises."""
        try:
            yield
        except sqlite3.Error as error:
            raise StateFailed(self._path, error) from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()  # rolls back uncommitted changes
