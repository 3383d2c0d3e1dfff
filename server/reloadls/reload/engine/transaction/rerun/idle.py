"""What statements may have put where it was already: that was no change then, and is one once the first is gone."""

from __future__ import annotations

import ast
import opcode
import os
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from types import CodeType, FunctionType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import globals_set_by, stored_in
from reloadls.reload.engine.analysis.codes import all_codes
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import Snapshot, state_of
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, is_a, length
from reloadls.reload.engine.objects.process_state import PROCESS
from reloadls.reload.engine.objects.values import copy_of, is_immutable, is_plain, same_value
from reloadls.reload.engine.program.candidates import snapshot, starts_of
from reloadls.reload.engine.program.dependents import Origin
from reloadls.reload.engine.program.modules import LoadedModule, Modules
from reloadls.reload.engine.program.placing import later_changes
from reloadls.reload.engine.program.reading import read_by
from reloadls.reload.engine.transaction.lost import Lost
from reloadls.reload.engine.undo import MISSING

__all__ = ["Puts", "that_may_have_put"]

_CONTAINS = opcode.opmap["CONTAINS_OP"]
_ADDS_IF_MISSING = frozenset(["setdefault", "get", "add", "KeyError", "AttributeError", "hasattr"])
"""Names in code that looks whether something is there before it puts it."""
_SET_BY_TEXT = frozenset(["setattr", "__dict__", "vars"])
"""What sets attributes whose names the code may not say."""
_PUT_BY_TEXT = frozenset(["setdefault", "update", "__setitem__", "__ior__", "putenv"])
_TABLES = (*CONTAINERS, tuple)
_MOST = 150
"""How many objects are looked at."""
_PUTS = opcode.opmap["STORE_SUBSCR"]
_COMPUTES = frozenset([opcode.opmap["BUILD_STRING"], opcode.opmap["BINARY_OP"]])


