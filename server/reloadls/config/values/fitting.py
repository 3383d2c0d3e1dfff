"""Fits what variables say to the model: the case of names, and JSON where the model has no text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reloadls.config.source import Key, Part, Place, Text
from reloadls.config.values.shapes import Shape

__all__ = ["fit"]


def fit(part: Part, shape: Shape) -> Part:
    """Return a part of variables with the names that the model has; other parts as they are."""
    if not part.flat:
        return part
    fitting = _Fitting(part)
    values = fitting.fit(part.values, shape, (), ())
    return replace(part, values=values, places=fitting.places)


class _Fitting:
    def __init__(self, part: Part) -> None:
        self._part = part
        self.places: dict[Key, Place] = {}

    def fit(self, values: Mapping[str, Any], shape: Shape, old: Key, new: Key) -> dict[str, Any]:
        names = shape.names
        folded = {name.casefold(): name for name in names}
        fitted: dict[str, Any] = {}
        for name, value in values.items():
            if self._part.known_only and not old and names and name.casefold() not in folded:
                continue
            found = name if name in names else folded.get(name.casefold(), name)
            inner_old, inner_new = (*old, name), (*new, found)
            if inner_old in self._part.places:
                self.places[inner_new] = self._part.places[inner_old]
            inside = shape.inside(found)
            if isinstance(value, Mapping):
                fitted[found] = self.fit(value, inside, inner_old, inner_new)
            else:
                fitted[found] = _parsed(value) if inside.is_container else value
        return fitted


def _parsed(text: Any) -> Any:
    """Return what JSON text holds, if it is a list or an object."""
    if not isinstance(text, Text) or not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
