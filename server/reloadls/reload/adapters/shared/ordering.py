"""Order entries that were removed and registered again like their statements in the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Position", "in_order"]

Position = tuple[str, int]
"""A module, and a line in it."""


def in_order(
    before: Sequence[Any],
    now: Sequence[Any],
    position: Callable[[Any], Position | None],
    gone: Callable[[Any], str | None],
) -> list[Any]:
    """Return the entries in the order they would have after a fresh start.

    Old entries keep their order, except that entries of one module follow the order of the file. A new entry comes
    after the entry registered by the statement above its own.

    Args:
        before: the entries before the reload.
        now: the current entries, new ones last.
        position: returns where an entry's statement is; None if unknown.
        gone: returns the module of an entry that was removed.
    """
    there = {id(each) for each in now}
    old = {id(each) for each in before}
    result = [each for each in before if id(each) in there]
    _sort_within_modules(result, position)
    for each in now:
        if id(each) not in old:
            result.insert(_where(each, result, before, position, gone), each)
    return result


def _sort_within_modules(entries: list[Any], position: Callable[[Any], Position | None]) -> None:
    slots: dict[str, list[int]] = {}
    for index, each in enumerate(entries):
        found = position(each)
        if found is not None:
            slots.setdefault(found[0], []).append(index)
    for indexes in slots.values():
        ordered = sorted((entries[index] for index in indexes), key=lambda each: (position(each) or ("", 0))[1])
        for index, each in zip(indexes, ordered, strict=True):
            entries[index] = each


def _where(
    each: Any,
    result: Sequence[Any],
    before: Sequence[Any],
    position: Callable[[Any], Position | None],
    gone: Callable[[Any], str | None],
) -> int:
    own = position(each)
    if own is None:
        return len(result)
    neighbours = [
        (index, found[1]) for index, other in enumerate(result) if (found := position(other)) and found[0] == own[0]
    ]
    above = [index for index, line in neighbours if line <= own[1]]
    if above:
        return max(above) + 1
    if neighbours:
        return min(index for index, _ in neighbours)
    there = {id(other) for other in result}
    for index, other in enumerate(before):
        if id(other) not in there and gone(other) == own[0]:
            return sum(id(earlier) in there for earlier in before[:index])
    return len(result)
