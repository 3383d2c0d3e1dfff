"""What the lines of a code do, and which names and attributes running it may read and set, by its bytecode."""

from __future__ import annotations

import functools
import opcode
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

__all__ = [
    "Line",
    "all_names_in",
    "calls_or_sets_items",
    "cells_set_by",
    "globals_set_by",
    "lines_with_effects",
    "names_bound_by",
    "names_in",
    "stored_in",
]

_ACTS = (
    "CALL",
    "STORE_SUBSCR",
    "STORE_SLICE",
    "STORE_ATTR",
    "DELETE_SUBSCR",
    "DELETE_ATTR",
    "BINARY_OP",
)
_EFFECTS = frozenset(number for name, number in opcode.opmap.items() if name.startswith(_ACTS))
_NAME = opcode.opmap["LOAD_NAME"]
_BINDS = opcode.opmap["STORE_NAME"]
_SETS_GLOBAL = opcode.opmap["STORE_GLOBAL"]
_SETS_CELL = opcode.opmap["STORE_DEREF"]
_SETS = opcode.opmap["STORE_ATTR"]
_PUTS = opcode.opmap["STORE_SUBSCR"]
_READS = opcode.opmap["LOAD_ATTR"]
_SHIFT = 1 if sys.version_info >= (3, 12) else 0
"""The lowest bit says whether a method is loaded."""
_LOOKS = opcode.opmap.get("BINARY_SUBSCR", -1)
_OPERATES = opcode.opmap["BINARY_OP"]
_SUBSCRIPT = next((at for at, (name, _) in enumerate(opcode._nb_ops) if name == "NB_SUBSCR"), -1)  # type: ignore[attr-defined]
_CONST = opcode.opmap["LOAD_CONST"]
_EXTENDED = opcode.opmap["EXTENDED_ARG"]


@dataclass(slots=True)
class Line:
    """What the code of one line of a module reads, and whether it does more than bind names."""

    names: dict[str, None] = field(default_factory=dict)
    acts: bool = False
    looks: bool = False
    """It reads an item, which a container may add for that."""
    sets: bool = False
    """It sets an attribute."""
    puts: bool = False
    """It sets an item."""
    attributes: set[str] = field(default_factory=set)
    """The attributes that it reads."""
    stored: set[str] = field(default_factory=set)
    """The attributes that it sets."""
    texts: set[str] = field(default_factory=set)

    @property
    def runs_text(self) -> bool:
        """It runs code that it is given as text, which may do anything to any name of the module."""
        return not _RUN_TEXT.isdisjoint(self.names)


_RUN_TEXT = frozenset(["exec", "eval"])


def lines_with_effects(code: CodeType) -> dict[int, Line]:
    """The lines of a module's code that may change more than its names."""
    lines = [0] * (len(code.co_code) // 2)
    for start, end, line in code.co_lines():
        lines[start // 2 : end // 2] = [line or 0] * ((end - start) // 2)
    found: dict[int, Line] = {}
    argument = 0
    for at, line in enumerate(lines):
        operation, low = code.co_code[2 * at], code.co_code[2 * at + 1]
        argument = argument << 8 | low
        if operation == _EXTENDED:
            continue
        if operation == _NAME:
            found.setdefault(line, Line()).names[code.co_names[argument]] = None
        elif operation == _CONST and isinstance(text := code.co_consts[argument], str):
            found.setdefault(line, Line()).texts.add(text)
        elif operation == _READS:
            found.setdefault(line, Line()).attributes.add(code.co_names[argument >> _SHIFT])
        elif operation == _CONST and isinstance(inner := code.co_consts[argument], CodeType):
            if inner.co_name.startswith("<") or not inner.co_flags & 1:
                found.setdefault(line, Line()).names.update(dict.fromkeys(names_in(inner)))
        elif operation == _LOOKS or (operation == _OPERATES and argument == _SUBSCRIPT):
            found.setdefault(line, Line()).looks = True
        elif operation in _EFFECTS:
            each = found.setdefault(line, Line())
            each.acts, each.sets = True, each.sets or operation == _SETS
            each.puts = each.puts or operation == _PUTS
            if operation == _SETS:
                each.stored.add(code.co_names[argument])
        argument = 0
    return {line: each for line, each in found.items() if (each.acts or each.looks) and line}


@functools.lru_cache(maxsize=1024)
def all_names_in(code: CodeType) -> tuple[str, ...]:
    """The same as `names_in`, each name once."""
    return tuple(dict.fromkeys(names_in(code)))


def names_in(code: CodeType) -> Iterator[str]:
    """The names that running a code may read, also in functions that it makes."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from names_in(inner)


@functools.lru_cache(maxsize=1024)
def stored_in(code: CodeType) -> frozenset[str]:
    """The attributes that running a code may set, also in functions that it makes."""
    found: set[str] = set()
    argument = 0
    for at in range(0, len(code.co_code), 2):
        operation, low = code.co_code[at], code.co_code[at + 1]
        argument = argument << 8 | low
        if operation == _EXTENDED:
            continue
        if operation == _SETS:
            found.add(code.co_names[argument])
        argument = 0
    if "setattr" in code.co_names:
        found.update(each for each in code.co_consts if isinstance(each, str))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= stored_in(inner)
    return frozenset(found)


def names_bound_by(code: CodeType) -> dict[int, set[str]]:
    """Line -> the names that the statements of a module's code bind there themselves."""
    found: dict[int, set[str]] = {}
    argument = 0
    for start, end, line in code.co_lines():
        for at in range(start, end, 2):
            argument = argument << 8 | code.co_code[at + 1]
            if code.co_code[at] == _BINDS:
                found.setdefault(line or 0, set()).add(code.co_names[argument])
            argument = argument if code.co_code[at] == _EXTENDED else 0
    return found


def calls_or_sets_items(code: CodeType) -> bool:
    """Whether running a code may change more than attributes and names."""
    operations = (opcode.opname[code.co_code[at]] for at in range(0, len(code.co_code), 2))
    return any(name.startswith(("CALL", "STORE_SUBSCR", "DELETE_SUBSCR")) for name in operations)


@functools.lru_cache(maxsize=1024)
def globals_set_by(code: CodeType) -> frozenset[str]:
    """The names of its module that running a function may set, also in functions that it makes."""
    found = {code.co_names[argument] for argument in _arguments_of(code, _SETS_GLOBAL)}
    return frozenset(found.union(*map(globals_set_by, _inside(code))))


@functools.lru_cache(maxsize=1024)
def cells_set_by(code: CodeType) -> frozenset[str]:
    """The variables of the functions around it that running a function may set, also in functions that it makes."""
    own: frozenset[str] = frozenset()
    if code.co_freevars:
        first = code.co_nlocals + sum(name not in code.co_varnames for name in code.co_cellvars)
        places = (argument - first for argument in _arguments_of(code, _SETS_CELL))
        own = frozenset(code.co_freevars[place] for place in places if place >= 0)
    return own.union(*map(cells_set_by, _inside(code))) & {*code.co_freevars}


def _inside(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))


def _arguments_of(code: CodeType, operation: int) -> Iterator[int]:
    """The arguments of all instructions of one kind."""
    argument = 0
    for at in range(0, len(code.co_code), 2):
        argument = argument << 8 | code.co_code[at + 1]
        if code.co_code[at] == operation:
            yield argument
        if code.co_code[at] != _EXTENDED:
            argument = 0
