"""From names of variables to nested keys: ``DB__URL`` is ``db.url``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reloadls.config.errors import SourceFailed
from reloadls.config.source import Key, Part, Place, Text

__all__ = ["flat_part"]


def flat_part(variables: Iterable[tuple[str, str, Place]], *, prefix: str, delimiter: str) -> Part:
    """Return the variables that begin with `prefix`, in any case, as a part.

    Args:
        variables: name, value and place of each.
        prefix: what their names begin with; it is not part of the key.
        delimiter: what divides a name into the names of nested values.

    Raises:
        SourceFailed: a variable has a value and nested ones, too.
    """
    values: dict[str, Any] = {}
    places: dict[Key, Place] = {}
    for name, value, place in variables:
        if not name.casefold().startswith(prefix.casefold()) or len(name) == len(prefix):
            continue
        key = tuple(filter(None, name[len(prefix) :].lower().split(delimiter)))
        if not key:
            continue
        inner = values
        for step in key[:-1]:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise _both(name, place)
        if isinstance(inner.get(key[-1]), dict):
            raise _both(name, place)
        inner[key[-1]] = Text(value)
        places[key] = place
    return Part(values, places, flat=True)


def _both(name: str, place: Place) -> SourceFailed:
    return SourceFailed(
        f"{name} is nested in another variable, or holds nested ones: only one of them can be set",
        line=place.line, column=place.column, path=place.path,
    )  # fmt: skip
