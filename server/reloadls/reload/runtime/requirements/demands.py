"""Parse what a requirement file demands. Comments, order and formatting are not part of it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Demand", "Include", "InvalidFile", "normal_name", "parse_requirements", "requirement"]

_COMMENT: Final = re.compile(r"(^|\s+)#.*$")
_INCLUDE: Final = re.compile(r"(?:-(?P<short>[rc])\s*|--(?P<long>requirement|constraint)(?:\s+|\s*=\s*))(?P<file>\S.*)")
_NAMED: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<rest>.*)", re.DOTALL
)
_OPTION: Final = re.compile(r"\s--(?=[a-z])")
_EGG: Final = re.compile(r"#egg=([A-Za-z0-9._-]+)")


class InvalidFile(Exception):
    """A file can't be parsed.

    Attributes:
        line: where, from 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Demand:
    """One requirement, or an option such as `--index-url`.

    Attributes:
        key: the normal form; equal for equal demands.
        name: the distribution's normal name; empty for an option, or a path without a name.
        path: the file that contains it.
        line: its line there, from 1.
    """

    key: str
    name: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Include:
    """A file that another one includes by `-r` or `-c`, as written there."""

    file: str
    is_constraint: bool


def normal_name(name: str) -> str:
    """Return the normal form of a distribution's name.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_requirements(text: str, path: str) -> Iterator[Demand | Include]:
    """Yield the demands and the includes of a requirements file, in order.

    Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/

    Args:
        text: its text.
        path: its path.
    """
    for number, line in _logical_lines(text):
        included = _INCLUDE.fullmatch(line)
        if included is not None and "://" not in included["file"]:
            kind = included["short"] or included["long"]
            yield Include(included["file"].strip().strip("\"'"), kind[0] == "c")
        else:
            key, name = requirement(line)
            yield Demand(key, name, path, number)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, line) with continued lines joined, without comments and empty lines."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not parts:
            first = number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        whole = _COMMENT.sub("", " ".join([*parts, line])).strip()
        parts = []
        if whole:
            yield first, whole


def requirement(text: str) -> tuple[str, str]:
    """Return the normal form of a requirement or option, and the distribution's normal name, empty if it has none.

    Source: https://packaging.python.org/en/latest/specifications/dependency-specifiers/
    """
    whole = " ".join(text.split())
    named = _NAMED.fullmatch(whole)
    if named is None or "://" in whole.partition("@")[0] or re.match(r"[@/\\.]?[/\\]", named["rest"]):
        egg = _EGG.search(whole)
        return re.sub(r"\s*=\s*", "=", whole, count=1) if whole.startswith("--") else whole, normal_name(
            egg[1] if egg else ""
        )
    body, *options = _OPTION.split(" " + named["rest"])
    specifier, _, marker = body.partition(" ;" if "@" in body[:3] else ";")
    name = normal_name(named["name"])
    extras = ",".join(sorted(normal_name(each.strip()) for each in (named["extras"] or "").split(",") if each.strip()))
    parts = [name + (f"[{extras}]" if extras else ""), _specifier(specifier)]
    parts += [";" + _marker(marker)] if marker.strip() else []
    parts += sorted("--" + re.sub(r"\s*[=\s]\s*", "=", each.strip(), count=1) for each in options)
    return " ".join(filter(None, parts)), name


def _specifier(text: str) -> str:
    text = text.strip()
    if text.startswith("@"):
        return "@" + text[1:].strip()
    return ",".join(sorted("".join(each.split()) for each in text.strip("()").split(",") if each.strip()))


def _marker(text: str) -> str:
    spaced = re.sub(r"\s*(===|==|!=|<=|>=|~=|<|>|\(|\))\s*", r" \1 ", text.replace("'", '"'))
    return " ".join(spaced.split())
