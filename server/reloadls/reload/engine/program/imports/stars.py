"""What star imports bring."""

from __future__ import annotations

import ast

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.program.dependents import imported_from
from reloadls.reload.engine.program.modules import LoadedModule, Modules

__all__ = ["names_by_star"]


def names_by_star(modules: Modules, module: LoadedModule, statement: Statement) -> set[str]:
    """The names that the star imports of a statement give to its module, as far as they come from the program."""
    found: set[str] = set()
    for node in statement.facts.nodes if statement.facts.uses.star else ():
        if isinstance(node, ast.ImportFrom) and (source := modules.named(imported_from(module, node))):
            names = source.namespace
            found.update(names.get("__all__") or [name for name in names if not name.startswith("_")])
    return found
