"""The attributes of a function that is made anew: what others have given it stays, who used what it had runs again."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from reloadls.reload.engine.analysis.names import Chain, has_local
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.values import is_made_again
from reloadls.reload.engine.program.dependents import Origin, value_at
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.undo import Undo

__all__ = ["functions_of", "is_plain", "keep_attributes", "using_attributes"]


def keep_attributes(
    modules: Modules,
    name: str,
    *,
    before: Mapping[str, Any],
    kept: FunctionType,
    all_stay: bool,
    undo: Undo,
    made: Mapping[str, Any],
) -> None:
    """Give a function back what statements and functions of the program have set; what decorators gave is theirs.

    What these have given again as they had made it before is what the program has made of it.

    Args:
        modules: the program.
        name: what it is called.
        before: the attributes that the function had.
        kept: the one that the name means now.
        all_stay: no decorator has given it any.
        undo: takes it back.
        made: what each name and attribute of its module was made as, by `copy_of`.
    """
    own = vars(kept)
    given = before.keys() - {"__wrapped__"}
    if given and not all_stay:
        copies = [(each, made[f"{name}.{each}"]) for each in given & own.keys() if f"{name}.{each}" in made]
        again = {each for each, copy in copies if is_made_again(own[each], before[each], copy, modules.owns)}
        given = (given & _set_by_name(modules, name.rpartition(".")[2])) | again
    missing = [each for each in given if own.get(each, own) is not before[each]]
    if missing:
        values = dict(own)

        def take_back() -> None:
            own.clear()
            own.update(values)

        undo.add(take_back)
        own.update((each, before[each]) for each in before if each in missing)


def using_attributes(modules: Modules, before: Mapping[str, Any], kept: FunctionType) -> Iterator[Origin]:
    """The statements that used an attribute of a function which is another object now: `@main.register("a")`."""
    others = frozenset(each for each, value in vars(kept).items() if before.get(each, before) is not value)
    for module in modules if others else ():
        for statement in module.mentioning(others):
            uses = statement.facts.uses.now
            if any(_leads_through(module, chain, kept, others) for chain in {*uses.reads, *uses.calls}):
                yield module, statement


def _leads_through(module: LoadedModule, chain: Chain, function: FunctionType, names: frozenset[str]) -> bool:
    places = (at for at, name in enumerate(chain) if at and name in names)
    return any(value_at(module, chain[:at]) is function for at in places)


def is_plain(statement: Statement | None) -> bool:
    """Whether a statement just defines a function: then it has given it no attributes."""
    nodes = statement.facts.nodes if statement is not None else ()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return len(nodes) == 1 and isinstance(nodes[0], kinds) and not nodes[0].decorator_list


def functions_of(cls: object) -> dict[str, FunctionType]:
    """The methods of a class, static and class methods too."""
    found = vars(cls).items() if isinstance(cls, type) else ()
    methods = {name: getattr(each, "__func__", each) for name, each in found if is_a(each, _METHODS)}
    return {name: each for name, each in methods.items() if is_a(each, FunctionType)}


_METHODS = (FunctionType, staticmethod, classmethod)


def _set_by_name(modules: Modules, name: str) -> set[str]:
    """The attributes that the program's code sets on what has this name."""
    return {
        attribute
        for module in modules
        for statement in module.mentioning(frozenset({name}))
        for node in statement.facts.nodes
        for attribute in _sets(_walk(node, name), name)
    }


def _walk(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """All nodes inside, without functions that have a variable of this name."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if not (isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and has_local(each, name)):
            yield each
            waiting.extend(ast.iter_child_nodes(each))


def _sets(nodes: Iterable[ast.AST], name: str) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Attribute(value=owner, attr=attribute, ctx=ast.Store()) if _means(owner, name):
                yield attribute
            case ast.Call(func=ast.Name("setattr"), args=[owner, ast.Constant(str(attribute)), _]):
                if _means(owner, name):
                    yield attribute


def _means(node: ast.expr, name: str) -> bool:
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)
