"""How what a state file keeps is written as bytes, and what of it is refused when it is read again."""

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
from reloadls.watch.flush import Cause
from reloadls.watch.journal import Batch
from reloadls.watch.snapshot.folder import Entry

__all__ = ["Damaged", "Head", "pack_batch", "pack_entry", "pack_head", "unpack_batch", "unpack_files", "unpack_head"]

_ENTRY = struct.Struct("<qIQQIqI")
"""mtime in whole seconds and the rest in ns, since ns alone need not fit into 64 bits; size, inode, flags; ctime."""
_CHECKED_ENTRY = struct.Struct("<qIQQIqII")
"""The same with its checksum. A device's number is not kept: after a restart of the system it may be another one."""
_CHECKED_ENTRY_1 = struct.Struct("<qIQQII")
"""What version 1 had: without the ctime."""
_SECOND = 1_000_000_000
_CRC_SIZE = 4
_EPOCH = re.compile("[0-9a-f]{1,32}")
_LETTERS: dict[ChangeType, bytes] = {"created": b"c", "modified": b"m", "deleted": b"d"}
_KINDS: dict[bytes, ChangeType] = {letter: kind for kind, letter in _LETTERS.items()}
_RENAMED_FROM = b"r"
_CAUSES: dict[str, Cause] = {cause: cause for cause in get_args(Cause)}


class Damaged(Exception):
    """This can't be what we have written. Says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is true of the whole file.

    Attributes:
        key: the scope and options it is of.
        number: the journal's last position.
        epochs: (epoch, first position, last one) of each run, the present one last.
        files: how many there are.
        changes: how many there are in all batches.
        rules: digest of the rules by which the files were chosen; None as long as they were never written.
    """

    key: str
    number: int = 0
    epochs: tuple[tuple[str, int, int], ...] = ()
    files: int = 0
    changes: int = 0
    rules: str | None = None


def pack_head(head: Head) -> bytes:
    """`head` as bytes."""
    return _checked(json.dumps([getattr(head, name) for name in Head.__slots__]).encode("ascii"))


def unpack_head(packed: object) -> Head:
    """What `pack_head` was given."""
    try:
        fields = json.loads(_unchecked(packed, "head"))
    except ValueError as error:
        raise Damaged(f"its head is of another kind ({error})") from error
    match fields:
        case [str(key), int(number), list(epochs), int(files), int(changes), str() | None as rules]:
            head = Head(key, number, tuple(_epoch(epoch, number) for epoch in epochs), files, changes, rules)
            if min(number, files, changes) >= 0:
                return head
    raise Damaged("its head is of another kind")


def pack_entry(path: bytes, entry: Entry) -> bytes:
    """`entry` of the file at `path` as bytes."""
    packed = _ENTRY.pack(*divmod(entry[0], _SECOND), *entry[1:4], *divmod(entry[4], _SECOND))
    return packed + crc32(path, crc32(packed)).to_bytes(_CRC_SIZE, "little")


def unpack_files(rows: Iterable[tuple[object, object]]) -> Iterator[tuple[str, Entry]]:
    """Paths and entries, from rows of a path and what `pack_entry` has made."""
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    try:
        for path, packed in rows:
            seconds, rest, size, inode, flags, ctime, ctime_rest, check = _unpacked(packed)
            if crc32(path, crc32(packed[:-_CRC_SIZE])) != check:  # type: ignore[index, arg-type]
                raise Damaged(f"its entry of {path!r} does not match its checksum")
            name = path.decode(encoding, errors)  # type: ignore[attr-defined] # os.fsdecode takes twice as long
            if max(rest, ctime_rest) >= _SECOND or "\0" in name or not _is_absolute(name):
                raise Damaged(f"it has an entry of {name!r}, which can't be")
            yield name, (seconds * _SECOND + rest, size, inode, flags, ctime * _SECOND + ctime_rest, 0)
    except (struct.error, TypeError, UnicodeError) as error:
        raise Damaged(f"one of its entries is of another kind ({error})") from error


def _unpacked(packed: object) -> tuple[int, int, int, int, int, int, int, int]:
    if not isinstance(packed, bytes):
        raise TypeError(f"an entry is bytes, not {type(packed).__name__}")
    if len(packed) == _CHECKED_ENTRY_1.size:
        *fields, check = _CHECKED_ENTRY_1.unpack(packed)
        return (*fields, 0, 0, check)
    return _CHECKED_ENTRY.unpack(packed)


def pack_batch(batch: Batch) -> bytes:
    """`batch` as bytes: its parts, none of which can have a NUL in it, with NULs between.

    A path comes after its kind's letter; where a file was renamed from comes after it as a part of its own.
    """
    parts = [text.encode("ascii") for text in (batch.since, batch.clock, batch.at.isoformat(), batch.cause)]
    for change in batch.changes:
        parts.append(_LETTERS[change.change_type] + os.fsencode(change.path))
        if change.renamed_from is not None:
            parts.append(_RENAMED_FROM + os.fsencode(change.renamed_from))
    return _checked(b"\0".join(parts))


def unpack_batch(number: object, packed: object) -> Batch:
    """What `pack_batch` was given, if it is the batch that leads to `number`."""
    try:
        since, clock, at, cause, *parts = _unchecked(packed, "journal").split(b"\0")
        epoch = clock.decode("ascii").removeprefix("c:").partition(":")[0]
        if not isinstance(number, int) or not _EPOCH.fullmatch(epoch):
            raise Damaged("its journal is of another kind")
        ends = f"c:{epoch}:{number - 1}", f"c:{epoch}:{number}"
        if (since.decode("ascii"), clock.decode("ascii")) != ends:
            raise Damaged(f"its journal has another batch where number {number} should be")
        moment = datetime.fromisoformat(at.decode("ascii"))
        if moment.utcoffset() != timedelta():
            raise Damaged("its journal has a time that is not UTC")
        return Batch(ends[1], ends[0], moment, _CAUSES[cause.decode("ascii")], _changes(parts))
    except (ValueError, KeyError) as error:  # UnicodeError is a ValueError
        raise Damaged(f"its journal is of another kind ({error})") from error


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
        raise Damaged(f"its journal has a change of {name!r}, which can't be")
    return Path(name)


def _is_absolute(name: str) -> bool:
    return name[:1] == "/" or os.path.isabs(name)


def _epoch(epoch: object, number: int) -> tuple[str, int, int]:
    match epoch:
        case [str(name), int(first), int(last)] if 0 <= first <= last <= number and _EPOCH.fullmatch(name):
            return name, first, last
    raise Damaged(f"it names a run that can't be: {epoch}")


def _checked(packed: bytes) -> bytes:
    return crc32(packed).to_bytes(_CRC_SIZE, "little") + packed


def _unchecked(packed: object, what: str) -> bytes:
    if not isinstance(packed, bytes):
        raise Damaged(f"its {what} is of another kind")
    if crc32(packed[_CRC_SIZE:]).to_bytes(_CRC_SIZE, "little") != packed[:_CRC_SIZE]:
        raise Damaged(f"its {what} does not match its checksum")
    return packed[_CRC_SIZE:]
