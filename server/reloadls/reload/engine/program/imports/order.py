"""Whether a fresh start would end in a circle of imports, found without running anything.

A running program has all names of all its modules, so a statement that runs again never misses one. At a fresh start
a module that imports another one in the middle of which it is imported sees the names that are there by then. The
order of imports follows from the texts; what depends on more than that is taken to go well.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reloadls.reload.engine.analysis.names import Chain
from reloadls.reload.engine.analysis.shapes import dump
from reloadls.reload.engine.analysis.statements import Source, Statement
from reloadls.reload.engine.program.dependents import imported_from
from reloadls.reload.engine.program.modules import LoadedModule, Modules

__all__ = ["check_circles"]

_SURE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
"""What runs in other statements depends on more."""
_MAY_NOT_BE = (
    *(ast.Lambda, ast.IfExp, ast.BoolOp, ast.Compare),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
"""Of these, not all is evaluated in any case."""
_DEPTH = 5
"""How many calls of functions are followed."""


def check_circles(modules: Modules, planned: Mapping[LoadedModule, Source]) -> None:
    """Raise the ImportError, AttributeError or NameError that a fresh start with edited modules would end with.

    Args:
        modules: the program.
        planned: edited modules, and their new statements.
    """
    edited = [each for each in planned if _may_matter(modules, each, planned[each])]
    if not edited:
        return
    for each in edited:
        if _imports_differ(each, planned[each]):
            _mark_circles(modules, planned, each)
    found = _Start(modules, planned).failure()
    if found is not None and _Start(modules, {}).failure() is None:  # else the program does more than its texts say
        error = found.kind(found.message)
        vars(error).update(filename=found.path, lineno=found.line)
        raise error


def _may_matter(modules: Modules, module: LoadedModule, source: Source) -> bool:
    """Whether other imports, or another order, may make a difference: a module that nothing leads back to has none."""
    if module.in_circle or _imports_differ(module, source):
        return True
    text = "\n".join(source.lines)
    if any(_last(importer) in text for importer, _ in module.importers):
        return True
    loaded_within = (each for each in modules if any(importer is module for importer, _ in each.importers))
    return any(_last(module) in each.text for each in loaded_within)


def _imports_differ(module: LoadedModule, source: Source) -> bool:
    before, now = ([each.facts for each in one.statements] for one in (module.source, source))
    return [each.key for each in before if each.imports] != [each.key for each in now if each.imports]


def _mark_circles(modules: Modules, planned: Mapping[LoadedModule, Source], module: LoadedModule) -> None:
    """Have the modules of a circle know that they are in one, that another than its first import has made."""
    imported = {module: _imported(modules, planned, module)}
    waiting = list(imported[module])
    while waiting:
        each = waiting.pop()
        if each not in imported:
            imported[each] = _imported(modules, planned, each)
            waiting += imported[each]
    within, found = [module], {module}
    while within:
        last = within.pop()
        within += [each for each in imported if last in imported[each] and each not in found]
        found.update(within)
    for each in found if len(found) > 1 else ():
        each.in_circle = True


def _imported(modules: Modules, planned: Mapping[LoadedModule, Source], module: LoadedModule) -> set[LoadedModule]:
    names: set[str] = set()
    for statement in planned.get(module, module.source).statements:
        for node, _ in _imports(statement.facts.nodes) if statement.facts.imports else ():
            source = "" if isinstance(node, ast.Import) else imported_from(module, node)
            names.add(source)
            names.update(f"{source}.{alias.name}" if source else alias.name for alias in node.names)
    return {found for name in names if (found := modules.named(name)) is not None and found is not module}


def _last(module: LoadedModule) -> str:
    return module.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a fresh start ends with."""

    kind: type[Exception]
    message: str
    path: str
    line: int


