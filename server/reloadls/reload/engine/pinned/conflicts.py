"""Which changes can't be applied beside a pinned session: those that run statements again whose names it uses."""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from reloadls.base.live_sessions import LiveSession
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.dependents import Use, dependents
from reloadls.reload.engine.program.modules import LoadedModule, Modules

from .uses import Uses, names_in_statement

__all__ = ["Touched", "in_the_way"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_KEPT = (functools._lru_cache_wrapper, functools.cached_property)


class Touched:
    """The names that a change gives something else, other than by patching a function.

    Args:
        modules: the program, before the change.
    """

    def __init__(self, modules: Modules) -> None:
        self.names: set[str] = set()
        self._modules = modules

    def add_statement(self, module: LoadedModule, statement: Statement) -> None:
        """A statement runs, or its effects are taken back."""
        facts = statement.facts
        self.names |= facts.uses.binds
        if not all(isinstance(node, _DEFINITIONS) or _only_binds(node) for node in facts.nodes):
            self.names |= names_in_statement(facts) & module.namespace.keys()  # it may change these

    def add_body(self, module: LoadedModule, name: str) -> None:
        """A function is patched: what was made by calling it is made again, and what was kept of it is dropped."""

        def uses_it(module: LoadedModule, name: str, use: Use) -> None:
            if _is_kept(module, name):
                self.names.add(name.rpartition(".")[2])

        uses_it(module, name, ((module.name, name), True))
        for origin in dependents(self._modules, (module.name, name), body=True, on_function=uses_it):
            self.add_statement(*origin)


def in_the_way(sessions: Collection[LiveSession], uses: Uses, names: Iterable[str]) -> list[LiveSession]:
    """Those of the sessions that may use one of the names."""
    found = frozenset(names)
    return [each for each in sessions if not found.isdisjoint(uses.of(each))] if found else []


def _only_binds(node: ast.stmt) -> bool:
    """Whether a statement binds names and changes no object."""
    match node:
        case ast.Assign(targets=targets):
            return all(isinstance(each, ast.Name) for each in _targets(targets))
        case ast.AnnAssign(target=ast.Name()):
            return True
    return False


def _targets(targets: Iterable[ast.expr]) -> Iterator[ast.expr]:
    for each in targets:
        if isinstance(each, ast.Tuple | ast.List):
            yield from _targets(each.elts)
        else:
            yield each


def _is_kept(module: LoadedModule, name: str) -> bool:
    """Whether the results of a function are kept for all who call it."""
    first, *rest = name.split(".")
    value: Any = module.namespace.get(first)
    for part in rest:
        value = vars(value).get(part) if is_a(value, type) else None
    value = value.__func__ if is_a(value, (staticmethod, classmethod)) else value
    return is_a(value, _KEPT)
