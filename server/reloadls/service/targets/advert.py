"""Where running programs say that they can be reached, and what of it can be believed.

Each has a file in one folder, which only this user can enter. What a file says is data like any other from outside:
checked, and bounded in size.
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

from reloadls.base.folders import runtime_folder
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
    """What is there can't be believed.

    Attributes:
        path: the file or folder.
        reason: what is wrong with it.
    """

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = str(reason)


def _check_pid(_advert: object, _field: Attribute[int], value: int) -> None:
    if not 0 < value < 2**31:
        raise Mismatch(f"must be a process's number, not {value}", field="pid")


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
    """One running program as its file has it. What the file says beside this is passed over."""

    id: str
    pid: int = field(validator=_check_pid)
    name: str = field(validator=_check_name)
    """The script or module."""
    roots: tuple[str, ...] = field(validator=_check_roots)
    """The files and folders whose changes it takes up, absolute."""
    socket: str = field(validator=_check_socket)
    """Where it listens."""
    started_at: str = field(validator=_check_time)
    supervised: bool = False
    """Whether it can be restarted."""


def targets_supported() -> bool:
    """Whether programs can be reached on this system: it needs Unix domain sockets."""
    return sys.platform != "win32"


def targets_folder() -> str:
    """Return where running programs have their files, whether it exists or not."""
    return os.path.join(runtime_folder(), "targets")


def check_folders(folder: str) -> None:
    """Make sure that `folder`, and the one above it, which is ours too, are the user's alone.

    Raises:
        Untrusted: they are not.
        FileNotFoundError: there is none.
    """
    for path in (os.path.dirname(folder), folder):
        status = os.lstat(path)
        reason = _distrust(status, 0o077)
        if not stat.S_ISDIR(status.st_mode):
            reason = "it is no folder"
        if reason is not None:
            raise Untrusted(path, reason)


def advert_id(path: str) -> str | None:
    """The id of the program whose file `path` is; None if it is no such file."""
    match = _FILE.fullmatch(os.path.basename(path))
    return None if match is None else match[1]


def read_advert(path: str) -> Advert:
    """What the file at `path` says.

    Raises:
        Untrusted: it can't be believed.
        FileNotFoundError: there is none.
        OSError: it can't be read.
    """
    check_folders(os.path.dirname(path))
    body = _read(path)
    try:
        advert = make_converter().structure(loads(body), Advert)
    except Exception as error:
        raise Untrusted(path, " ".join(filter(None, explain(error)))) from None
    if advert.id != advert_id(path):
        raise Untrusted(path, f"it says that it is that of {advert.id[:100]!r}")
    _check_listening(advert.socket)
    return advert


def remove_stale(folder: str, advert: Advert) -> None:
    """Remove the files of a program that has ended without doing so, once it is sure that nobody listens there."""
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
    # Neither a link, nor a pipe that would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        reason = _distrust(status, 0o022)
        if not stat.S_ISREG(status.st_mode):
            reason = "it is no regular file"
        if reason is not None:
            raise Untrusted(path, reason)
        body = file.read(_MAX_BYTES + 1)
    if len(body) > _MAX_BYTES:
        raise Untrusted(path, f"it is larger than {_MAX_BYTES} bytes")
    return body


def _check_listening(path: str) -> None:
    try:
        status, folder = os.lstat(path), os.lstat(os.path.dirname(path))
    except OSError:
        return  # connecting to it will say so
    reason = _distrust(status, 0) or _distrust(folder, 0o077)
    if not stat.S_ISSOCK(status.st_mode):
        reason = "it is no socket"
    if reason is not None:
        raise Untrusted(path, reason)


def _distrust(status: os.stat_result, rights: int) -> str | None:
    if status.st_uid != os.geteuid():
        return f"it belongs to user {status.st_uid}, not to {os.geteuid()}"
    if status.st_mode & rights:
        return f"others can get at it (mode {stat.S_IMODE(status.st_mode):04o})"
    return None
