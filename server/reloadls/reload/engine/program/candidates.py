"""Which objects a line of code can change: what its names lead to, and what the functions that it calls know."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from itertools import chain
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GeneratorType,
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

from reloadls.reload.engine.analysis.bytecode import Line, all_names_in, cells_set_by, globals_set_by, stored_in
from reloadls.reload.engine.analysis.codes import CONDITIONAL
from reloadls.reload.engine.objects.by_class import ByClass
from reloadls.reload.engine.objects.changes import Snapshot, attributes_of, state_of
from reloadls.reload.engine.objects.containers import CONTAINERS, entries, home_of, is_a, length
from reloadls.reload.engine.objects.contents import content_of, is_iterator, leads_elsewhere, leads_to, may_have_content
from reloadls.reload.engine.objects.process_state import PROCESS, read_environment, read_process
from reloadls.reload.engine.objects.reach import LONGEST

__all__ = [
    "may_act",
    "snapshot",
    "starts_of",
]

_HEAP_TYPE = 1 << 9
_Plain = (
    *(str, bytes, int, float, complex, range, type(None), CodeType),
    *(GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType),
    *(WrapperDescriptorType, MethodWrapperType, ClassMethodDescriptorType),
)


_PLAIN_KINDS = frozenset(_Plain)


def may_act(line: Line, namespace: dict[str, Any]) -> bool:
    """Whether a line may change something: reading an item does where the container's class has a method for that."""
    if line.acts:
        return True
    kinds = [type(namespace.get(name)) for name in line.names]
    return any(hasattr(kind, "__missing__") or (kind.__flags__ & _HEAP_TYPE) for kind in kinds)


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
    walk.named = set(seen)
    if waiting:
        _add_tables(found, lists=line is not None and not _LISTS_OF_LOGGERS.isdisjoint(line.attributes))
    for each, _ in waiting if line is not None and line.sets else ():
        if (values := state_of(each)) is not None:
            found.add_attributes(each, values)
    urgent: deque[tuple[Any, int]] = deque()
    inside: deque[tuple[Any, int]] = deque()  # what libraries' own objects lead to
    late: deque[tuple[Any, int]] = deque()
    of_libraries = most // 3
    while (waiting or urgent or (inside and of_libraries > 0) or late) and most > 0:
        first = bool(urgent)
        line_up = urgent or waiting or (inside if of_libraries > 0 else None) or late
        each, depth = line_up.popleft()
        most -= 1
        of_libraries -= line_up is inside
        found_in = walk.visit(each, depth)
        below = inside if line_up is inside or (found_in and walk.is_of_library(each)) else waiting
        first = first and below is waiting and not is_a(each, ModuleType)
        is_full = len(below) >= most  # what comes behind is not looked at any more
        for child in found_in:
            if is_full and not (first and len(urgent) < _URGENT) and id(child) not in walk.urgent:
                continue
            if type(child) in _PLAIN_KINDS or (key := id(child)) in seen or _leads_nowhere(child):
                continue
            seen.add(key)
            if key in walk.urgent or (first and len(urgent) < _URGENT):
                urgent.append((child, depth + 1))
            elif type(child) is ModuleType and not owns(child.__name__):
                late.append((child, depth + 1))
            else:
                below.append((child, depth + 1))
                is_full = len(below) >= most
    walk.add_libraries()
    found.is_made_since = lambda each: id(each) not in found and owns(home_of(type(each)))
    found.in_front = walk.names_one_of(_IN_FRONT)
    if line is not None and (line.sets or line.puts):
        _expect(found, starts, line)
    return found


def _expect(found: Snapshot, starts: Iterable[Any], line: Line) -> None:
    """Have what a line sets count as set, also to the value that it had."""
    read = [vars(each).get(name) for each in starts if is_a(each, ModuleType) for name in line.attributes]
    for each in (*starts, *read):
        found.expect(each, line.texts if is_a(each, dict) else line.stored)
    if line.puts and "environ" in {*line.names, *line.attributes}:
        found.expect(os.environ, line.texts)


def _leads_nowhere(each: Any) -> bool:
    """Whether nothing can be changed in an object or by it."""
    nowhere = _kind_of(type(each)).nowhere
    return nowhere if nowhere is not None else _is_fixed(each)