class Puts:
    """What a statement may put, and where, as far as its code and that of the functions shows which it may call."""

    def __init__(self, modules: Modules, module: LoadedModule, statement: Statement) -> None:
        self._modules = modules
        self._module = module
        self._facts = statement.facts
        found = read_by(modules, module, statement)
        made = {id(code) for code in all_codes(module.codes.get(statement.facts, ()))}
        for name in statement.facts.uses.binds if statement.facts.is_definition else ():
            value = module.namespace.get(name)
            if not is_a(value, FunctionType) or id(value.__code__) in made:  # the name may be another's, too
                found[id(value)] = value
        self._found = found

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        """What it evaluates itself: not the bodies of functions that it defines."""
        found: list[ast.AST] = []
        for node in self._facts.nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found += [*node.decorator_list, *node.args.defaults]
            elif isinstance(node, ast.ClassDef):
                inner = (each for each in node.body if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)))
                found += [*node.decorator_list, *node.bases, *node.keywords, *inner]
            else:
                found.append(node)
        return [each for node in found for each in ast.walk(node)]

    @cached_property
    def _snapshot(self) -> Snapshot:
        """What was looked at when it ran, nearly."""
        names = {chain[0] for chain in self._facts.uses.now.reads}
        return snapshot(starts_of(names, self._module.namespace), self._modules.owns, most=_MOST)

    @cached_property
    def owners(self) -> dict[int, Any]:
        """The containers, and what has attributes: id -> object."""
        found = dict(self._found)
        for value in self._found.values():
            if not is_a(value, (*CONTAINERS, FunctionType)):
                parts = (state_of(value) or {}).values()
                found.update((id(each), each) for each in parts if is_a(each, CONTAINERS))
        return found

    def may_make(self, value: Any) -> bool:
        """Whether it may put this value."""
        if id(value) in self._found:
            return True
        copy = copy_of(value)
        if copy is not MISSING and is_immutable(copy):
            return value is None or is_a(value, tuple) or any(same_value(each, value) for each in self._constants)
        return not is_a(value, (FunctionType, type)) and self._looks_first

    def may_put(self, lost: Lost) -> bool:
        """Whether it may put this value there."""
        if not (id(lost.owner) in self.owners or id(lost.owner) in self._snapshot):
            return False
        keyed = lost.attributes or is_a(lost.owner, dict)  # a number under a key may be computed
        others = self._computes or self._looks_first  # what it puts only where nothing is may be another value
        computed = keyed and is_plain(lost.value) and not lost.is_hidden and others
        if not self.may_make(lost.value) and not computed:
            return False
        if lost.owner is os.environ:
            return self._may_put_under(lost.key)
        if lost.attributes:
            return self._may_set(lost.owner, lost.key)
        if is_a(lost.owner, dict):
            of_library = id(lost.owner) not in self.owners
            return (
                not is_plain(lost.value) or (of_library and self._may_name(lost.key)) or self._may_put_under(lost.key)
            )
        return is_a(lost.owner, set) or self.looks_for_entries

    def may_put_under(self, key: Any, value: Any) -> bool:
        """Whether it may put this value under this key, or looks what is there first."""
        if self._looks_first and self._may_put_under(key):
            return True
        made = self.may_make(value) or (is_plain(value) and self._computes)
        return made and (not is_plain(value) or self._may_put_under(key))

    def _may_set(self, owner: Any, attribute: str) -> bool:
        if is_a(owner, ModuleType) and any(attribute in globals_set_by(each) for each in self._codes):
            return True
        if owner is PROCESS or any(attribute in stored_in(each) for each in (*self._codes, *self._methods(owner))):
            return True
        attributes = (each for each in self._nodes if isinstance(each, ast.Attribute))
        if any(each.attr == attribute and isinstance(each.ctx, ast.Store) for each in attributes):
            return True
        return not _SET_BY_TEXT.isdisjoint(self._names) and self._may_name(attribute)

    def _methods(self, owner: Any) -> Iterator[CodeType]:
        """The code of an object's methods that it may call."""
        for kind in type(owner).__mro__:
            for name, value in type.__getattribute__(kind, "__dict__").items():
                if name in self._names and is_a(value, FunctionType):
                    yield value.__code__

    def _may_put_under(self, key: Any) -> bool:
        """Whether it may put something that is no object under a key."""
        puts = any(_PUTS in each.co_code[::2] for each in self._codes) or _stores(self._nodes)
        return (puts or not _PUT_BY_TEXT.isdisjoint(self._names)) and self._may_name(key)

    def _may_name(self, key: Any) -> bool:
        """Whether a key, or the name of an attribute, may come of what it reads."""
        if type(key) is not str or key in self._texts or any(same_value(each, key) for each in self._constants):
            return True
        computes = any(isinstance(each, (ast.JoinedStr, ast.BinOp)) for each in self._nodes)
        operations = (frozenset(each.co_code[::2]) for each in self._codes)
        computes = computes or any(_PUTS in each and not _COMPUTES.isdisjoint(each) for each in operations)
        held = (each for each in self._found.values() if is_a(each, _TABLES))
        return computes or any(type(part) is str and part == key for each in held for part in _parts(each))

    @property
    def _computes(self) -> bool:
        """Whether it computes values itself."""
        kinds = (ast.BinOp, ast.JoinedStr, ast.Subscript, ast.Attribute, ast.Call)
        return sum(isinstance(each, kinds) for each in self._nodes) > 1  # one is what it puts it into, or calls

    @property
    def _looks_first(self) -> bool:
        """Whether it puts something only where it is missing."""
        return not _ADDS_IF_MISSING.isdisjoint(self._names) or self.looks_for_entries

    @cached_property
    def looks_for_entries(self) -> bool:
        """Whether it asks if something is in a container."""
        compared = (each for each in self._nodes if isinstance(each, ast.Compare))
        asks = any(isinstance(operator, (ast.In, ast.NotIn)) for each in compared for operator in each.ops)
        return asks or any(_CONTAINS in each.co_code[::2] for each in self._codes)

    @cached_property
    def _codes(self) -> list[CodeType]:
        """The code of the program's functions that it may call."""
        functions = [each for each in self._found.values() if is_a(each, FunctionType)]
        owned = [each for each in functions if self._modules.owns(str(dict.get(each.__globals__, "__name__")))]
        return list(all_codes(each.__code__ for each in owned))

    @cached_property
    def _names(self) -> set[str]:
        names = set(self._facts.words)
        for each in self._codes:
            names.update(each.co_names)
        return names

    @cached_property
    def _constants(self) -> list[Any]:
        """Numbers and texts, in the code and by the names that it reads."""
        found = list(self._texts.values())
        for code in self._codes:
            found += code.co_consts
        return [*found, *(each for each in self._found.values() if is_plain(each))]

    @cached_property
    def _texts(self) -> dict[Any, Any]:
        """The constants in its own text."""
        found = {each.value: each.value for each in self._nodes if isinstance(each, ast.Constant)}
        return found | {each.arg: each.arg for each in self._nodes if isinstance(each, ast.keyword)}


