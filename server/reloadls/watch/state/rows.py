"""The binary format of state files, and the validation of what is read."""

from __future__ import annotations

import json
import os
import re
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args
from zlib import crc32

from reloadls.watch.change import ChangeType, FileChange
from reloadls.watch.clock import Clock
from reloadls.watch.flush import Cause
from reloadls.watch.journal import Batch
from reloadls.watch.snapshot.folder import Entry

__all__ = ["Damaged", "Head", "pack_batch", "pack_entry", "pack_head", "unpack_batch", "unpack_files", "unpack_head"]

_ENTRY = struct.Struct("<qIQQIqI")
"""mtime in whole seconds and the rest in ns, since ns alone need not fit into 64 bits; size, inode, flags; ctime."""
_CHECKED_ENTRY = struct.Struct("<qIQQIqII")
"""The same with its checksum. Device numbers are not kept: they may change when the system restarts."""
_CHECKED_ENTRY_1 = struct.Struct("<qIQQII")
"""The entry of version 1, without the ctime."""
_SECOND = 1_000_000_000
_CRC_SIZE = 4
_EPOCH = re.compile("[0-9a-f]{1,32}")
_LETTERS: dict[ChangeType, bytes] = {"created": b"c", "modified": b"m", "deleted": b"d"}
_KINDS: dict[bytes, ChangeType] = {letter: kind for kind, letter in _LETTERS.items()}
_RENAMED_FROM = b"r"
_CAUSES: dict[str, Cause] = {cause: cause for cause in get_args(Cause)}