def _is_fixed(each: Any) -> bool:
    """Whether a class or a function that is written in C has nothing that a program can change."""
    if is_a(each, type):
        return not each.__flags__ & _HEAP_TYPE
    return is_a(each.__self__, (ModuleType, type, type(None)))


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
        self.named: set[int] = set()
        """What the text of the line leads to: `app` and `app.filters` of `app.filters.add(…)`."""
        self._stored = line.stored | (line.texts if "setattr" in line.names else set())
        self._libraries: list[Any] = []
        """Objects and classes of libraries, which change of their own accord, too."""
        self._modules: list[ModuleType] = []
        self._direct: set[int] = set()
        """Iterators that the program's own modules, functions and objects hold; a library uses its own as it likes."""

    def is_of_library(self, each: Any) -> bool:
        """Whether an object that was looked at is an instance of a library's class."""
        return bool(self._libraries) and self._libraries[-1] is each

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
        kind = _kind_of(type(each))
        if kind.look is not None and ((found := kind.look(self, each, depth)) or kind.has_no_others):
            return found
        return self._instance(each, depth) if kind.is_special else self._plain_instance(each)

    def _method(self, method: MethodType, _depth: int) -> Iterable[Any]:
        return (method.__self__, method.__func__)

    def _builtin(self, function: BuiltinFunctionType, _depth: int) -> Iterable[Any]:
        return (function.__self__,)

    def _partial(self, partial: functools.partial[Any], _depth: int) -> Iterable[Any]:
        return (partial.func, *partial.args, *partial.keywords.values())

    def _wrapped(self, wrapper: Any, _depth: int) -> Iterable[Any]:
        return (wrapper.__func__,)

    def _builtin_container(self, container: Any, _depth: int) -> Iterable[Any]:
        return self._container(container)

    def _holder(self, container: Any, depth: int) -> Iterable[Any]:
        return [*self._container(container), *self._instance(container, depth)]

    def _function(self, function: FunctionType, depth: int) -> Iterable[Any]:
        space, code = function.__globals__, function.__code__
        values: list[Any] = []
        if self._owns(str(space.get("__name__"))):
            names = all_names_in(code)
            self._attributes.update(names)
            self._stored.update(stored_in(code))
            values = [space[name] for name in names if name in space]
        if changed := globals_set_by(code):
            self._add_names(str(space.get("__name__")), space, changed)
        if depth == 0:
            self.urgent.update(map(id, values))
        self._hold(values)
        filled = [cell for cell in function.__closure__ or () if _is_filled(cell)]
        for cell in filled if cells_set_by(code) else ():
            self._found.add_attributes(cell, {"cell_contents": cell.cell_contents})
        cells = [cell.cell_contents for cell in filled]
        attributes = dict(vars(function))
        self._found.add_attributes(function, attributes)
        return [*values, *cells, *attributes.values(), *(function.__defaults__ or ())]

    def _generator(self, generator: GeneratorType[Any, Any, Any], depth: int) -> Iterable[Any]:
        """What it goes on with: its variables, and the names of its module."""
        frame, itself = generator.gi_frame, self._instance(generator, depth)
        if frame is None or not self._owns(str(frame.f_globals.get("__name__"))):
            return itself
        space, names = frame.f_globals, all_names_in(frame.f_code)
        self._attributes.update(names)
        self._stored.update(stored_in(frame.f_code))
        self._add_names(str(space.get("__name__")), space, globals_set_by(frame.f_code))
        return [*itself, *frame.f_locals.values(), *(space[name] for name in names if name in space)]

    def _hold(self, values: Iterable[Any]) -> None:
        self._direct.update(id(each) for each in values if is_iterator(each))

    def _add_names(self, name: str, space: dict[str, Any], names: frozenset[str]) -> None:
        """Remember the names of a module that a function of it sets."""
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
        if not self._owns(home_of(cls)):
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
            return chain.from_iterable(content)
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
        module = home_of(type(each))
        package = module.partition(".")[0]
        own = self._owns(module) or is_a(each, SimpleNamespace)
        if package in sys.stdlib_module_names and not own and package not in _DATA:
            return ()  # threads, locks and the like
        values = state_of(each)
        if values is None:
            return (type(each),)
        if own:
            self._hold(values.values())
        if id(each) in self.named:
            self._follow(values)
        if own or package in _DATA:
            self._found.add_attributes(each, values)
        else:
            self._libraries.append(each)
        return [*values.values(), type(each)]

    def _follow(self, values: dict[str, Any]) -> None:
        """Look first at what the line reads of an object that it names; where that ends, at all that the object has."""
        read = [values[name] for name in self._line.attributes if name in values]
        self.named.update(map(id, read))
        self.urgent.update(map(id, read or values.values()))


_Look = Callable[["_Walk", Any, int], Iterable[Any]]
_LOOKS_AT: tuple[tuple[Any, _Look], ...] = (
    (FunctionType, _Walk._function),
    (MethodType, _Walk._method),
    (GeneratorType, _Walk._generator),
    (BuiltinFunctionType, _Walk._builtin),
    (ModuleType, _Walk._module),
    (type, _Walk._class),
    ((*CONTAINERS, tuple, frozenset), _Walk._holder),
    (functools.partial, _Walk._partial),
    ((staticmethod, classmethod), _Walk._wrapped),
)
"""Classes of objects, and what looks at one."""


class _Kind:
    """What is known of all objects of a class."""

    __slots__ = ("has_no_others", "is_special", "look", "nowhere")

    def __init__(self, cls: type) -> None:
        self.nowhere: bool | None = issubclass(cls, _Plain)
        """Whether nothing can be changed in them or by them; None where that depends."""
        if not self.nowhere and issubclass(cls, (type, BuiltinFunctionType)):
            self.nowhere = None
        self.look = next((look for kinds, look in _LOOKS_AT if issubclass(cls, kinds)), None)
        is_builtin = not cls.__flags__ & _HEAP_TYPE and home_of(cls) in ("builtins", "collections")
        if is_builtin and self.look is _Walk._holder:
            self.look = _Walk._builtin_container
        self.has_no_others = is_builtin or self.look is _Walk._class
        """All that they lead to is found by `look`."""
        self.is_special = (
            issubclass(cls, (threading.Event, threading.Semaphore, threading.local))
            or may_have_content(cls)
            or leads_elsewhere(cls)
        )


_kind_of = ByClass(_Kind)


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
    found.add_attributes(os.environ, read_environment())
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
