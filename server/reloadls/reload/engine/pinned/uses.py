"""Which names a pinned session may use: those in its code, and in all that they may lead to."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

from reloadls.base.installed import is_installed
from reloadls.base.live_sessions import LiveSession
from reloadls.reload.engine.analysis.codes import all_codes
from reloadls.reload.engine.analysis.statements import Facts
from reloadls.reload.engine.objects.changes import attributes_of
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.running import frame_of_generator
from reloadls.reload.engine.program.modules import Modules

__all__ = ["Uses", "names_in_statement"]

_DATA = 100
"""An object with more attributes is data."""


class Uses:
    """What sessions use of a program as it is now. Made for one moment.

    Args:
        modules: the program.
        old_codes: what pinned sessions run in place of its code.
    """

    def __init__(self, modules: Modules, old_codes: Iterable[CodeType]) -> None:
        self._own = modules.names()
        self._defining: defaultdict[str, list[Facts]] = defaultdict(list)
        for module in modules:
            for statement in module.source.statements:
                for name in _defined(statement.facts):
                    self._defining[name].append(statement.facts)
        self._old = frozenset(_names_in_codes(old_codes))
        self._known: dict[frozenset[str], frozenset[str]] = {}

    def of(self, session: LiveSession) -> frozenset[str]:
        """The names that a session may use, whichever module they are of."""
        starts = frozenset((*self._old, *self._starts(session)))
        if starts not in self._known:
            self._known[starts] = self._closure(starts)
        return self._known[starts]

    def _closure(self, starts: frozenset[str]) -> frozenset[str]:
        found, waiting, seen = set(starts), list(starts), set[Facts]()
        while waiting:
            for facts in self._defining.get(waiting.pop(), ()):
                if facts not in seen:
                    seen.add(facts)
                    new = names_in_statement(facts) - found
                    found |= new
                    waiting += new
        return frozenset(found)

    def _starts(self, session: LiveSession) -> Iterator[str]:
        yield from self._of_values([session.data])
        for task in session.tasks:
            for frame in _frames(task.get_coro()):
                if not is_installed(frame.f_code.co_filename):
                    yield from _names_in_codes([frame.f_code])
                    yield from self._of_values(list(frame.f_locals.values()))

    def _of_values(self, values: Iterable[Any], depth: int = 2) -> Iterator[str]:
        for value in values:
            kind = value if is_a(value, (type, FunctionType)) else type(value)
            if kind.__module__ in self._own:
                yield from kind.__qualname__.split(".")
            inner = attributes_of(value) if depth and not is_a(value, type) else None
            if inner and len(inner) <= _DATA:
                yield from self._of_values(list(inner.values()), depth - 1)


def _frames(waiting: Any) -> Iterator[FrameType]:
    while waiting is not None:
        frame = frame_of_generator(waiting)
        if frame is None:
            return
        yield frame
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)


def _names_in_codes(codes: Iterable[CodeType]) -> Iterator[str]:
    for code in all_codes(codes):
        yield from code.co_names
        yield from (each for each in code.co_consts if type(each) is str and each.isidentifier())


def _defined(facts: Facts) -> set[str]:
    """The names that a statement gives something: those that it binds, and those of methods."""
    return {*facts.uses.binds, *(name.rpartition(".")[2] for name in facts.uses.later)}


def names_in_statement(facts: Facts) -> frozenset[str]:
    """The names in a statement, and texts that may be one."""
    found: set[str] = set()
    for top in facts.nodes:
        for node in ast.walk(top):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                    found.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.alias(name=name, asname=other):
                    found.update(name.split("."))
                    found.add(other or name)
                case _:
                    continue
    return frozenset(found)
