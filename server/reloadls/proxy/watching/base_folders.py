"""Split a watcher's glob pattern into a base folder and the pattern below it. Reads the disk for folders only.

Servers put paths in front of their patterns: a workspace folder, as a path or as a URI. A name in such a path is
literal even if it looks like a pattern (`/home/me/[old] x/**`). The literal part reaches to the end of a workspace
folder, or to a folder of exactly that name on disk.

A pattern that is text never makes the proxy watch a tree above the workspace, since VS Code matches text within the
workspace only: of `/home/**/*.py` and `../**`, the part in the workspace folders is watched. A pattern that names a
file or a single folder outside (`/home/me/*.toml`) is watched, and a relative pattern may have its base anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from reloadls.base.paths import is_within
from reloadls.proxy.watching.globs import alternatives, expression, is_wild
from reloadls.wire.uris import from_uri

__all__ = ["FLAGS", "MATCHES_NOTHING", "base_folders"]

FLAGS: Final = re.DOTALL | (re.IGNORECASE if os.name == "nt" else 0)
MATCHES_NOTHING: Final = "it can match nothing"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=/)")
_DRIVE = re.compile(r"[A-Za-z]:(?=[/\\])")
_SPECIAL = re.compile(r"[*?\[\]{},]")
_ALL_OF_BASE: Final = {"", "*", "**", "**/*"}
"""Patterns that match a base that is a file."""


@dataclass(frozen=True, slots=True)
class _Start:
    """A pattern in two parts: `base`, a literal path, and the names of the pattern below it."""

    base: str
    names: tuple[str, ...]


def base_folders(pattern: Any, folders: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Split a watcher's `globPattern` into base folders and patterns.

    Args:
        pattern: as the server sent it.
        folders: the paths of the workspace folders.

    Returns:
        (base, pattern) for each reading, and messages for the readings that match nothing. A base is an absolute path
        without wildcards; an empty pattern means the base itself.

    Raises:
        ValueError: the pattern is invalid.
    """
    workspace = [_slashed(folder) for folder in folders]
    if isinstance(pattern, str):
        return _each(_starts(_slashed(pattern), workspace), workspace)
    if isinstance(pattern, dict) and isinstance(pattern.get("pattern"), str):
        base = pattern.get("baseUri", pattern.get("base"))
        base = base.get("uri") if isinstance(base, dict) else base
        if isinstance(base, str):
            _refuse_nul(base)
            return _relative(_base_path(base), _slashed(pattern["pattern"]), workspace)
    raise ValueError("its globPattern is neither a pattern nor a relative pattern")


def _refuse_nul(*texts: str) -> None:
    """Refuse names that no file can have: system calls fail on them."""
    if any("\0" in text for text in texts):
        raise ValueError(f"{MATCHES_NOTHING}: no name contains a NUL")


