"""The tables of a state file: creating them, and reading them with validation."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from reloadls.watch.journal import JournalHistory
from reloadls.watch.snapshot.files import FilesByFolder
from reloadls.watch.state.rows import Damaged, Head, pack_head, unpack_batch, unpack_files, unpack_head

__all__ = ["SavedState", "is_new", "make_tables", "mark_version", "read_head", "read_saved"]

_APPLICATION = 0x524C5753
"""Marks a file as a state file of reloadls."""
_VERSION = 2
"""Version of the tables and their contents. 2 added the ctime to the entries."""
_READABLE = (1, _VERSION)
_TABLES = (
    "CREATE TABLE head (body BLOB NOT NULL)",
    "CREATE TABLE files (path BLOB PRIMARY KEY, entry BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE batches (number INTEGER PRIMARY KEY, size INTEGER NOT NULL, body BLOB NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class SavedState:
    """What an earlier run has left.

    Attributes:
        files: path → entry, as last reported.
        history: what the journal continues from.
        rules: the digest given to `StateFile.rewrite`.
    """

    files: FilesByFolder
    history: JournalHistory
    rules: str


def is_new(connection: sqlite3.Connection) -> bool:
    """Return whether the file is empty.

    Raises:
        Damaged: it is not, and it is not a valid state file.
    """
    application, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    tables = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master ORDER BY rowid")]
    if (application, version, tables) == (0, 0, []):
        return True
    if application != _APPLICATION:
        raise Damaged("not a reloadls state file")
    if version not in _READABLE:
        raise Damaged(f"it has version {version}, and this reloadls reads versions up to {_VERSION}")
    if tables != [sql.encode("ascii") for sql in _TABLES]:
        raise Damaged("unexpected schema")
    for (found,) in connection.execute("PRAGMA quick_check(1)"):
        if found != b"ok":
            raise Damaged(f"sqlite reports: {found.decode('utf-8', 'replace')}")
    return False


def make_tables(connection: sqlite3.Connection, head: Head) -> None:
    """Create the tables in an empty file, within a transaction."""
    for sql in _TABLES:
        connection.execute(sql)
    connection.execute("INSERT INTO head VALUES (?)", (pack_head(head),))
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    mark_version(connection)


def mark_version(connection: sqlite3.Connection) -> None:
    """Set the current version; contents of an older version can still be read."""
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def read_head(connection: sqlite3.Connection, key: str) -> Head:
    """Return the head, which must belong to `key`.

    Raises:
        Damaged: it does not.
    """
    heads = [unpack_head(body) for (body,) in connection.execute("SELECT body FROM head LIMIT 2")]
    if len(heads) != 1:
        raise Damaged(f"it has {len(heads)} heads")
    if heads[0].key != key:
        raise Damaged("it belongs to another scope")
    return heads[0]


def read_saved(connection: sqlite3.Connection, head: Head, rules: str) -> SavedState:
    """Return the saved state, which must match `head`.

    Raises:
        Damaged: it does not.
    """
    rows = connection.execute("SELECT number, size, body FROM batches ORDER BY number").fetchall()
    batches = tuple(unpack_batch(number, body) for number, _, body in rows)
    if [number for number, _, _ in rows] != list(range(head.number - len(rows) + 1, head.number + 1)):
        raise Damaged("batches of its journal are missing")
    sizes = [len(batch.changes) for batch in batches]
    if [size for _, size, _ in rows] != sizes or sum(sizes) != head.changes:
        raise Damaged("changes of its journal are missing")
    files = FilesByFolder(unpack_files(connection.execute("SELECT path, entry FROM files ORDER BY path")))
    if len(files) != head.files:
        raise Damaged(f"{head.files - len(files)} files are missing")
    return SavedState(files, JournalHistory(head.number, head.epochs, batches), rules)
