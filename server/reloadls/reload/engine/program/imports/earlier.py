"""Which modules a fresh start would load earlier than they were loaded, since an edit has added an import of them."""

from __future__ import annotations

import ast
from collections.abc import Collection

from reloadls.reload.engine.program.modules import LoadedModule, Modules

from .relocation import imported_at_once

__all__ = ["imported_earlier"]


def imported_earlier(
    modules: Modules, edited: Collection[LoadedModule]
) -> dict[LoadedModule, tuple[LoadedModule, int]]:
    """Return what imports each of them first now, and the line; see `LoadedModule.place`.

    Args:
        modules: the program.
        edited: the modules whose imports may be others than when they were loaded.
    """
    found: dict[LoadedModule, tuple[LoadedModule, int]] = {}
    for module in edited:
        for statement in module.source.statements:
            if not isinstance(statement.facts.nodes[0], (ast.Import, ast.ImportFrom, ast.Try)):
                continue  # an `if` may be one for type checkers only
            place = (*module.place(found), statement.first)
            for name in imported_at_once(module, statement):
                other = modules.named(name)
                if other is not None and other is not module and place < other.place(found):
                    found[other] = (module, statement.first)
    return found