class Damaged(Exception):
    """The file does not contain what was written. The message says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """Facts about the whole file.

    Attributes:
        key: the scope and options that it belongs to.
        number: the journal's last position.
        epochs: (epoch, first position, last position) of each run, the current one last.
        files: number of files.
        changes: number of changes in all batches.
        rules: digest of the rules that selected the files; None until they are written.
    """

    key: str
    number: int = 0
    epochs: tuple[tuple[str, int, int], ...] = ()
    files: int = 0
    changes: int = 0
    rules: str | None = None


def pack_head(head: Head) -> bytes:
    """Return `head` as bytes."""
    return _checked(json.dumps([getattr(head, name) for name in Head.__slots__]).encode("ascii"))


def unpack_head(packed: object) -> Head:
    """Return what was passed to `pack_head`.

    Raises:
        Damaged: the bytes are not a valid head.
    """
    try:
        fields = json.loads(_unchecked(packed, "head"))
    except ValueError as error:
        raise Damaged(f"its head has an unexpected format ({error})") from error
    match fields:
        case [str(key), int(number), list(epochs), int(files), int(changes), str() | None as rules]:
            head = Head(key, number, tuple(_epoch(epoch, number) for epoch in epochs), files, changes, rules)
            if min(number, files, changes) >= 0:
                return head
    raise Damaged("its head has an unexpected format")


def pack_entry(path: bytes, entry: Entry) -> bytes:
    """Return `entry` of the file at `path` as bytes."""
    packed = _ENTRY.pack(*divmod(entry[0], _SECOND), *entry[1:4], *divmod(entry[4], _SECOND))
    return packed + crc32(path, crc32(packed)).to_bytes(_CRC_SIZE, "little")


def unpack_files(rows: Iterable[tuple[object, object]]) -> Iterator[tuple[str, Entry]]:
    """Yield paths and entries from rows of a path and a packed entry.

    Raises:
        Damaged: a row is not valid.
    """
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    try:
        for path, packed in rows:
            seconds, rest, size, inode, flags, ctime, ctime_rest, check = _unpacked(packed)
            if crc32(path, crc32(packed[:-_CRC_SIZE])) != check:  # type: ignore[index, arg-type]
                raise Damaged(f"its entry of {path!r} does not match its checksum")
            name = path.decode(encoding, errors)  # type: ignore[attr-defined] # os.fsdecode takes twice as long
            if max(rest, ctime_rest) >= _SECOND or "\0" in name or not _is_absolute(name):
                raise Damaged(f"it has an entry of {name!r}, which is not valid")
            yield name, (seconds * _SECOND + rest, size, inode, flags, ctime * _SECOND + ctime_rest, 0)
    except (struct.error, TypeError, UnicodeError) as error:
        raise Damaged(f"one of its entries has an unexpected format ({error})") from error


def _unpacked(packed: object) -> tuple[int, int, int, int, int, int, int, int]:
    if not isinstance(packed, bytes):
        raise TypeError(f"an entry must be bytes, not {type(packed).__name__}")
    if len(packed) == _CHECKED_ENTRY_1.size:
        *fields, check = _CHECKED_ENTRY_1.unpack(packed)
        return (*fields, 0, 0, check)
    return _CHECKED_ENTRY.unpack(packed)


def pack_batch(batch: Batch) -> bytes:
    """Return `batch` as bytes: its parts, none of which can contain a NUL, separated by NULs.

    A path follows the letter of its change type. The old path of a renamed file follows as a part of its own.
    """
    parts = [text.encode("ascii") for text in (batch.since, batch.clock, batch.at.isoformat(), batch.cause)]
    for change in batch.changes:
        parts.append(_LETTERS[change.change_type] + os.fsencode(change.path))
        if change.renamed_from is not None:
            parts.append(_RENAMED_FROM + os.fsencode(change.renamed_from))
    return _checked(b"\0".join(parts))


def unpack_batch(number: object, packed: object) -> Batch:
    """Return what was passed to `pack_batch`, if it is the batch that leads to `number`.

    Raises:
        Damaged: it is not.
    """
    try:
        since, clock, at, cause, *parts = _unchecked(packed, "journal").split(b"\0")
        known = Clock.parse(clock.decode("ascii"))
        if not isinstance(number, int) or known is None:
            raise Damaged("its journal has an unexpected format")
        ends = str(Clock(known.epoch, number - 1)), str(Clock(known.epoch, number))
        if (since.decode("ascii"), clock.decode("ascii")) != ends:
            raise Damaged(f"its journal has another batch where number {number} should be")
        moment = datetime.fromisoformat(at.decode("ascii"))
        if moment.utcoffset() != timedelta():
            raise Damaged("its journal has a time that is not UTC")
        return Batch(ends[1], ends[0], moment, _CAUSES[cause.decode("ascii")], _changes(parts))
    except (ValueError, KeyError) as error:  # UnicodeError is a ValueError
        raise Damaged(f"its journal has an unexpected format ({error})") from error


def _changes(parts: list[bytes]) -> tuple[FileChange, ...]:
    changes: list[FileChange] = []
    for part in parts:
        letter, path = part[:1], _path(part[1:])
        if letter == _RENAMED_FROM and changes:
            changes[-1] = replace(changes[-1], renamed_from=path)
        else:
            changes.append(FileChange(path, _KINDS[letter]))
    return tuple(changes)


def _path(path: bytes) -> Path:
    name = os.fsdecode(path)
    if not _is_absolute(name):
        raise Damaged(f"its journal has a change of {name!r}, which is not valid")
    return Path(name)


def _is_absolute(name: str) -> bool:
    return name[:1] == "/" or os.path.isabs(name)


def _epoch(epoch: object, number: int) -> tuple[str, int, int]:
    match epoch:
        case [str(name), int(first), int(last)] if 0 <= first <= last <= number and _EPOCH.fullmatch(name):
            return name, first, last
    raise Damaged(f"it contains an invalid run: {epoch}")


def _checked(packed: bytes) -> bytes:
    return crc32(packed).to_bytes(_CRC_SIZE, "little") + packed


def _unchecked(packed: object, what: str) -> bytes:
    if not isinstance(packed, bytes):
        raise Damaged(f"its {what} has an unexpected format")
    if crc32(packed[_CRC_SIZE:]).to_bytes(_CRC_SIZE, "little") != packed[:_CRC_SIZE]:
        raise Damaged(f"its {what} does not match its checksum")
    return packed[_CRC_SIZE:]
