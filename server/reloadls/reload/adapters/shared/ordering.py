"""In what order entries stand that were taken out and registered again: that of their statements in the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Position", "in_order"]

Position = tuple[str, int]
"""A module and a line in it."""


def in_order(
    before: Sequence[Any],
    now: Sequence[Any],
    position: Callable[[Any], Position | None],
    gone: Callable[[Any], str | None],
) -> list[Any]:
    """All that is there `now`, ordered as a program would have it that starts with the files as they are.

    What was there `before` keeps its order, but that statements of one module stand in the order of the file. What is
    new comes after what the statement above it registered.

    Args:
        before: the entries before the reload.
        now: the entries as they are, the new ones last.
        place: where an entry's statement stands; None if that is not known.
        gone: which module an entry came from that is not there any more.
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
