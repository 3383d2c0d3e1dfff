"""Read the adverts of running programs: the files that name a program's socket and roots.

All adverts are in one folder that only this user can enter. An advert is untrusted input: it is validated, and its size
is bounded.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import sys
from datetime import datetime
from typing import Final

from attrs import Attribute, field, frozen

from reloadls.base.folders import access_problem, runtime_folder
from reloadls.protocol import make_converter
from reloadls.protocol.errors import Mismatch
from reloadls.protocol.explain import explain
from reloadls.wire.jsonio import loads

__all__ = [
    "Untrusted",
    "Advert",
    "check_folders",
    "advert_id",
    "read_advert",
    "remove_stale",
    "targets_folder",
    "targets_supported",
]

_MAX_BYTES: Final = 64 * 1024
_MAX_ROOTS: Final = 1000
_MAX_NAME: Final = 1000
_FILE = re.compile(r"([A-Za-z0-9_-]{1,64})\.json")


class Untrusted(Exception):
    """An advert, socket or folder that can't be trusted.

    Attributes:
        path: the file or folder.
        reason: why it is not trusted.
    """

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = str(reason)


def _check_pid(_advert: object, _field: Attribute[int], value: int) -> None:
    if not 0 < value < 2**31:
        raise Mismatch(f"must be a process ID, not {value}", field="pid")


def _check_name(_advert: object, _field: Attribute[str], value: str) -> None:
    if not 0 < len(value) <= _MAX_NAME:
        raise Mismatch(f"must have 1 to {_MAX_NAME} characters, not {len(value)}", field="name")


def _check_roots(_advert: object, _field: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    if len(value) > _MAX_ROOTS:
        raise Mismatch(f"must be at most {_MAX_ROOTS} paths, not {len(value)}", field="roots")
    for root in value:
        _check_path("roots", root)


def _check_socket(_advert: object, _field: Attribute[str], value: str) -> None:
    _check_path("socket", value)


def _check_path(name: str, value: str) -> None:
    if not os.path.isabs(value) or "\0" in value:
        raise Mismatch(f"must hold absolute paths, not {value[:100]!r}", field=name)


def _check_time(_advert: object, _field: Attribute[str], value: str) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise Mismatch(f"must be an ISO 8601 time, not {value[:100]!r}", field="startedAt") from None


@frozen(kw_only=True)
class Advert:
    """The advert of one running program. Other fields of the file are ignored."""

    id: str
    pid: int = field(validator=_check_pid)
    name: str = field(validator=_check_name)
    """The script or module."""
    roots: tuple[str, ...] = field(validator=_check_roots)
    """The files and folders whose changes it applies, as absolute paths."""
    socket: str = field(validator=_check_socket)
    """The path of its Unix domain socket."""
    started_at: str = field(validator=_check_time)
    supervised: bool = False
    """Whether a supervisor can restart it."""


def targets_supported() -> bool:
    """Return whether this system supports connections to programs, which need Unix domain sockets."""
    return sys.platform != "win32"


def targets_folder() -> str:
    """Return the folder of the adverts, whether it exists or not."""
    return os.path.join(runtime_folder(), "targets")


def check_folders(folder: str) -> None:
    """Check that only this user can access `folder` and its parent, which also belongs to reloadls.

    Args:
        folder: the folder of the adverts.

    Raises:
        Untrusted: other users can access one of them.
        FileNotFoundError: one of them does not exist.
    """
    for path in (os.path.dirname(folder), folder):
        status = os.lstat(path)
        reason = access_problem(status, 0o077)
        if not stat.S_ISDIR(status.st_mode):
            reason = "not a folder"
        if reason is not None:
            raise Untrusted(path, reason)


def advert_id(path: str) -> str | None:
    """Return the id of the program whose advert is at `path`; None if the name is not that of an advert."""
    match = _FILE.fullmatch(os.path.basename(path))
    return None if match is None else match[1]


def read_advert(path: str) -> Advert:
    """Read and validate the advert at `path`.

    Args:
        path: the file.

    Raises:
        Untrusted: the file, its folder or its socket can't be trusted, or its content is invalid.
        FileNotFoundError: the file does not exist.
        OSError: it can't be read.
    """
    check_folders(os.path.dirname(path))
    body = _read(path)
    try:
        advert = make_converter().structure(loads(body), Advert)
    except Exception as error:
        raise Untrusted(path, " ".join(filter(None, explain(error)))) from None
    if advert.id != advert_id(path):
        raise Untrusted(path, f"its id is {advert.id[:100]!r}, which does not match the file name")
    _check_listening(advert.socket)
    return advert


def remove_stale(folder: str, advert: Advert) -> None:
    """Remove the advert and socket of a program that has ended without removing them.

    Nothing is removed while a process listens on the socket, or if the advert has changed.

    Args:
        folder: the folder of the adverts.
        advert: the advert as it was read.
    """
    file = os.path.join(folder, f"{advert.id}.json")
    try:
        if _listens(advert.socket) or read_advert(file) != advert:
            return
        os.unlink(file)
        if os.path.basename(advert.socket) == f"{advert.id}.sock":
            os.unlink(advert.socket)
    except (Untrusted, OSError):
        return


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT)


def _read(path: str) -> bytes:
    # Refuse links, and do not wait for the writer of a named pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        reason = access_problem(status, 0o022)
        if not stat.S_ISREG(status.st_mode):
            reason = "not a regular file"
        if reason is not None:
            raise Untrusted(path, reason)
        body = file.read(_MAX_BYTES + 1)
    if len(body) > _MAX_BYTES:
        raise Untrusted(path, f"larger than {_MAX_BYTES} bytes")
    return body


def _check_listening(path: str) -> None:
    try:
        status, folder = os.lstat(path), os.lstat(os.path.dirname(path))
    except OSError:
        return  # the connection attempt reports it
    reason = access_problem(status, 0) or access_problem(folder, 0o077)
    if not stat.S_ISSOCK(status.st_mode):
        reason = "not a socket"
    if reason is not None:
        raise Untrusted(path, reason)
