"""What star imports bring."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.program.dependents import imported_from
from reloadls.reload.engine.program.modules import LoadedModule, Modules

__all__ = ["names_by_star", "names_to_come", "starred"]


def names_by_star(modules: Modules, module: LoadedModule, statement: Statement) -> set[str]:
    """The names that the star imports of a statement give to its module, as far as they come from the program."""
    found: set[str] = set()
    for source in _sources(modules, module, statement):
        names = source.namespace
        found.update(names.get("__all__") or [name for name in names if not name.startswith("_")])
    return found


def names_to_come(modules: Modules, module: LoadedModule, statement: Statement) -> set[str]:
    """The names that they will give once the statements of those modules have run."""
    found: set[str] = set()
    for source in _sources(modules, module, statement):
        names = {name for each in source.source.statements for name in each.facts.uses.binds}
        listed = {
            word for each in source.source.statements if "__all__" in each.facts.uses.binds for word in each.facts.words
        }
        found |= names & listed if "__all__" in names else {name for name in names if not name.startswith("_")}
    return found


def _sources(modules: Modules, module: LoadedModule, statement: Statement) -> Iterator[LoadedModule]:
    """The program's modules that the star imports of a statement take from, also those in its blocks."""
    for name in starred(module, statement):
        source = modules.named(name)
        if source is not None:
            yield source


def starred(module: LoadedModule, statement: Statement) -> Iterator[str]:
    """The names of the modules that the star imports of a statement take from."""
    for node in statement.facts.imports if statement.facts.uses.star else ():
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield imported_from(module, node)
