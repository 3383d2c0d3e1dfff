"""Find an installed application that read a setting at import, and so will not read it again."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from reloadls.base.installed import is_in_package_folder
from reloadls.reload.engine.regular_files import read_file

__all__ = ["read_at_import"]

_BY_OTHER_NAMES = {"REST_FRAMEWORK": "rest_framework.views"}
"""Settings that an application's classes read at import through an object of its own."""


def read_at_import(name: str) -> str | None:
    """Return the module that reads a setting outside of functions; Django's own modules are handled elsewhere."""
    if _BY_OTHER_NAMES.get(name) in sys.modules:
        return _BY_OTHER_NAMES[name]
    for module in sorted(sys.modules):
        file = getattr(sys.modules.get(module), "__file__", None)
        own = module.partition(".")[0] == "django" or not isinstance(file, str) or not file.endswith(".py")
        if not own and is_in_package_folder(str(file)) and _reads(str(file), name):
            return module
    return None


def _reads(path: str, name: str) -> bool:
    try:
        text = read_file(path)
        return name.encode() in text and any(_is_it(node, name) for node in _outside_of_functions(ast.parse(text)))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False


def _is_it(node: ast.AST, name: str) -> bool:
    """Return whether a node is `settings.NAME` or `getattr(settings, "NAME", …)`."""
    if isinstance(node, ast.Attribute):
        return node.attr == name and isinstance(node.value, ast.Name) and node.value.id == "settings"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        return any(isinstance(each, ast.Constant) and each.value == name for each in node.args)
    return False


def _outside_of_functions(tree: ast.AST) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
