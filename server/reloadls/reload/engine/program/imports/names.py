"""Whether a fresh start would miss a name of a module that is bound further below, found without running anything.

A running program has all names of a module, so a statement that runs again, or is moved, never misses one.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from itertools import takewhile

from reloadls.reload.engine.analysis.diff import Difference, Way
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.program.modules import LoadedModule

__all__ = ["check_names", "depends_on_more"]

_DEPTH = 5
"""How many calls of functions are followed."""
_UNSURE = (
    *(ast.If, ast.IfExp, ast.BoolOp, ast.Try, ast.With, ast.For, ast.While, ast.Match, ast.Lambda, ast.FunctionDef),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Yield, ast.YieldFrom, ast.Compare, ast.Raise),
)


def check_names(module: LoadedModule, difference: Difference) -> None:
    """Raise the NameError that a fresh start with an edited module would end with.

    Args:
        module: as it runs.
        difference: its new statements, and those that are gone.
    """
    suspects = _suspects(difference)
    if not suspects:
        return
    found = _missing(module, [step.statement for step in difference.steps], suspects)
    if found is None or _missing(module, module.source.statements, suspects) is not None:
        return  # else the module does more than its text says
    name, line = found
    error = NameError(f"name {name!r} is not defined", name=name)
    vars(error).update(filename=module.path, lineno=line)
    raise error


def _suspects(difference: Difference) -> set[str]:
    """The names that an edit concerns, and those of the functions that may use them."""
    before = [step.before.first for step in difference.steps if step.before is not None]
    in_order = before == sorted(before)
    edited = [step.statement for step in difference.steps if not in_order or step.way not in (Way.KEEP, Way.MOVE)]
    names = {name for each in (*edited, *difference.removed) for name in each.facts.uses.binds | each.facts.heads}
    defined = [step.statement for step in difference.steps if _is_function(step.statement)]
    grown = True
    while grown and names:
        more = {name for each in defined if not names.isdisjoint(each.facts.words) for name in each.facts.uses.binds}
        grown = not more <= names
        names |= more
    return names


def _is_function(statement: Statement) -> bool:
    return len(statement.facts.nodes) == 1 and isinstance(statement.facts.nodes[0], ast.FunctionDef)


def _missing(module: LoadedModule, statements: Sequence[Statement], suspects: set[str]) -> tuple[str, int] | None:
    """The first name that is read before it is bound, and the line of the statement that reads it."""
    start = _Start(module, statements)
    for at, statement in enumerate(statements):
        if suspects.isdisjoint(statement.facts.words):
            continue
        for node in statement.facts.nodes:
            for part in _certain(node):
                name = start.missing_in(part, at, _DEPTH) if not depends_on_more(part) else None
                if name is not None:
                    return name, statement.first
            for decorator in getattr(node, "decorator_list", ()):
                name = start.missing_in_decorator(decorator, at)
                if name is not None:
                    return name, statement.first
    return None


def _certain(node: ast.stmt) -> Iterator[ast.AST]:
    """What a statement evaluates in any case."""
    if isinstance(node, (ast.Assign, ast.Expr)):
        yield node.value
    elif isinstance(node, ast.AnnAssign):
        yield from [node.value] if node.value else []
    elif isinstance(node, ast.AugAssign):
        yield node.value
        if isinstance(node.target, ast.Name):
            yield ast.Name(node.target.id, ast.Load())
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from (*node.decorator_list, *node.args.defaults, *(each for each in node.args.kw_defaults if each))
    elif isinstance(node, ast.ClassDef):
        yield from (*node.decorator_list, *node.bases)
    elif isinstance(node, (ast.If, ast.While)):
        yield node.test
    elif isinstance(node, ast.For):
        yield node.iter


class _Start:
    """A module while its statements run for the first time."""

    def __init__(self, module: LoadedModule, statements: Sequence[Statement]) -> None:
        self._module = module
        self._statements = statements

    def missing_in(self, part: ast.AST, at: int, depth: int) -> str | None:
        """A name that is read in an expression and bound later only, when so many statements have run."""
        names = {each.id for each in ast.walk(part) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
        bound = {each.id for each in ast.walk(part) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        for name in sorted(names - bound):
            if self._is_missing(name, at):
                return name
        calls = [each for each in ast.walk(part) if isinstance(each, ast.Call)]
        called = (self._missing_in_call(each.func.id, at, depth) for each in calls if isinstance(each.func, ast.Name))
        return next((each for each in called if each is not None), None)

    def _missing_in_call(self, name: str, at: int, depth: int) -> str | None:
        makers = [each for each in self._statements[:at] if name in each.facts.words and name in each.facts.uses.binds]
        if not depth or not makers or not _is_function(makers[-1]):
            return None
        [node] = makers[-1].facts.nodes
        assert isinstance(node, ast.FunctionDef)
        if node.decorator_list or any(map(depends_on_more, node.body)):
            return None
        reads = makers[-1].facts.uses.later[name]
        for chain in sorted(reads.reads):
            if self._is_missing(chain[0], at):
                return chain[0]
        inner = (self._missing_in_call(each[0], at, depth - 1) for each in sorted(reads.calls) if len(each) == 1)
        return next((each for each in inner if each is not None), None)

    def missing_in_decorator(self, decorator: ast.expr, at: int) -> str | None:
        """The same of what a decorator of the module, or what it gives back, reads when it is called."""
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        makers = [
            each for each in self._statements[:at] if isinstance(call, ast.Name) and call.id in each.facts.uses.binds
        ]
        if not makers or not _is_function(makers[-1]):
            return None
        [node] = makers[-1].facts.nodes
        assert isinstance(node, ast.FunctionDef)
        called, local = [node], _local_names(node)
        if isinstance(decorator, ast.Call):
            given = {
                each.value.id for each in node.body if isinstance(each, ast.Return) and isinstance(each.value, ast.Name)
            }
            called += [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name in given]
        for function in called if not node.decorator_list else ():
            local = local | _local_names(function)
            reached = takewhile(lambda each: not _may_end(each), function.body)
            parts = (part for each in reached for part in _certain(each) if not depends_on_more(part))
            names = {each.id for part in parts for each in ast.walk(part) if isinstance(each, ast.Name)}
            for name in sorted(names - local):
                if self._is_missing(name, at):
                    return name
        return None

    def _is_missing(self, name: str, at: int) -> bool:
        if name.startswith("__") or hasattr(builtins, name):
            return False
        if any(self._may_bind(each, name) for each in self._statements[:at]):
            return False
        return any(name in each.facts.words and name in each.facts.uses.binds for each in self._statements[at:])

    def _may_bind(self, statement: Statement, name: str) -> bool:
        """Whether a statement binds a name, or may do so in a way that its text does not show."""
        facts = statement.facts
        if name in facts.words:
            return name in facts.uses.binds or "globals" in facts.words or "global" in facts.words
        return not _HIDDEN.isdisjoint(facts.words) or name in self._module.bound_by(facts)


def _may_end(statement: ast.stmt) -> bool:
    """Whether a function may end in a statement, so that what comes after it need not be reached."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return False
    return any(isinstance(each, (ast.Return, ast.Raise)) for each in ast.walk(statement))


def _local_names(function: ast.FunctionDef) -> set[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    bound = (each for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
    inner = (each.name for each in function.body if isinstance(each, (ast.FunctionDef, ast.ClassDef)))
    imports = (each for each in ast.walk(function) if isinstance(each, (ast.Import, ast.ImportFrom)))
    aliases = {(alias.asname or alias.name).partition(".")[0] for each in imports for alias in each.names}
    return {*(each.arg for each in named if each), *(each.id for each in bound), *inner, *aliases}


_HIDDEN = frozenset(["*", "globals", "vars", "exec", "setattr", "global"])


def depends_on_more(node: ast.AST) -> bool:
    """Whether what running some code reads depends on what it is given."""
    return any(isinstance(each, _UNSURE) for each in ast.walk(node))
