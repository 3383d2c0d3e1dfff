"""The token that clients must show on TCP and WebSocket: a file that only its owner can read."""

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
"""Characters that a token must have: a short one can be guessed."""


def default_token_file() -> str:
    """Return where the token is when nobody says otherwise."""
    return os.path.join(platformdirs.user_state_dir("reloadls", appauthor=False), "token")


def read_or_make_token(path: str) -> str:
    """Return the token in the file, and make it if it is not there; its folder too.

    Raises:
        ServeError: the file can't be made or read, is not ours, holds no token, or others can read it.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            return _read(path)
        _make(path)
        return _read(path)
    except OSError as error:
        raise ServeError(_OPTION, path, f"can't be used ({error.strerror}); must be a file of yours") from None


def make_new_token(path: str) -> str:
    """Put a new token into the file, whatever is there, and return it. A service that runs keeps the one it has.

    Raises:
        ServeError: the file can't be made.
    """
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _make(path, replace=True)
        return _read(path)
    except OSError as error:
        raise ServeError(_OPTION, path, f"can't be made ({error.strerror}); must be a file of yours") from None


def _read(path: str) -> str:
    # A pipe of that name would be waited for without end.
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
        raise ServeError(_OPTION, path, "holds no token; must be one word in ASCII: delete it to have one made")
    if len(token) < _MIN_LENGTH:
        reason = (
            f"holds a token of {len(token)} characters; must have at least {_MIN_LENGTH}: delete it to have one made"
        )
        raise ServeError(_OPTION, path, reason)
    return token


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ServeError(_OPTION, path, "is no regular file")
    if os.name == "nt":
        return
    if status.st_uid != os.geteuid():
        raise ServeError(_OPTION, path, "belongs to somebody else; must be a file of yours")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise ServeError(
            _OPTION, path, f"others may use it (mode {mode:04o}): delete it, or do chmod 600 and change it"
        )


def _make(path: str, *, replace: bool = False) -> None:
    """Make the file whole at once: of two processes that do, both get the first one's."""
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
