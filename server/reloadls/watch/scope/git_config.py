"""Where git's configuration files are, and what is in one.

https://git-scm.com/docs/git-config

Conditional includes (``includeIf``) are not read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

__all__ = ["configured", "global_files", "system_file"]

# Neither begins with what may be a line end, or a file of empty lines would be scanned once for each of them.
_SECTION = re.compile(r"[ \t]*\[[ \t]*([A-Za-z0-9.-]+)[ \t]*(\"(?:[^\"\\\n]|\\.)*\")?[ \t]*\]")
_NAME = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9-]*)[ \t]*(=)?[ \t]*")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}


def system_file() -> tuple[str, ...]:
    """Return the machine's configuration file, unless the environment disables it."""
    if os.environ.get("GIT_CONFIG_NOSYSTEM", "").lower() not in ("", "0", "false", "no", "off"):
        return ()
    return (os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig",)


def global_files(home: str, settings: str) -> tuple[str, ...]:
    """Return the user's configuration files; the last one has the highest priority.

    Args:
        home: the user's home folder.
        settings: the folder for configuration files (``XDG_CONFIG_HOME``).
    """
    named = os.environ.get("GIT_CONFIG_GLOBAL")
    if named is not None:
        return (named,) if os.path.isabs(named) else ()
    files = (os.path.join(settings, "git", "config"), os.path.join(home, ".gitconfig"))
    return tuple(path for path in files if os.path.isabs(path))


def configured(text: str) -> Iterator[tuple[str, str]]:
    """Yield (``section.name`` in lower case, value) of each setting, in order; subsections are left out."""
    section, at = "", 0
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    while at < len(text):
        if (found := _SECTION.match(text, at)) is not None:
            section = "" if found[2] else found[1].lower()
            at = found.end()
        elif (found := _NAME.match(text, at)) is not None:
            value, at = _value(text, found.end()) if found[2] else ("", found.end())
            if section:
                yield f"{section}.{found[1].lower()}", value
        else:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end + 1


def _value(text: str, at: int) -> tuple[str, int]:
    """Return the value that begins at `at`, and where its line ends."""
    value, kept, quoted = "", 0, False
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\n":
            break
        if char == "\\" and at < len(text):
            if text[at] != "\n":  # a continued line
                value += _ESCAPES.get(text[at], text[at])
            at += 1
            kept = len(value)
        elif char == '"':
            quoted = not quoted
            kept = len(value)
        elif char in "#;" and not quoted:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        else:
            value += char
            if quoted or char not in " \t":
                kept = len(value)
    return value[:kept], at
