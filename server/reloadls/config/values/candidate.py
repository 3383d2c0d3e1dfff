"""All parts of one moment as one object, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reloadls.config.problem import Problem
from reloadls.config.source import Key, Part
from reloadls.config.values.faults import Fault, Invalid
from reloadls.config.values.fitting import fit
from reloadls.config.values.keys import dotted
from reloadls.config.values.merge import Merged, Origin, merge
from reloadls.config.values.models import Model
from reloadls.config.values.secrets import Redactor

__all__ = ["Candidate", "NamedPart", "make_candidate", "redacted"]


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part with its source's name and file."""

    source: str
    path: str | None
    part: Part


@dataclass(slots=True, repr=False)
class Candidate:
    """A state of the sources.

    Attributes:
        parts: what each source held, the weakest first.
        merged: them together.
        value: the validated object; None if there are problems.
        problems: what does not validate.
    """

    parts: tuple[NamedPart, ...]
    merged: Merged = field(default_factory=Merged)
    value: Any = None
    problems: tuple[Problem, ...] = ()


def make_candidate(model: Model, parts: Iterable[NamedPart], before: Merged | None = None) -> Candidate:
    """Merge parts and validate them. Blocking: runs the model's own code.

    Args:
        model: what validates.
        parts: what each source holds, the weakest first.
        before: what is in effect, to say where a key that is missing was.
    """
    candidate = Candidate(tuple(parts))
    fitted = [(each.source, each.path, fit(each.part, model.shape)) for each in candidate.parts]
    candidate.merged = merge(fitted)
    try:
        candidate.value = model.load(candidate.merged.values)
    except Invalid as invalid:
        faults: Sequence[Fault] = invalid.faults
    else:
        return candidate
    redact = redacted(model, [candidate.merged.values, *([] if before is None else [before.values])])
    candidate.problems = tuple(_problem(fault, candidate, before, redact) for fault in faults)
    return candidate


def redacted(model: Model, trees: Iterable[Mapping[str, Any]]) -> Redactor:
    """Return what takes the secrets of `trees` out of text."""
    return Redactor(trees, model.shape.hides)


def _problem(fault: Fault, candidate: Candidate, before: Merged | None, redact: Redactor) -> Problem:
    origin = candidate.merged.origin(fault.key) or _former(fault.key, before) or _any_file(candidate)
    # Only text that a user's code or a foreign library made may hold what must not be shown.
    message = redact(fault.message)
    return Problem(
        code=fault.code, message=message, key=redact(dotted(fault.key)), allowed=redact(fault.allowed),
        source=origin.source, path=origin.path, line=origin.line, column=origin.column,
    )  # fmt: skip


def _former(key: Key, before: Merged | None) -> Origin | None:
    """Where a key that is missing was: its file, whose first line stands for all of it."""
    origin = None if before is None else before.origin(key)
    return None if origin is None else Origin(origin.source, origin.path, origin.line and 1, origin.column and 1)


def _any_file(candidate: Candidate) -> Origin:
    for each in candidate.parts:
        if each.path is not None:
            return Origin(each.source, each.path, 1, 1)
    return Origin(candidate.parts[0].source) if candidate.parts else Origin("")
