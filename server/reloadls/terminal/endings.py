"""End a command: exit codes, SIGTERM, closed pipes, and error messages."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Final

from .text import json_line, shown

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "OK",
    "USAGE",
    "close_stdout",
    "end_on_sigterm",
    "open_standard_streams",
    "print_error",
]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


def print_error(message: str, *, as_json: bool, hint: str = "", status: str | None = None) -> None:
    """Print an error to stderr, and with `as_json` to stdout as well.

    Args:
        message: the error.
        as_json: whether programs read stdout.
        hint: a line for people that says where to read on.
        status: what kind of error it is, for programs.
    """
    text = f"reloadls: {shown(message)}\n" + (f"{hint}\n" if hint else "")
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
    if as_json:
        with contextlib.suppress(OSError, ValueError):
            told = {"error": message.encode("utf-8", "replace").decode()}
            sys.stdout.write(json_line(told if status is None else {**told, "status": status}))
            sys.stdout.flush()


def open_standard_streams() -> None:
    """Open descriptors 0 to 2 if they are closed, so that no other file gets one of these numbers."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as the process


def close_stdout() -> None:
    """Flush stdout; a closed pipe is not an error."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextlib.contextmanager
def end_on_sigterm() -> Iterator[None]:
    """Within the block, SIGTERM ends the program as Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
