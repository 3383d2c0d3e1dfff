"""Format names and messages so that nothing in them controls the terminal."""

from __future__ import annotations

import json
import os
import sys

from reloadls.base.text import shown

__all__ = ["error_text", "json_line", "quoted", "relative", "shown", "unicode_path", "wants_colour", "working_folder"]


def quoted(text: str) -> str:
    """Return `text` shown between quotes, for a message."""
    return f"'{shown(text)}'"


def relative(path: str, folder: str) -> str:
    """Return `path` relative to `folder` if it is below it, else as it is."""
    prefix = folder.rstrip(os.sep) + os.sep
    return path[len(prefix) :] if folder and path.startswith(prefix) and path != prefix else path


def unicode_path(path: str) -> str:
    """Return `path` as valid Unicode: bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace") if not path.isascii() else path


def json_line(value: object) -> str:
    """Return `value` as a line of JSON in plain ASCII: safe in any encoding and on any terminal."""
    return json.dumps(value).replace("\x7f", r"\u007f") + "\n"


def error_text(exc: BaseException) -> str:
    """Return the message of an error, for people."""
    if isinstance(exc, OSError) and exc.strerror:
        where = f" {shown(os.fsdecode(exc.filename))}" if isinstance(exc.filename, str | bytes) else " the output"
        return f"can't use{where}: {exc.strerror}"
    return f"{type(exc).__name__}: {exc}; internal error, please report it"


def working_folder() -> str:
    """Return the working directory; "" if it was deleted, so that paths are shown as absolute."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def wants_colour() -> bool:
    """Return whether to colour the output: only on a terminal, and not with NO_COLOR (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
