"""Objects reachable from the program's modules: functions, classes and containers, but not all of its data.

A bound on the objects looked at, and on the length of a container that is entered, keeps the cost away from how much
data the program holds.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType

from .changes import attributes_of
from .containers import home_of, is_a, length

__all__ = ["LONGEST", "reach", "reaches"]

LONGEST = 10_000
"""A container with more entries is data, not a registry."""

_Left = (ModuleType, CodeType, FrameType, BuiltinFunctionType, str, bytes, int, float)
_NOT_OF_THE_PROGRAM = ("reloadls.reload.", "_frozen_importlib", "importlib.")
"""A module's spec leads to its loader, and that to all the engine knows: not to be searched, least of all restored."""

_Sized = (list, dict, set, frozenset, tuple, deque)


def reach(
    starts: Iterable[object], own: frozenset[str], *, most: int, attributes: set[int] | None = None
) -> Iterator[object]:
    """Every object that leads from `starts`, near ones first, `starts` included; `most` at the most.

    Args:
        starts: where to begin.
        own: names of the modules whose classes are entered; other classes are left alone.
        most: how many objects to look at.
        attributes: is given the ids of the dictionaries that are no containers, but hold an object's attributes.
    """
    seen: set[int] = _namespaces()
    line = deque(starts)
    seen.update(map(id, line))
    while line and most > 0:
        each = line.popleft()
        if home_of(type(each)).startswith(_NOT_OF_THE_PROGRAM):
            continue
        most -= 1
        yield each
        for child in _children(each, own):
            if attributes is not None and type(child) is dict and attributes_of(each) is child:
                attributes.add(id(child))
            if id(child) not in seen and gc.is_tracked(child) and not is_a(child, _Left):
                seen.add(id(child))
                line.append(child)


def reaches(start: object, ids: Collection[int], *, most: int = 2_000) -> bool:
    """Whether an object leads to one of these; what leads to more than is looked at is taken to lead to all."""
    found = [id(each) for each in reach([start], frozenset(), most=most)]
    return len(found) >= most or not found or any(each in ids for each in found)


def _namespaces() -> set[int]:
    """Modules' own dictionaries: every function leads to one, and from there to everything."""
    modules: list[object] = list(sys.modules.values())
    return {id(vars(module)) for module in modules if is_a(module, ModuleType)}


def _children(each: object, own: frozenset[str]) -> Iterable[object]:
    if is_a(each, type):
        return (attributes_of(each) or {}).values() if home_of(each) in own else ()
    if is_a(each, FunctionType):
        return _of_function(each)
    if is_a(each, _Sized) and length(each) > LONGEST:
        return ()
    return gc.get_referents(each)


def _of_function(function: FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from vars(function).values()
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
