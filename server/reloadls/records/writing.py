"""Write and remove records so that no reader ever sees half of one."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reloadls.records.documents.document import parse
from reloadls.records.errors import RecordDataError, RecordFolderError, RecordNameError
from reloadls.records.keys import SUFFIX, name_problem

__all__ = ["remove", "write"]


def write(folder: str | os.PathLike[str], kind: str, id: str, data: Mapping[str, Any]) -> Path:
    """Create or replace a record, all at once: readers find the old content or the new one.

    The text is written to a temporary file beside it, flushed to the disk, and renamed. Folders that are missing are
    created.

    Args:
        folder: the folder of the kinds.
        kind: the name of the record's folder.
        id: the name of its file without ``.json``.
        data: a JSON object.

    Returns:
        The record's file.

    Raises:
        RecordNameError: `kind` or `id` is not a plain file name.
        RecordDataError: `data` is not what a record may hold: not JSON, NaN, too deep, or larger than 1 MiB.
        RecordFolderError: the kind's folder is a link.
        OSError: it can't be written; the old content is unchanged.
    """
    path = _path(folder, kind, id)
    raw = _encoded(data)
    os.makedirs(path.parent, exist_ok=True)
    if os.path.islink(path.parent):
        raise RecordFolderError(f"{path.parent} is a link; the folder of a kind must be a real one")
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with open(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "wb"
        ) as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)
    return path


def remove(folder: str | os.PathLike[str], kind: str, id: str) -> bool:
    """Remove a record.

    Args:
        folder: the folder of the kinds.
        kind: the name of the record's folder.
        id: the name of its file without ``.json``.

    Returns:
        Whether it existed.

    Raises:
        RecordNameError: `kind` or `id` is not a plain file name.
        RecordFolderError: the kind's folder is a link.
        OSError: it can't be removed.
    """
    path = _path(folder, kind, id)
    if os.path.islink(path.parent):
        raise RecordFolderError(f"{path.parent} is a link; the folder of a kind must be a real one")
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    _sync_folder(path.parent)
    return True


def _path(folder: str | os.PathLike[str], kind: str, name: str) -> Path:
    for what, value, suffix in (("kind", kind, ""), ("id", name, SUFFIX)):
        reason = name_problem(value, suffix=suffix)
        if reason is not None:
            raise RecordNameError(f"{what} {value!r:.100} {reason}; must be a plain file name, such as 'task-1'")
    return Path(folder, kind, name + SUFFIX)


def _encoded(data: Mapping[str, Any]) -> bytes:
    if not isinstance(data, Mapping):
        raise RecordDataError(f"data must be a JSON object, not {type(data).__name__}")
    try:
        text = json.dumps(dict(data), ensure_ascii=False, indent=2, allow_nan=False)
        raw = (text + "\n").encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordDataError(f"data can't be written as JSON: {error}") from None
    problem = parse(raw).problem
    if problem is not None:
        raise RecordDataError(f"data can't be a record: {problem.reason}")
    return raw


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a power loss, where the system can."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
