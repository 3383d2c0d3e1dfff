"""Understand an installer's output: what failed, which demand caused it, and what must not be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Final

from .demands import Demand, normal_name

__all__ = ["cause", "reason", "redacted"]

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s]+@")
_SECRET: Final = re.compile(
    r"((?:[?&]|--|\b)(?:[\w-]*(?:token|password|passwd|secret|api[-_]?key)[\w-]*)(?:=|\s+))[^&\s\"']+", re.IGNORECASE
)
_LINE_OF: Final = re.compile(r"line (\d+) of ([^\s)]+)")
_AT: Final = re.compile(r"`([^`]+)` at position (\d+)")
_AT_LINE: Final = re.compile(r"\b([^\s:`]+\.(?:txt|toml|lock|in)):(\d+)(?::\d+)?\b")
_NAMES: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ERROR: Final = re.compile(r"\s*(?:(?:error|fatal)\b:?|\u00d7)\s*", re.IGNORECASE)
_CAUSE: Final = re.compile(r"\s*(?:cause:|Caused by:|[\u251c\u2570][\u2500\u25b6]+)\s*")
"""How uv begins a line that explains an error."""
_NOISE: Final = re.compile(r"exit (code|status)|See above|\[notice\]|^\s*hint:", re.IGNORECASE)


def redacted(text: str) -> str:
    """Return text without the credentials of URLs, and without values that are named like a secret."""
    return _SECRET.sub(r"\1****", _CREDENTIALS.sub("****@", text))


def reason(lines: Sequence[str], status: int) -> str:
    """Return the most telling line of a failed installer's output.

    Args:
        lines: its output.
        status: its exit status.
    """
    causes = [_CAUSE.sub("", line, count=1).strip() for line in lines if _CAUSE.match(line)]
    errors = [line.strip() for line in lines if _ERROR.match(line) and not _NOISE.search(line)]
    # pip: the line before "No matching distribution" lists all versions
    found = next((each for each in reversed(errors) if "No matching distribution" in each), errors[0] if errors else "")
    text = found or next((line.strip() for line in reversed(lines) if line.strip()), "")
    text = ": ".join([_ERROR.sub("", text, count=1).rstrip(":"), *causes[:1]])
    return text or f"exit status {status}"


def cause(
    lines: Sequence[str], demands: Iterable[Demand], added: Iterable[Demand], contents: dict[str, bytes]
) -> tuple[str, int] | None:
    """Return the path and line of the demand that an installer's output blames; None if it names none.

    Args:
        lines: its output.
        demands: all demands of the files that it installed.
        added: those of them that are new.
        contents: what the files contain.
    """
    demands, added = list(demands), list(added)
    text = "\n".join(lines)
    for path, number in ((found[2], int(found[1])) for found in _LINE_OF.finditer(text)):
        if (known := _known(path, contents)) is not None:
            return known, number
    for path, number in ((found[1], int(found[2])) for found in _AT_LINE.finditer(text)):
        if (known := _known(path, contents)) is not None:
            return known, number
    for path, position in ((found[1], int(found[2])) for found in _AT.finditer(text)):
        if (known := _known(path, contents)) is not None:
            return known, contents[known].count(b"\n", 0, position) + 1
    blamed = _names_in([line for line in lines if _ERROR.match(line) or _CAUSE.match(line)]) or _names_in(lines)
    new = {each.key for each in added}
    named = [each for each in demands if each.name and each.name in blamed]
    named.sort(key=lambda each: (each.key not in new, blamed.index(each.name)))
    return next(((each.path, each.line) for each in (*named, *added)), None)


def _known(path: str, contents: dict[str, bytes]) -> str | None:
    if path in contents:
        return path
    ending = os.sep + os.path.normpath(path)
    return next((each for each in contents if each.endswith(ending)), None)


def _names_in(lines: Iterable[str]) -> list[str]:
    return list(
        dict.fromkeys(
            normal_name(word) for line in lines for word in _NAMES.findall(re.sub(r"[=<>!~].*?(?=[\s,]|$)", " ", line))
        )
    )