def _each(starts: Iterator[_Start], folders: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    found: list[tuple[str, str]] = []
    wrong: list[str] = []
    for start in starts:
        for choice in alternatives("/".join(start.names)):
            try:
                found_start = _resolved(_Start(start.base, tuple(choice.split("/"))))
                _refuse_nul(found_start.base, *found_start.names)
                found += _within(found_start, start.base, folders)
            except ValueError as error:
                wrong.append(str(error))
    return list(dict.fromkeys(found)), list(dict.fromkeys(wrong))


# -- text ----------------------------------------------------------------------------------------------------


def _starts(text: str, folders: Sequence[str]) -> Iterator[_Start]:
    """Yield each reading of a pattern that is text."""
    if not text.strip("/"):
        raise ValueError(MATCHES_NOTHING)
    if _SCHEME.match(text):
        yield _uri(text, folders)
    elif os.path.isabs(text):
        yield from _pasted(text, folders)
    elif os.name != "nt" and _DRIVE.match(text):
        raise ValueError(f"{MATCHES_NOTHING}: it names a Windows drive")
    elif text.startswith("{") and any(map(_is_absolute, alternatives(text))):
        for choice in alternatives(text):
            yield from _starts(choice, folders)
    else:
        for folder in folders:
            yield from _readings(_Start(folder, _names(text)))


def _is_absolute(text: str) -> bool:
    return os.path.isabs(text) or _SCHEME.match(text) is not None


def _pasted(text: str, folders: Sequence[str]) -> Iterator[_Start]:
    drive, path = os.path.splitdrive(text)
    names = _names(path)
    start = _after_folder((drive, *names), names, folders)
    yield from _readings(start or _Start(f"{drive}/", names))


def _uri(text: str, folders: Sequence[str]) -> _Start:
    """Return the reading of a `file:` URI with wildcards; percent-encoded characters are literal."""
    scheme, _, rest = text.partition(":")
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    if scheme.lower() != "file" or host.lower() not in ("", "localhost"):
        raise ValueError("must be a path, or a file:// URI of this machine")
    names = _names(slash + path)
    plain = tuple(map(_decoded, names))
    drive = ""
    if os.name == "nt" and plain and _DRIVE.match(plain[0] + "/"):
        drive, names, plain = plain[0], names[1:], plain[1:]
    start = _after_folder((drive, *plain), names, folders) or _Start(f"{drive}/", names)
    at = next((at for at, name in enumerate(start.names) if is_wild(name) or name == ".."), len(start.names))
    base = _joined(start.base, map(_decoded, start.names[:at]))
    return _Start(base, tuple(map(_as_pattern, start.names[at:])))


def _after_folder(plain: Sequence[str], names: Sequence[str], folders: Sequence[str]) -> _Start | None:
    """Return `names` after the workspace folder that `plain`, a drive first, begins with; None without one."""
    for folder in sorted({*folders, *(_slashed(os.path.realpath(folder)) for folder in folders)}, key=len)[::-1]:
        drive, path = os.path.splitdrive(folder)
        its = (drive, *_names(path))
        if [os.path.normcase(name) for name in plain[: len(its)]] == [os.path.normcase(name) for name in its]:
            return _Start(folder, tuple(names[len(its) - 1 :]))
    return None


def _readings(start: _Start) -> Iterator[_Start]:
    """Yield `start` as a pattern, and with existing folders of exactly such names as literals."""
    at = _pasted_names(start)
    if at:
        yield _Start(_joined(start.base, start.names[:at]), start.names[at:])
    yield start


def _pasted_names(start: _Start) -> int:
    """Return how many names are folders on disk, up to the last one that looks like a pattern."""
    found, path = 0, start.base
    for at, name in enumerate(start.names[:-1]):
        path = _joined(path, (name,))
        if is_wild(name):
            if not name.replace("*", "") or not os.path.isdir(path):
                break
            found = at + 1
    return found


# -- relative patterns ---------------------------------------------------------------------------------------


def _relative(base: str, text: str, folders: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    names = _names(text)
    if _SCHEME.match(text):
        start = _uri(text, [base])
        if not _is_in(start.base, base):
            raise ValueError(f"{MATCHES_NOTHING}: it is not below its base")
    else:
        pasted = _after_folder(("", *names), names, [base]) if text.startswith("/") else None
        start = pasted or _Start(base, names)
    if os.path.isdir(base):
        if not start.names:
            raise ValueError(MATCHES_NOTHING)
        return _each(_readings(start), [*folders, base])
    choices = alternatives("/".join(start.names))
    own = [(base, "")] if any(choice in _ALL_OF_BASE for choice in choices) else []
    if not os.path.lexists(base):
        found, wrong = _each(iter((start,)), [*folders, base]) if start.names else ([], [])
        return [*own, *(found_start for found_start in found if found_start not in own)], wrong
    if own or any(re.fullmatch(expression(choice), os.path.basename(base), FLAGS) for choice in choices):
        return [(base, "")], []
    raise ValueError(f"{MATCHES_NOTHING}: its base is a file")


def _base_path(base: str) -> str:
    path = _slashed(base if os.path.isabs(base) else from_uri(base))
    return _joined(path, ())


# -- what is watched of it -----------------------------------------------------------------------------------


def _resolved(start: _Start) -> _Start:
    """Return `start` without `.` and `..`, with leading literal names moved to its base."""
    base, rest = start.base, list[str]()
    for name in start.names:
        if name in ("", "."):
            continue
        if name == "..":
            if rest and is_wild(rest[-1]):
                raise ValueError(f"{MATCHES_NOTHING}: a wildcard before '..'")
            base = base if rest else os.path.dirname(base)
            rest = rest[:-1]
        elif rest or is_wild(name):
            rest.append(name)
        else:
            base = _joined(base, (name,))
    return _Start(base, tuple(rest))


def _within(start: _Start, original: str, folders: Sequence[str]) -> list[tuple[str, str]]:
    """Return `start` if it may be watched there, else its part in the workspace.

    Args:
        start: the pattern without `..`.
        original: its base before `..` was resolved.
        folders: the workspace folders.
    """
    if not start.names and (start.base in folders or os.path.isdir(start.base)):
        raise ValueError(f"{MATCHES_NOTHING}: it names a folder, and only files are watched")
    if any(_is_in(start.base, folder) for folder in folders):
        return [(start.base, "/".join(start.names))]
    below = [folder for folder in folders if _is_in(folder, start.base)]
    left = any(_is_in(original, folder) for folder in folders)  # and so by `..`
    is_tree = len(start.names) > 1 or start.names == ("**",)
    if not left and not (below and is_tree):
        return [(start.base, "/".join(start.names))]
    inside = [
        (folder, "/".join(names))
        for folder in below
        for names in _below(start.names, _names(folder[len(start.base.rstrip("/")) :]))
    ]
    if not inside:
        raise ValueError(f"{MATCHES_NOTHING} in the workspace, and would require watching above it")
    return inside


def _below(pattern: tuple[str, ...], path: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the rests of `pattern` after the names of `path` have matched; several if it contains `**`."""
    tests = {name: re.compile(expression(name), FLAGS) for name in pattern if name != "**"}
    left = {0}  # how many names have been matched
    for name in path:
        following: set[int] = set()
        for start in left:
            at = start
            while at < len(pattern) and pattern[at] == "**":
                following.add(at)
                at += 1
            if at < len(pattern) and tests[pattern[at]].fullmatch(name):
                following.add(at + 1)
        left = following
    rests = [pattern[at:] for at in sorted(left) if at < len(pattern)]
    # One that begins with `**` matches all that a longer one does, which ends in it.
    last = max((at for at, rest in enumerate(rests) if rest[0] == "**"), default=0)
    return rests[last:]


# -- names ---------------------------------------------------------------------------------------------------


def _slashed(text: str) -> str:
    return text.replace("\\", "/") if os.name == "nt" else text


def _names(path: str) -> tuple[str, ...]:
    return tuple(name for name in path.split("/") if name)


def _joined(base: str, names: Any) -> str:
    return _slashed(os.path.normpath(os.path.join(base, *names))).replace("//", "/", 1 if os.name != "nt" else 0)


def _is_in(path: str, folder: str) -> bool:
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return is_within(path, (folder,))


def _decoded(name: str) -> str:
    """Return a percent-encoded name as it is on disk."""
    return os.fsdecode(unquote_to_bytes(os.fsencode(name)))


def _as_pattern(name: str) -> str:
    """Return a percent-encoded name as a pattern, in which encoded characters are literal."""
    pieces = re.split(r"((?:%[0-9A-Fa-f]{2})+)", name)
    return "".join(
        _SPECIAL.sub(lambda found: f"[{found[0]}]", _decoded(piece)) if at % 2 else piece
        for at, piece in enumerate(pieces)
    )
