"""Read or create the token file for TCP and WebSocket, which only its owner can read."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import Final

import platformdirs

from reloadls.base.folders import make_private

from .errors import ServeError

__all__ = ["default_token_file", "make_new_token", "read_or_make_token"]

_OPTION: Final = "--token-file"
_MAX_BYTES: Final = 4096
_MIN_LENGTH: Final = 16
"""The least length of a token, in characters: a short one can be guessed."""


def default_token_file() -> str:
    """Return the default path of the token file."""
    return os.path.join(platformdirs.user_state_dir("reloadls", appauthor=False), "token")


def read_or_make_token(path: str) -> str:
    """Read the token; create the file and its folder if they do not exist.

    Args:
        path: the token file.

    Raises:
        ServeError: the file can't be created or read, holds no token, or is accessible to other users.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            return _read(path)
        _make(path)
        return _read(path)
    except OSError as error:
        raise ServeError(_OPTION, path, f"can't be used ({error.strerror}); must be a file that you own") from None


def make_new_token(path: str) -> str:
    """Write a new token to the file, replacing its content. A running service keeps its token.

    Args:
        path: the token file.

    Returns:
        The new token.

    Raises:
        ServeError: the file can't be written.
    """
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _make(path, replace=True)
        return _read(path)
    except OSError as error:
        raise ServeError(_OPTION, path, f"can't be created ({error.strerror}); must be a file that you own") from None


def _read(path: str) -> str:
    # Do not wait for the writer of a named pipe.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        _check(path, os.fstat(descriptor))
        content = os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        token = content.decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not token.isprintable() or not token or " " in token or len(content) > _MAX_BYTES:
        raise ServeError(_OPTION, path, "holds no token; must be one ASCII word: delete it to create a new one")
    if len(token) < _MIN_LENGTH:
        reason = f"holds a token of {len(token)} characters; must have at least {_MIN_LENGTH}: delete it for a new one"
        raise ServeError(_OPTION, path, reason)
    return token


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ServeError(_OPTION, path, "is not a regular file")
    if os.name == "nt":
        return
    if status.st_uid != os.geteuid():
        raise ServeError(_OPTION, path, "belongs to another user; must be a file that you own")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise ServeError(
            _OPTION, path, f"accessible to other users (mode {mode:04o}): delete it, or chmod 600 and renew it"
        )


def _make(path: str, *, replace: bool = False) -> None:
    """Create the file atomically: if two processes do so, both get the first token."""
    folder = os.path.dirname(os.path.abspath(path))
    make_private(folder)
    draft = os.path.join(folder, f".token-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        if replace:
            os.replace(draft, path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
