"""Convert a converter's error to (field, reason), with the field as its sender spells it."""

from __future__ import annotations

import re
from difflib import get_close_matches

import attrs
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)

from reloadls.wire.text import show

from .errors import Mismatch

__all__ = ["Step", "camel", "did_you_mean", "explain", "locate"]

Step = str | int
"""One step of a path into JSON data: a key or an index."""

# lsprotocol's own validators name the field in their text only.
_LSP_RANGE = re.compile(r"\w+\.(\w+) (should be in range \S+), but was (.*)\.", re.DOTALL)


def explain(exc: BaseException) -> tuple[str, str]:
    """Return the first invalid field (`textDocument.uri`, `paths[2]`, or empty for the whole) and the reason."""
    path, reason = locate(exc)
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix("."), reason


def locate(exc: BaseException) -> tuple[list[Step], str]:
    """Return the path to the first invalid field, as steps, and the reason."""
    path: list[Step] = []
    while isinstance(exc, ClassValidationError | IterableValidationError):
        exc = exc.exceptions[0]
        if not (isinstance(exc, KeyError) and exc.args):
            path += _step(exc)
    field, reason = _reason(exc)
    return [*path, field] if field else path, reason


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a hint: the known name most similar to `name`, or all known names."""
    if close := get_close_matches(name, known, 1):
        return f'did you mean "{close[0]}"?'
    return f"must be one of {', '.join(known)}" if known else "none are known"


def camel(name: str) -> str:
    """Return a field's name on the wire, by lsprotocol's rule: `work_done_token` -> `workDoneToken`."""
    first, *more = name.removesuffix("_").split("_")
    return first + "".join(part.title() for part in more)


def _step(exc: BaseException) -> list[Step]:
    for note in getattr(exc, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return [camel(note.name)]
        if isinstance(note, IterableValidationNote):
            return [note.index]
    return []


def _reason(exc: BaseException) -> tuple[str, str]:
    """Return (field below the path, reason)."""
    match exc:
        case Mismatch():
            return exc.field, exc.reason
        case KeyError(args=[str(missing)]):
            return missing, "is required"
        case ForbiddenExtraKeysError():
            name = min(exc.extra_fields)
            known = [camel(field.name) for field in attrs.fields(exc.cl)]
            return name, f"is not a known field; {did_you_mean(name, known)}"
        case ValueError() if found := _LSP_RANGE.fullmatch(str(exc)):
            return camel(found[1]), f"{found[2]}, not {found[3][:60]}"
        case RecursionError():
            return "", "is nested too deeply"
        case _:
            # lsprotocol distinguishes unions by their content, and fails on values of another type.
            return "", f"has the wrong shape ({show(str(exc)[:80])})"