def that_may_have_put(modules: Modules, lost: Iterable[Lost], given_anew: Collection[int]) -> Iterator[Origin]:
    """The statements that may have put something that is gone, and that was there already when they ran.

    Args:
        modules: the program.
        lost: what is gone.
        given_anew: the ids of what statements have put in this commit where they had put nothing before, some of it
            only because that was gone.
    """
    needed = [(each, _words_for(modules, each)) for each in lost]
    definers: dict[tuple[str, str], frozenset[str]] = {}
    for module in modules if needed else ():
        for each in module.source.statements:
            if not each.facts.uses.value:
                definers.update(((module.name, name), each.facts.words) for name in each.facts.uses.binds)
    for module in modules if needed else ():
        for each in module.source.statements:
            if not _acts(module, each):
                continue
            called = ((home, name.partition(".")[0]) for home, name in module.calls.get(each.facts, ()))
            words = each.facts.words.union(*(definers.get(key, ()) for key in called))
            found = [
                one
                for one, wanted in needed
                if not wanted.isdisjoint(words) or (not wanted and not each.facts.is_definition)
            ]
            if found:
                puts = Puts(modules, module, each)
                if any(_may_have_put(modules, (module, each), puts, one, given_anew) for one in found):
                    yield module, each


def _words_for(modules: Modules, lost: Lost) -> set[str]:
    """Words of which one is in the text that has put something, or of a function that did; none if any may be."""
    value, key = lost.value, lost.key
    if lost.attributes and lost.owner is not os.environ and lost.owner is not PROCESS:
        methods = [
            name
            for kind in type(lost.owner).__mro__
            for name, each in type.__getattribute__(kind, "__dict__").items()
            if is_a(each, FunctionType) and str(key) in stored_in(each.__code__)
        ]
        return {str(key), *_SET_BY_TEXT, *methods}
    if not is_a(value, (FunctionType, type)):
        return set()
    found = {value.__name__}
    for space in modules.spaces():
        for name, held in list(space.items()):
            short = is_a(held, _TABLES) and length(held) <= _MOST
            if held is value or (short and any(part is value for part in _parts(held))):
                found.add(name)
    return found


def _may_have_put(modules: Modules, origin: Origin, puts: Puts, lost: Lost, given_anew: Collection[int]) -> bool:
    if not puts.may_put(lost):
        return False
    module, statement = origin
    own = (each.change for each in module.effects.get(statement.facts, ()) if each.change is not None)
    if any(map(lost.is_of, own)):
        return False
    later = later_changes(modules, module, statement.first, lost.owner)
    return not any(lost.is_of(each) for each in later if id(each) not in given_anew)


def _acts(module: LoadedModule, statement: Statement) -> bool:
    """Whether a statement does more than bind names, and none of it to a value that may have state."""
    uses = statement.facts.uses
    if uses.value and not all(map(module.is_as_made, uses.binds)):
        return False
    if statement.facts.is_definition:
        return any(
            getattr(node, "decorator_list", None) or getattr(node, "bases", None) for node in statement.facts.nodes
        )
    return bool(uses.now.calls) or any(_stores(ast.walk(node)) for node in statement.facts.nodes)


def _stores(nodes: Iterable[ast.AST]) -> bool:
    targets = (each for each in nodes if isinstance(each, (ast.Subscript, ast.Attribute, ast.AugAssign)))
    return any(isinstance(each, ast.AugAssign) or isinstance(each.ctx, ast.Store) for each in targets)


def _parts(container: Any) -> Iterator[Any]:
    """The entries of a container; of a dictionary, its keys and values."""
    for each in entries(container):
        yield from each if is_a(container, dict) else [each]
