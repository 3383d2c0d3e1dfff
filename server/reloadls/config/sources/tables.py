"""One table of a file instead of the whole: `TomlFile("pyproject.toml", table="tool.app")`."""

from __future__ import annotations

from dataclasses import replace

from reloadls.config.errors import SourceFailed
from reloadls.config.source import Part

__all__ = ["table_of"]


def table_of(part: Part, table: str) -> Part:
    """Return what `table` (a dotted key; "" for everything) holds; nothing if it is missing.

    Raises:
        SourceFailed: it is not a table.
    """
    if not table:
        return part
    values, key = part.values, tuple(table.split("."))
    for index, name in enumerate(key):
        found = values.get(name, {})
        if not isinstance(found, dict):
            place = part.places.get(key[: index + 1])
            line, column = (1, 1) if place is None else (place.line, place.column)
            raise SourceFailed("must be a table", line=line, column=column, key=".".join(key[: index + 1]))
        values = found
    size = len(key)
    places = {inner[size:]: place for inner, place in part.places.items() if inner[:size] == key}
    return replace(part, values=values, places=places)
