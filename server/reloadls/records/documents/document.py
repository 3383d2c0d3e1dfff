"""Whether the bytes of a file are a record, and if not, why and where."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from sys import intern
from typing import Any, Final, NoReturn

from reloadls.records.documents.frozen import FrozenObject, freeze
from reloadls.records.documents.locate import MAX_DEPTH, deepest, first_constant, first_duplicate, place

__all__ = ["MAX_BYTES", "Document", "Problem", "broken", "parse"]

MAX_BYTES: Final = 1024 * 1024
"""The largest document, in bytes."""
_CONSTANTS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_BOM: Final = b"\xef\xbb\xbf"
_TYPES: Final = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is not a record.

    Attributes:
        reason: what is wrong, in a sentence without its end.
        line: the line, from 1; None if it is the whole file.
        column: the column in characters, from 1; None if it is the whole file.
        content: differs for different contents of the file.
    """

    reason: str
    line: int | None = None
    column: int | None = None
    content: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds.

    Attributes:
        data: the record; None if it is broken.
        problem: why it is broken; None if it is not.
        digest: equal for equal bytes.
        size: bytes.
        readable: whether the file could be read; a file that could not is read again.
    """

    data: FrozenObject | None
    problem: Problem | None
    digest: bytes
    size: int = 0
    readable: bool = True


class _Refused(Exception):
    """A value that JSON has and a record must not, or the other way round."""


def broken(reason: str, *, readable: bool = True) -> Document:
    """Return a document that can't be a record as a whole."""
    return Document(None, Problem(reason), _digest(reason.encode("utf-8", "backslashreplace")), 0, readable)


def parse(raw: bytes) -> Document:
    """Return what `raw` is.

    A record is one JSON object in UTF-8 without a byte order mark, of at most 1 MiB and 100 levels, without duplicate
    keys, without NaN or an infinity, and without numbers that Python can't hold.
    """
    digest = _digest(raw)
    found = _parse(raw)
    if isinstance(found, Problem):
        return Document(None, replace(found, content=digest.hex()), digest, len(raw))
    return Document(found, None, digest, len(raw))


def _parse(raw: bytes) -> FrozenObject | Problem:
    text = _text(raw)
    if isinstance(text, Problem):
        return text
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return Problem(f"it is not JSON: {_lowered(error.msg)}", error.lineno, error.colno)
    except _Refused as refused:
        return _located(text, str(refused))
    except (ValueError, RecursionError) as error:  # an integer of more digits than Python reads
        return Problem(f"it can't be read: {_lowered(str(error))}")
    if type(value) is FrozenObject:
        return value
    return Problem(f"it is {_TYPES.get(type(value), 'null')}, not an object", 1, 1)


def _text(raw: bytes) -> str | Problem:
    """Return the text of a document that may be a record."""
    if len(raw) > MAX_BYTES:
        return Problem(f"it is larger than 1 MiB ({MAX_BYTES:,} bytes)")
    if raw.startswith(_BOM):
        return Problem("it begins with a byte order mark; save it as UTF-8 without one", 1, 1)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        return Problem(f"it is not UTF-8: byte 0x{raw[error.start]:02x}", *place(before, len(before)))
    if (offset := deepest(text)) is not None:
        return Problem(f"it is nested deeper than {MAX_DEPTH} levels", *place(text, offset))
    return text if text.strip(" \t\r\n") else Problem("it is empty", 1, 1)


def _located(text: str, reason: str) -> Problem:
    """Return the problem with the place of the value that was refused."""
    if reason == "duplicate":
        found = first_duplicate(text)
        offset, key = found if found is not None else (0, "")
        return Problem(f"the key {key} is there twice", *place(text, offset))
    what = "is not JSON" if reason in _CONSTANTS else "is a number too large"
    return Problem(f"{reason} {what}", *place(text, first_constant(text, frozenset({reason}))))


def _object(pairs: list[tuple[str, Any]]) -> FrozenObject:
    # The same few keys are in every record: one object for each.
    made = FrozenObject((intern(key), freeze(value) if type(value) is list else value) for key, value in pairs)
    if len(made) != len(pairs):
        raise _Refused("duplicate")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise _Refused(name)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Refused(text)
    return number


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_float)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=16).digest()
