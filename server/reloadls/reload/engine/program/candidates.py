"""Which objects a line of code can change: what its names lead to, and what the functions that it calls know."""

from __future__ import annotations

import functools
import logging
import opcode
import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
    WrapperDescriptorType,
)
from typing import Any

from reloadls.reload.engine.analysis.codes import CONDITIONAL
from reloadls.reload.engine.objects.changes import Snapshot, attributes_of, state_of
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, is_a, length
from reloadls.reload.engine.objects.contents import content_of, is_iterator, leads_to
from reloadls.reload.engine.objects.process_state import PROCESS, read_process
from reloadls.reload.engine.objects.reach import LONGEST

__all__ = [
    "Line",
    "calls_or_sets_items",
    "lines_with_effects",
    "may_act",
    "names_bound_by",
    "names_in",
    "snapshot",
    "starts_of",
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
_HEAP_TYPE = 1 << 9
_Plain = (
    *(str, bytes, int, float, complex, range, type(None), CodeType),
    *(GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType),
    *(WrapperDescriptorType, MethodWrapperType, ClassMethodDescriptorType),
)


_PLAIN_KINDS = frozenset(_Plain)


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


def may_act(line: Line, namespace: dict[str, Any]) -> bool:
    """Whether a line may change something: reading an item does where the container's class has a method for that."""
    if line.acts:
        return True
    kinds = [type(namespace.get(name)) for name in line.names]
    return any(hasattr(kind, "__missing__") or (kind.__flags__ & _HEAP_TYPE) for kind in kinds)


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


def names_bound_by(code: CodeType) -> frozenset[str]:
    """The names that the statements of a module's code bind themselves."""
    found: set[str] = set()
    argument = 0
    for at in range(0, len(code.co_code), 2):
        argument = argument << 8 | code.co_code[at + 1]
        if code.co_code[at] == _BINDS:
            found.add(code.co_names[argument])
        argument = argument if code.co_code[at] == _EXTENDED else 0
    return frozenset(found)


def calls_or_sets_items(code: CodeType) -> bool:
    """Whether running a code may change more than attributes and names."""
    operations = (opcode.opname[code.co_code[at]] for at in range(0, len(code.co_code), 2))
    return any(name.startswith(("CALL", "STORE_SUBSCR", "DELETE_SUBSCR")) for name in operations)


@functools.lru_cache(maxsize=1024)
def _globals_set_by(code: CodeType) -> frozenset[str]:
    """The names of its module that running a function may set."""
    found: set[str] = set()
    argument = 0
    for at in range(0, len(code.co_code), 2):
        argument = argument << 8 | code.co_code[at + 1]
        if code.co_code[at] == _SETS_GLOBAL:
            found.add(code.co_names[argument])
        argument = argument if code.co_code[at] == _EXTENDED else 0
    return frozenset(found)


def starts_of(names: Iterable[str], namespace: dict[str, Any]) -> list[Any]:
    """The values of a module's names that something may be done to."""
    values = (namespace.get(name) for name in names if name != CONDITIONAL)
    return [value for value in values if not is_a(value, _Plain)]


def snapshot(
    starts: Iterable[Any],
    owns: Callable[[str], bool],
    *,
    most: int,
    line: Line | None = None,
) -> Snapshot:
    """Remember what can be changed from here.

    Args:
        starts: where to begin.
        owns: whether a module of this name is the program's.
        most: how many objects to look at.
        line: what the code that runs sets and reads: the attributes of any object may be set.
    """
    found, starts = Snapshot(), list(starts)
    walk = _Walk(found, owns, line or Line())
    waiting = deque((each, 0) for each in starts)
    seen = {id(each) for each, _ in waiting}
    if waiting:
        _add_tables(found, lists=line is not None and not _LISTS_OF_LOGGERS.isdisjoint(line.attributes))
    for each, _ in waiting if line is not None and line.sets else ():
        if (values := state_of(each)) is not None:
            found.add_attributes(each, values)
    urgent: deque[tuple[Any, int]] = deque()
    late: deque[tuple[Any, int]] = deque()
    while (waiting or urgent or late) and most > 0:
        first = bool(urgent)
        each, depth = (urgent or waiting or late).popleft()
        most -= 1
        for child in walk.visit(each, depth):
            if id(child) not in seen and not _leads_nowhere(child):
                seen.add(id(child))
                if id(child) in walk.urgent or (first and not is_a(each, ModuleType) and len(urgent) < _URGENT):
                    urgent.append((child, depth + 1))
                elif is_a(child, ModuleType) and not owns(child.__name__):
                    late.append((child, depth + 1))
                else:
                    waiting.append((child, depth + 1))
    walk.add_libraries()
    found.is_made_since = lambda each: id(each) not in found and owns(str(type(each).__module__))
    found.in_front = walk.names_one_of(_IN_FRONT)
    if line is not None and (line.sets or line.puts):
        inside = [vars(each).get(name) for each in starts if is_a(each, ModuleType) for name in line.attributes]
        for each in (*starts, *inside):
            found.expect(each, line.texts if is_a(each, dict) else line.stored)
        if line.puts and "environ" in {*line.names, *line.attributes}:
            found.expect(os.environ, line.texts)
    return found


def _leads_nowhere(each: Any) -> bool:
    """Whether nothing can be changed in an object or by it."""
    if type(each) in _PLAIN_KINDS:
        return True
    if is_a(each, BuiltinFunctionType):
        return is_a(each.__self__, (ModuleType, type, type(None)))
    return is_a(each, _Plain) or (is_a(each, type) and not each.__flags__ & _HEAP_TYPE)


_RUN_FOR_CLASSES = frozenset(["__init_subclass__", "__set_name__", "__new__", "__init__", "__prepare__"])
"""Methods that a class statement may run."""
_IN_FRONT = frozenset(["insert", "appendleft", "extendleft"])
_URGENT = 20
"""How many objects may wait that what a line names leads to; others come after them."""

_DATA = frozenset(
    [
        "_weakrefset",
        "argparse",
        "cmd",
        "collections",
        "configparser",
        "contextlib",
        "decimal",
        "email",
        "gettext",
        "graphlib",
        "http",
        "mimetypes",
        "optparse",
        "queue",
        "sched",
        "socketserver",
        "string",
        "types",
        "unittest",
        "urllib",
        "weakref",
        "xml",
        "xmlrpc",
    ]
)
"""Modules of the standard library whose objects are data: what a program puts into them can be taken out again."""
_OF_THE_IMPORT = frozenset(["__builtins__", "__loader__", "__spec__"])
"""Names of a module that lead to the interpreter's own objects, and to so many that no other would be looked at."""
_AT_WORK = frozenset(["_thread", "asyncio", "concurrent", "multiprocessing", "subprocess", "threading"])


class _Walk:
    """Looks at one object after another."""

    def __init__(self, found: Snapshot, owns: Callable[[str], bool], line: Line) -> None:
        self._found = found
        self._owns = owns
        self._attributes = set(line.attributes)
        self._line = line
        self.urgent: set[int] = set()
        """What is looked at before all else: what the line reads of the program's modules, and what it runs."""
        self._stored = line.stored | (line.texts if "setattr" in line.names else set())
        self._libraries: list[Any] = []
        """Objects and classes of libraries, which change of their own accord, too."""
        self._modules: list[ModuleType] = []
        self._looks: dict[type, Callable[[Any, int], Iterable[Any]]] = {}
        self._direct: set[int] = set()
        """Iterators that the program's own modules, functions and objects hold; a library uses its own as it likes."""

    def names_one_of(self, words: frozenset[str]) -> bool:
        """Whether the line, or a function that it may call, reads an attribute of one of these names."""
        return not words.isdisjoint(self._attributes)

    def add_libraries(self) -> None:
        """Remember those attributes of libraries' objects that the program's own code sets."""
        if not self._stored:
            return
        for module in self._modules:
            found = (vars(module).get(name) for name in self._attributes)
            self._libraries += [each for each in found if is_a(each, type)]
        for each in self._libraries:
            values = state_of(each)
            if values is not None:
                self._found.add_attributes(each, values, only=self._stored)

    def visit(self, each: Any, depth: int) -> Iterable[Any]:
        """Remember an object; what it leads to."""
        kind = type(each)
        look = self._looks.get(kind)
        if look is None:
            look = self._looks[kind] = next(getattr(self, name) for kinds, name in _LOOKS_AT if issubclass(kind, kinds))
        return look(each, depth) or self._instance(each, depth)

    def _method(self, method: MethodType, _depth: int) -> Iterable[Any]:
        return (method.__self__, method.__func__)

    def _builtin(self, function: BuiltinFunctionType, _depth: int) -> Iterable[Any]:
        return (function.__self__,)

    def _partial(self, partial: functools.partial[Any], _depth: int) -> Iterable[Any]:
        return (partial.func, *partial.args, *partial.keywords.values())

    def _wrapped(self, wrapper: Any, _depth: int) -> Iterable[Any]:
        return (wrapper.__func__,)

    def _other(self, _each: Any, _depth: int) -> Iterable[Any]:
        return ()

    def _holder(self, container: Any, depth: int) -> Iterable[Any]:
        return [*self._container(container), *self._instance(container, depth)]

    def _function(self, function: FunctionType, depth: int) -> Iterable[Any]:
        space = function.__globals__
        own = self._owns(str(space.get("__name__")))
        if own:
            self._attributes.update(names_in(function.__code__))
            self._stored.update(stored_in(function.__code__))
        values = [space[name] for name in names_in(function.__code__) if name in space] if own else []
        if not own and (names := _globals_set_by(function.__code__)):
            self._add_names(str(space.get("__name__")), space, names)
        if depth == 0:
            self.urgent.update(map(id, values))
        self._hold(values)
        cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        attributes = dict(vars(function))
        self._found.add_attributes(function, attributes)
        return [*values, *cells, *attributes.values(), *(function.__defaults__ or ())]

    def _hold(self, values: Iterable[Any]) -> None:
        self._direct.update(id(each) for each in values if is_iterator(each))

    def _add_names(self, name: str, space: dict[str, Any], names: frozenset[str]) -> None:
        """Remember the names of a library's module that a function of it sets."""
        module = sys.modules.get(name)
        if is_a(module, ModuleType) and vars(module) is space:
            self._found.add_attributes(module, dict(space), only=set(names))

    def _module(self, module: ModuleType, depth: int) -> Iterable[Any]:
        if depth > 1 or module.__name__ in ("typing", "__main__"):
            return ()
        values = dict(vars(module))
        if module.__name__ == "builtins":
            self._found.add_attributes(module, values)
            return ()
        self._found.add_attributes(module, values)
        own = self._owns(module.__name__)
        self.urgent.update(id(values[name]) for name in self._line.attributes if own and name in values)
        if not own:
            self._modules.append(module)
        else:
            self._hold(values.values())
        if not own and module.__name__.partition(".")[0] in _AT_WORK:
            return ()  # what runs is listed there
        found = {name: value for name, value in values.items() if name not in _OF_THE_IMPORT}
        used = self._line.attributes if depth == 0 else ()
        kinds = (FunctionType, type, ModuleType)
        return [each for name, each in found.items() if own or name in used or not is_a(each, kinds)]

    def _class(self, cls: Any, _depth: int) -> Iterable[Any]:
        if not self._owns(str(type.__getattribute__(cls, "__module__"))):
            self._libraries.append(cls)
            return ()
        values = attributes_of(cls) or {}
        self._found.add_attributes(cls, values)
        self.urgent.update(id(value) for name, value in values.items() if name in _RUN_FOR_CLASSES)
        return [*values.values(), *cls.__mro__[1:], type(cls)]

    def _container(self, container: Any) -> Iterable[Any]:
        if length(container) > LONGEST:
            return ()
        content = entries(container)
        if is_a(container, CONTAINERS):
            self._found.add_container(container)
        if is_a(container, dict):
            return [part for pair in content for part in pair]
        return content

    def _instance(self, each: Any, depth: int) -> Iterable[Any]:
        content = content_of(each) if not is_iterator(each) or depth == 0 or id(each) in self._direct else None
        if content is not None:
            self._found.add_whole(each, content)
            return ()
        known = attributes_of(each) if is_a(each, (threading.Event, threading.Semaphore)) else None
        if known is not None:  # gevent's have none
            self._found.add_attributes(each, known, only={"_flag", "_value"})
            return ()
        if is_a(each, threading.local):
            self._found.add_attributes(each, dict(each.__dict__))
            return list(each.__dict__.values())
        return leads_to(each) or self._plain_instance(each)

    def _plain_instance(self, each: Any) -> Iterable[Any]:
        module = str(type(each).__module__)
        package = module.partition(".")[0]
        own = self._owns(module) or is_a(each, SimpleNamespace)
        if package in sys.stdlib_module_names and not own and package not in _DATA:
            return ()  # threads, locks and the like
        values = state_of(each)
        if values is None:
            return (type(each),)
        if own:
            self._hold(values.values())
        if own or package in _DATA:
            self._found.add_attributes(each, values)
        else:
            self._libraries.append(each)
        return [*values.values(), type(each)]


_LOOKS_AT: tuple[tuple[Any, str], ...] = (
    (FunctionType, "_function"),
    (MethodType, "_method"),
    (BuiltinFunctionType, "_builtin"),
    (ModuleType, "_module"),
    (type, "_class"),
    ((*CONTAINERS, tuple, frozenset), "_holder"),
    (functools.partial, "_partial"),
    ((staticmethod, classmethod), "_wrapped"),
    (object, "_other"),
)
"""Classes of objects, and what looks at one."""


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


_LISTS = ((sys, "path"), (sys, "meta_path"), (sys, "path_hooks"), (warnings, "filters"))


_LISTS_OF_LOGGERS = frozenset(["handlers", "filters"])
_NEW_LOGGER = {"level": logging.NOTSET, "propagate": True, "disabled": False}
_OF_WARNINGS = {"showwarning", "formatwarning", "_showwarning_orig", "defaultaction"}


def _add_tables(found: Snapshot, *, lists: bool) -> None:
    """What the interpreter keeps for the whole process.

    Args:
        found: is given it.
        lists: the loggers' lists of handlers and filters, too. What their own methods do is known from these.
    """
    for module, name in _LISTS:
        value = vars(module).get(name)
        if is_a(value, list):
            found.add_container(value)
    found.add_attributes(sys, vars(sys))
    found.add_attributes(warnings, vars(warnings), only=_OF_WARNINGS)
    found.add_attributes(os.environ, dict(os.environ))
    found.add_attributes(PROCESS, read_process())
    found.add_attributes(logging.root, vars(logging.root))
    for logger in _loggers():
        found.add_attributes(logger, vars(logger))
    for logger in [logging.root, *_loggers()] if lists else ():
        found.add_container(logger.handlers)
        found.add_container(logger.filters)
    found.made_since = lambda: [
        (logger, {**vars(logger), **_NEW_LOGGER}) for logger in _loggers() if id(logger) not in found
    ]
    if lists:
        found.filled_since = lambda: [
            each for logger in _loggers() if id(logger) not in found for each in (logger.handlers, logger.filters)
        ]


def _loggers() -> list[Any]:
    return [each for each in list(logging.root.manager.loggerDict.values()) if is_a(each, logging.Logger)]
