"""What looks at a module, a class or a function as such: at its names, members, signature or documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import all_names_in
from reloadls.reload.engine.analysis.names import Chain, Reads
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import is_a

from .modules import LoadedModule

__all__ = ["is_seen", "looks_at", "looks_at_names", "statements_that_look"]

_Find = Callable[[Chain], Any]
_OF_NAMESPACES = frozenset(["globals", "vars", "dir", "locals", "modules"])
_OF_OBJECTS = frozenset(
    [
        *("__annotations__", "__dataclass_fields__", "__defaults__", "__dict__", "__doc__", "__fields__"),
        *("__kwdefaults__", "__match_args__", "__members__", "__mro__", "__optional_keys__", "__required_keys__"),
        *("__signature__", "_field_defaults", "_fields"),
    ]
)
"""Attributes that say what an object is."""
_LOOKING = frozenset(
    [
        *("dir", "fields", "get_annotations", "get_type_hints", "getdoc", "getfullargspec", "getmembers"),
        *("getmembers_static", "signature", "vars"),
    ]
)
"""Functions that say what an object is."""
_MAKERS = ("__new__", "__init__", "__call__", "__post_init__")


def looks_at(
    reads: Reads,
    find: _Find,
    owns: Callable[[str], bool],
    is_it: Callable[[Any], bool],
    words: frozenset[str] = _OF_OBJECTS | _LOOKING,
    *,
    makers: bool = True,
) -> bool:
    """Whether code looks at an object that it reads.

    Args:
        reads: what the code reads.
        find: what a chain leads to.
        owns: whether a module of this name is the program's.
        is_it: whether a value is the object.
        words: what functions use that look.
        makers: whether classes that look count, too, of which an instance may have state.
    """
    for chain in reads.reads:
        for at, name in enumerate(chain):
            if at and name in _OF_OBJECTS and is_it(find(chain[:at])):
                return True
    given = any(is_it(find(chain)) for chain in reads.handed if _OF_OBJECTS.isdisjoint(chain))
    return given and any(chain[-1] in words or _looks(find(chain), owns, words, makers) for chain in reads.calls)


def _looks(called: Any, owns: Callable[[str], bool], words: frozenset[str], makers: bool) -> bool:
    """Whether one of the program's functions or classes looks at what it is given."""
    for each in _functions_of(called) if makers or not is_a(called, type) else ():
        if owns(str(each.__globals__.get("__name__"))) and not words.isdisjoint(all_names_in(each.__code__)):
            return True
    return False


def _functions_of(called: Any) -> Iterator[FunctionType]:
    if is_a(called, FunctionType):
        yield called
    elif is_a(called, MethodType) and is_a(called.__func__, FunctionType):
        yield called.__func__
    elif is_a(called, type):
        for cls in called.__mro__:
            found = (vars(cls).get(name) for name in _MAKERS)
            yield from (each for each in found if is_a(each, FunctionType))


def statements_that_look(module: LoadedModule, name: str) -> Iterator[Statement]:
    """The statements that look at all names of their module, or make functions that do, when one of these differs."""
    for statement in module.mentioning(_OF_NAMESPACES.union(_names_of_itself(module))):
        uses = statement.facts.uses
        looks = looks_at_names(module, uses.now) and is_seen(module, name, statement)
        if looks or any(reads.namespace for reads in uses.later.values()):
            yield statement


def looks_at_names(module: LoadedModule, reads: Reads) -> bool:
    """Whether code looks at all names of its module."""
    return reads.namespace or not reads.kept.isdisjoint(_names_of_itself(module))


def _names_of_itself(module: LoadedModule) -> set[str]:
    return {name for name, value in list(module.namespace.items()) if value is module.module}


def is_seen(module: LoadedModule, name: str, statement: Statement) -> bool:
    """Whether a module has a name already when a statement runs at a fresh start."""
    binders = [each for each in module.source.statements if name in each.facts.uses.binds]
    return not binders or any(each.first < statement.first for each in binders)