@dataclass(slots=True)
class _Module:
    """A module at some moment of a start."""

    loaded: LoadedModule
    statements: Sequence[Statement]
    done: int = 0
    """How many of its statements have run."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Its names for modules that were not loaded yet when it imported them."""
    taken: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Its names for what it imported from such modules: the module, and the name there."""

    @property
    def is_loading(self) -> bool:
        return self.done < len(self.statements)

    def has(self, name: str) -> bool:
        """Whether a statement that has run binds a name, or may bind it without naming it."""
        return any(_may_bind(self.loaded, each, name) for each in self.statements[: self.done])

    def gets(self, name: str) -> bool:
        """Whether a statement that has not run yet binds a name."""
        return any(name in each.facts.uses.binds for each in self.statements[self.done :])


class _Found(Exception):
    def __init__(self, failure: _Failure) -> None:
        self.failure = failure


class _Start:
    """A start of the program, statement by statement."""

    def __init__(self, modules: Modules, planned: Mapping[LoadedModule, Source]) -> None:
        self._modules = modules
        self._planned = planned
        self._begun: dict[str, _Module] = {}

    def failure(self) -> _Failure | None:
        """What it ends with."""
        try:
            for each in self._modules:
                if not each.importers:
                    self._load(each.name)
        except _Found as found:
            return found.failure
        except RecursionError:
            return None
        return None

    def _load(self, name: str) -> None:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            self._load_one(".".join(parts[:end]))

    def _load_one(self, name: str) -> None:
        loaded = self._modules.named(name)
        if loaded is None or name in self._begun:
            return
        statements = self._planned.get(loaded, loaded.source).statements
        module = self._begun[name] = _Module(loaded, statements)
        for statement in statements:
            for node, sure in _imports(statement.facts.nodes) if statement.facts.imports else ():
                self._import(module, statement, node, sure=sure)
            if module.aliases or module.taken:
                self._check_reads(module, statement)
            module.done += 1

    def _import(self, module: _Module, statement: Statement, node: ast.Import | ast.ImportFrom, *, sure: bool) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._load(alias.name)
                if self._is_loading(alias.name) and (alias.asname or "." not in alias.name):
                    module.aliases[alias.asname or alias.name] = alias.name
            return
        name = imported_from(module.loaded, node)
        self._load(name)
        for alias in node.names:
            self._take(module, statement, name, alias, sure=sure)

    def _take(self, module: _Module, statement: Statement, name: str, alias: ast.alias, *, sure: bool) -> None:
        source = self._begun.get(name)
        inner = f"{name}.{alias.name}"
        if source is None or not source.is_loading:
            self._load(inner)
            return
        if alias.name == "*" or source.has(alias.name):
            module.taken[alias.asname or alias.name] = (name, alias.name)
        elif self._modules.named(inner) is not None:
            self._load(inner)
            if self._is_loading(inner):
                module.aliases[alias.asname or alias.name] = inner
        elif sure and source is not module and source.gets(alias.name) and not _is_on_disk(source.loaded, alias.name):
            message = (
                f"cannot import name {alias.name!r} from partially initialized module {name!r} "
                f"(most likely due to a circular import) ({source.loaded.path})"
            )
            self._fail(ImportError, message, module, statement)

    def _is_loading(self, name: str) -> bool:
        return name in self._begun and self._begun[name].is_loading

    def _check_reads(self, module: _Module, statement: Statement) -> None:
        for chain in sorted(_read_at_once(statement)):
            name = module.aliases.get(chain[0]) if len(chain) > 1 else None
            other = self._begun[name] if name is not None else None
            if other is not None and other.is_loading and not other.has(chain[1]) and other.gets(chain[1]):
                message = (
                    f"partially initialized module {name!r} has no attribute {chain[1]!r} "
                    "(most likely due to a circular import)"
                )
                self._fail(AttributeError, message, module, statement)
        for chain in sorted(statement.facts.uses.now.calls) if isinstance(statement.facts.nodes[0], _SURE) else ():
            if (missing := self._missing_in_call(module, chain, _DEPTH)) is not None:
                self._fail(NameError, f"name {missing!r} is not defined", module, statement)

    def _missing_in_call(self, module: _Module, chain: Chain, depth: int) -> str | None:
        """A name that a function of a module that is loading reads before it is bound."""
        found = self._function(module, chain)
        if found is None or not depth:
            return None
        home, name = found
        defined = [each for each in home.statements[: home.done] if name in each.facts.uses.later]
        if not defined or not isinstance(defined[-1].facts.nodes[0], ast.FunctionDef):
            return None
        if _depends_on_more(defined[-1].facts.nodes[0]):
            return None
        reads = defined[-1].facts.uses.later[name]
        for each in sorted(reads.reads):
            if not home.has(each[0]) and home.gets(each[0]):
                return each[0]
        inner = (self._missing_in_call(home, each, depth - 1) for each in sorted(reads.calls))
        return next((each for each in inner if each is not None), None)

    def _function(self, module: _Module, chain: Chain) -> tuple[_Module, str] | None:
        """The module that is loading in which a chain of another one leads to a function, and its name there."""
        if len(chain) == 1 and chain[0] in module.taken:
            name, function = module.taken[chain[0]]
        elif len(chain) == 2 and chain[0] in module.aliases:
            name, function = module.aliases[chain[0]], chain[1]
        elif len(chain) == 1 and module.is_loading:
            name, function = module.loaded.name, chain[0]
        else:
            return None
        home = self._begun[name]
        return (home, function) if home.is_loading else None

    @staticmethod
    def _fail(kind: type[Exception], message: str, module: _Module, statement: Statement) -> None:
        raise _Found(_Failure(kind, message, module.loaded.path, statement.first))


def _read_at_once(statement: Statement) -> Iterable[Chain]:
    """What a statement reads in any case when it runs."""
    [node, *_] = statement.facts.nodes
    if isinstance(node, _SURE):
        return statement.facts.uses.now.reads
    return {chain for expression in _evaluated(node) for chain in _chains(expression)}


def _evaluated(node: ast.stmt) -> Iterator[ast.expr]:
    """The expressions that defining a function or class evaluates, but for its annotations."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from node.decorator_list
        yield from node.args.defaults
        yield from (each for each in node.args.kw_defaults if each is not None)
    elif isinstance(node, ast.ClassDef):
        yield from (*node.decorator_list, *node.bases, *(each.value for each in node.keywords))
        for each in node.body:
            yield from _evaluated(each)
    elif isinstance(node, _SURE) and node.value is not None:
        yield node.value


