"""Reads the sources of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reloadls.config.errors import MissingExtra, SourceFailed
from reloadls.config.problem import Problem, ProblemCode
from reloadls.config.source import AnySource, LocalSource, Part
from reloadls.config.values.candidate import NamedPart

__all__ = ["Looked", "file_of", "problem_of", "read_sources"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What the sources held at one moment.

    Attributes:
        parts: one for each source that holds something, the weakest first.
        problems: sources that can't be read.
    """

    parts: tuple[NamedPart, ...]
    problems: tuple[Problem, ...] = ()


def read_sources(sources: Sequence[AnySource], fetched: Mapping[str, Part]) -> Looked:
    """Read the local sources, and put the fetched parts between them. Blocking.

    Args:
        sources: all sources, the weakest first.
        fetched: the last good parts of the others, by name.
    """
    parts, problems = [], []
    for source in sources:
        if not isinstance(source, LocalSource):
            if source.name in fetched:
                parts.append(NamedPart(source.name, None, fetched[source.name]))
            continue
        try:
            parts.append(NamedPart(source.name, file_of(source), source.read()))
        except MissingExtra:
            raise
        except Exception as error:
            problems.append(problem_of(source, error, "unreadable"))
    return Looked(tuple(parts), tuple(problems))


def file_of(source: AnySource) -> str | None:
    """Return the file or folder of a source, if it has one."""
    paths = getattr(source, "paths", ())
    return paths[0] if paths else None


def problem_of(source: AnySource, error: BaseException, code: ProblemCode) -> Problem:
    """Return what a source's exception means. Of a foreign one only the type is shown: its text may hold values."""
    if not isinstance(error, SourceFailed):
        return Problem(
            code=code, message=f"{type(error).__name__} was raised", source=source.name, path=file_of(source)
        )
    return Problem(
        code=code, message=error.message, key=error.key, source=source.name, path=error.path or file_of(source),
        line=error.line, column=error.column,
    )  # fmt: skip
