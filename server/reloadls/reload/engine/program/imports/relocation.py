"""Modules whose file no longer exists: moved, renamed, or removed."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import FunctionType, ModuleType
from typing import Any

from reloadls.base.paths import is_within
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.dependents import imported_from
from reloadls.reload.engine.program.importing import Loader
from reloadls.reload.engine.program.modules import LoadedModule, Modules, read_text
from reloadls.reload.engine.regular_files import read_file
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["Relocation", "find_relocations", "imported_at_once", "imports_module", "missed"]

_ENOUGH = 0.5
"""How much of a file must be the same for it to be the one that is gone, under another name."""


@dataclass(frozen=True, slots=True, eq=False)
class Relocation:
    """A module, and where it is now; without a spec, nowhere."""

    module: LoadedModule
    spec: ModuleSpec | None

    def carry_out(self, modules: Modules, undo: Undo) -> None:
        """Have the module be known as what it is now, with all that it holds."""
        if self.spec is None:
            _leave(modules, self.module, undo)
        else:
            _move(modules, self.module, self.spec, undo)


def find_relocations(
    modules: Modules, paths: Iterable[str], renamed: dict[str, str]
) -> tuple[list[Relocation], list[str]]:
    """What became of the modules whose files are no longer what they were loaded from.

    Args:
        modules: the program.
        paths: files that changed.
        renamed: new path -> old path, as far as that is known.

    Returns:
        The relocations, and the paths of new files that they account for.
    """
    paths = [path for path in paths if modules.covers(path) or modules.at(path)]
    found: list[Relocation] = []
    new = [path for path in paths if path.endswith(".py") and os.path.isfile(path) and modules.at(path) is None]
    for module in [module for path in paths if (module := modules.at(path)) and not os.path.isfile(path)]:
        found.append(Relocation(module, _same_name(modules, module) or _other_name(modules, module, new, renamed)))
    moved = {each.module for each in found}
    for path in new:
        module = _shadowed(modules, path) or _without_file(modules, path)
        if module is not None and module not in moved and (spec := _same_name(modules, module)):
            found.append(Relocation(module, spec))
    return found, [str(each.spec.origin) for each in found if each.spec]


def imports_module(module: LoadedModule, statement: Statement, name: str) -> bool:
    """Whether a statement imports a module by this name."""
    parent, _, last = name.rpartition(".")
    for node in (each for top in statement.facts.nodes for each in ast.walk(top)):
        if isinstance(node, ast.Import) and any(alias.name == name for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom):
            source = imported_from(module, node)
            if source == name or (source == parent and any(alias.name == last for alias in node.names)):
                return True
    return False


def missed(modules: Modules, module: LoadedModule, path: str) -> list[Statement]:
    """The statements of a module that had looked for a file which is there now."""
    if not path.endswith(".py") or not modules.covers(path) or not os.path.isfile(path):
        return []
    last = os.path.basename(os.path.dirname(path) if path.endswith("__init__.py") else path).removesuffix(".py")
    if last not in module.text:
        return []
    found = []
    for statement in module.source.statements:
        for name in imported_at_once(module, statement):
            if name.rpartition(".")[2] == last and name not in sys.modules:
                spec = _find(name)
                if spec is not None and spec.origin and os.path.realpath(spec.origin) == path:
                    found.append(statement)
    return found


def imported_at_once(module: LoadedModule, statement: Statement) -> set[str]:
    """The modules that a statement imports when it runs, or tries to."""
    names: set[str] = set()
    waiting: list[ast.AST] = list(statement.facts.nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = imported_from(module, node)
            names.update([source, *(f"{source}.{alias.name}" for alias in node.names)])
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
    return names


def _without_file(modules: Modules, path: str) -> LoadedModule | None:
    """The package without `__init__.py` that gets one."""
    folder, file = os.path.split(path)
    if file != "__init__.py":
        return None
    loaded: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in loaded:
        if is_a(module, ModuleType) and vars(module).get("__file__") is None:
            places = [os.path.realpath(each) for each in vars(module).get("__path__") or ()]
            if folder in places:
                return modules.add(name, folder, module, "", compile("", path, "exec"))
    return None


def _same_name(modules: Modules, module: LoadedModule) -> ModuleSpec | None:
    """Where the interpreter would find it now under its name, if that is another file."""
    if module.name == "__main__":
        return None
    parent = sys.modules.get(module.name.rpartition(".")[0])
    path: Sequence[str] | None = getattr(parent, "__path__", None) if "." in module.name else None
    PathFinder.invalidate_caches()
    spec = PathFinder.find_spec(module.name, path)
    if spec is None or spec.origin is None or type(spec.loader) is not SourceFileLoader:
        return None
    origin = os.path.realpath(spec.origin)
    return _own(modules, spec, origin) if origin != module.path and modules.covers(origin) else None


def _own(modules: Modules, spec: ModuleSpec, origin: str) -> ModuleSpec:
    spec.loader = Loader(spec.name, origin, modules)
    return spec


def _other_name(modules: Modules, module: LoadedModule, new: list[str], renamed: dict[str, str]) -> ModuleSpec | None:
    """The new file that this one was renamed to."""
    known = [path for path in new if renamed.get(path) == module.path]
    alike = [path for path in new if path not in renamed and _likeness(module, path) >= _ENOUGH]
    for path in (*known, *sorted(alike, key=lambda path: -_likeness(module, path))):
        name = _name_of(path, module)
        spec = _find(name)
        if spec is not None and spec.origin and os.path.realpath(spec.origin) == path and name not in sys.modules:
            new.remove(path)
            return _own(modules, spec, path)
    return None


def _find(name: str) -> ModuleSpec | None:
    PathFinder.invalidate_caches()
    path: Sequence[str] | None = None
    parent = name.rpartition(".")[0]
    if parent:
        package = sys.modules.get(parent)
        path = getattr(package, "__path__", None)
        if path is None:
            return None
    return PathFinder.find_spec(name, path)


def _likeness(module: LoadedModule, path: str) -> float:
    try:
        lines = [line.strip() for line in read_text(read_file(path)).split("\n")]
    except (OSError, SyntaxError, ValueError):
        return 0.0
    before = {line.strip() for line in module.text.split("\n")} - {""}
    after = set(lines) - {""}
    return len(before & after) / max(len(before | after), 1)


def _name_of(path: str, module: LoadedModule) -> str:
    """The name that a file is imported by."""
    folder, file = os.path.split(path)
    stem = file.removesuffix(".py")
    parts = [] if stem == "__init__" else [stem]
    if folder == os.path.dirname(module.path) and parts:
        parent = module.name.rpartition(".")[0] if not hasattr(module.module, "__path__") else module.name
        return f"{parent}.{stem}" if parent else stem
    for entry in sorted((os.path.realpath(each or os.curdir) for each in sys.path), key=len, reverse=True):
        if is_within(folder, (entry,)):
            inside = os.path.relpath(folder, entry)
            return ".".join([*([] if inside == os.curdir else inside.split(os.sep)), *parts])
    return ".".join(parts)


def _shadowed(modules: Modules, path: str) -> LoadedModule | None:
    """The module that a new file takes the place of: `util/__init__.py` comes before `util.py`."""
    folder, file = os.path.split(path)
    other = folder + ".py" if file == "__init__.py" else os.path.join(path.removesuffix(".py"), "__init__.py")
    return modules.at(other)


def _leave(modules: Modules, module: LoadedModule, undo: Undo) -> None:
    undo.add(partial(modules.put, module))
    modules.drop(module)
    _set_module(module.name, MISSING, undo)


def _set_module(name: str, value: Any, undo: Undo) -> None:
    undo.set_item(sys.modules, name, value)  # type: ignore[arg-type]
    parent, _, last = name.rpartition(".")
    package = sys.modules.get(parent)
    if parent and is_a(package, ModuleType):
        undo.set_item(vars(package), last, value)


def _move(modules: Modules, module: LoadedModule, spec: ModuleSpec, undo: Undo) -> None:
    before = module.name, module.path
    undo.add(partial(_rename, modules, module, *before))
    namespace = module.namespace
    package = spec.submodule_search_locations is not None
    _set_module(module.name, MISSING, undo)
    _rename(modules, module, spec.name, os.path.realpath(str(spec.origin)))
    _set_module(spec.name, module.module, undo)
    values = {
        "__name__": spec.name,
        "__file__": spec.origin,
        "__spec__": spec,
        "__loader__": spec.loader,
        "__package__": spec.name if package else spec.name.rpartition(".")[0],
        "__path__": list(spec.submodule_search_locations or ()) if package else MISSING,
    }
    for name, value in values.items():
        undo.set_item(namespace, name, value)
    if spec.name != before[0]:
        _rename_made(namespace, before[0], spec.name, undo)


def _rename(modules: Modules, module: LoadedModule, name: str, path: str) -> None:
    modules.drop(module)
    module.name, module.path = name, path
    modules.put(module)


def _rename_made(namespace: dict[str, Any], old: str, new: str, undo: Undo) -> None:
    for value in list(namespace.values()):
        if is_a(value, FunctionType) and value.__module__ == old:
            undo.set_attribute(value, "__module__", new)
        elif is_a(value, type) and value.__module__ == old:
            undo.set_class_attribute(value, "__module__", new)