def _chains(node: ast.expr) -> Iterator[Chain]:
    """The names in an expression that are read in any case, each with the first attribute that is read of it."""
    waiting: list[ast.AST] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.keyword):
            waiting.append(each.value)
        elif isinstance(each, ast.expr) and not isinstance(each, _MAY_NOT_BE):
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
                yield each.value.id, each.attr
            waiting.extend(ast.iter_child_nodes(each))


def _is_on_disk(package: LoadedModule, name: str) -> bool:
    """Whether a package has a module of this name, which is not loaded yet."""
    folder, file = os.path.split(package.path)
    return file == "__init__.py" and any(os.path.exists(os.path.join(folder, each)) for each in (f"{name}.py", name))


def _may_bind(module: LoadedModule, statement: Statement, name: str) -> bool:
    uses = statement.facts.uses
    return name in uses.binds or uses.star or name in module.bound_by(statement.facts)


def _depends_on_more(function: ast.AST) -> bool:
    """Whether what a function reads depends on what it is given."""
    unsure = (ast.If, ast.IfExp, ast.BoolOp, ast.Try, ast.For, ast.While, ast.Match, ast.Lambda, ast.FunctionDef)
    return any(isinstance(node, unsure) for node in ast.walk(function) if node is not function)


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The imports that running statements does, and whether it does them in any case and what they raise goes on."""
    waiting = [(node, True) for node in reversed([*nodes])]
    while waiting:
        node, sure = waiting.pop()
        inner: Sequence[ast.AST] = ()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, sure
        elif isinstance(node, ast.If):
            inner = () if "TYPE_CHECKING" in dump([node.test]) else (*node.body, *node.orelse)
        elif isinstance(node, ast.Try):
            inner = (*node.body, *node.orelse, *node.finalbody)
        elif isinstance(node, (ast.With, ast.For, ast.While)):
            inner = node.body
        waiting += [(each, False) for each in reversed(inner)]
