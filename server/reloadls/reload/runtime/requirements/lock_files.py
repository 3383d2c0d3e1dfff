"""Parse what a pyproject.toml or a lock file demands. Pure functions."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any, Final

from .demands import Demand, InvalidFile, normal_name, requirement

__all__ = ["PARSERS", "as_requirements", "parser_of"]

_AT_LINE: Final = re.compile(r"at line (\d+)")

Json = dict[str, Any]


def _load(text: str) -> Json:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        raise InvalidFile(f"invalid TOML: {error}", int(found[1]) if found else text.count("\n") + 1) from None


def _project(text: str, path: str) -> Iterator[Demand]:
    """Yield the project's dependencies; how uv finds them is a part of each."""
    loaded = _load(text)
    dependencies = _table(loaded, "project").get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(each, str) for each in dependencies):
        raise InvalidFile("project.dependencies: must be a list of texts", _line_of(text, "dependencies"))
    sources = {normal_name(name): where for name, where in _table(loaded, "tool", "uv", "sources").items()}
    for each in dependencies:
        key, name = requirement(each)
        source = f" {json.dumps(sources[name], sort_keys=True)}" if name in sources else ""
        yield Demand(key + source, name, path, _line_of(text, each))


def _packages(key: str) -> Callable[[str, str], Iterator[Demand]]:
    def parse(text: str, path: str) -> Iterator[Demand]:
        found = _load(text).get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise InvalidFile(f"{key}: must be a list of tables", 1)
        for each in found:
            name = normal_name(str(each.get("name", "")))
            line = _line_of(text, f'name = "{each.get("name", "")}"')
            yield Demand(f"{name} {json.dumps(each, sort_keys=True, default=str)}", name, path, line)

    return parse


PARSERS: Final[dict[str, Callable[[str, str], Iterator[Demand]]]] = {
    "pyproject.toml": _project,
    "uv.lock": _packages("package"),
    "poetry.lock": _packages("package"),
    "pylock.toml": _packages("packages"),
}
"""File name → the function that yields its demands."""


def parser_of(name: str) -> Callable[[str, str], Iterator[Demand]] | None:
    """Return the parser for a file's name, which may be `pylock.NAME.toml`; None for a requirements file."""
    return (
        PARSERS["pylock.toml" if re.fullmatch(r"pylock\.[^.]+\.toml", name) else name]
        if name.endswith((".toml", ".lock"))
        else None
    )


def as_requirements(text: str, name: str) -> list[str]:
    """Return the lines of a requirements file that demand the same, for an installer that can't read the file itself.

    Args:
        text: the file's text.
        name: its name.

    Raises:
        InvalidFile: the file demands something that can't be written as a line.
    """
    loaded = _load(text)
    if name == "pyproject.toml":
        return list(_table(loaded, "project").get("dependencies", []))
    if name == "uv.lock":
        raise InvalidFile("uv.lock: only uv can read it; install uv, or give --sync-command", 1)
    convert = _of_poetry if name == "poetry.lock" else _of_pylock
    lines = [convert(each, text) for each in loaded.get("package" if name == "poetry.lock" else "packages", [])]
    return list(filter(None, lines))


def _of_poetry(package: Json, text: str) -> str:
    if package.get("optional") or "main" not in package.get("groups", ["main"]):
        return ""
    if package.get("source", {}).get("type") in ("git", "directory", "file", "url"):
        raise _unsupported(package, text)
    markers = package.get("markers", "")
    hashes = [each["hash"] for each in package.get("files", []) if "hash" in each]
    return _line(package, markers if isinstance(markers, str) else markers.get("main", ""), hashes)


def _of_pylock(package: Json, text: str) -> str:
    if "version" not in package or not {"vcs", "directory", "archive"}.isdisjoint(package):
        raise _unsupported(package, text)
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    hashes = [f"{kind}:{value}" for each in files for kind, value in each.get("hashes", {}).items()]
    return _line(package, package.get("marker", ""), hashes)


def _line(package: Json, marker: str, hashes: list[str]) -> str:
    line = f"{package['name']}=={package['version']}" + (f" ; {marker}" if marker else "")
    return " ".join([line, *(f"--hash={each}" for each in dict.fromkeys(hashes))])


def _unsupported(package: Json, text: str) -> InvalidFile:
    name = package.get("name")
    return InvalidFile(
        f"{name}: only a version from an index can be installed from this file; give --sync-command",
        _line_of(text, f'name = "{name}"'),
    )


def _table(loaded: Json, *names: str) -> Json:
    for name in names:
        found = loaded.get(name, {})
        if not isinstance(found, dict):
            return {}
        loaded = found
    return loaded


def _line_of(text: str, part: str) -> int:
    """Return the first line that contains `part`; the first line if none does."""
    begin = text.find(part)
    return text.count("\n", 0, begin) + 1 if begin >= 0 else 1
