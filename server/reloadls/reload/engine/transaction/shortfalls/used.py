"""What used a name before it changed, and won't again: running code, and objects that were made with it."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from re import Pattern
from types import CodeType, FrameType, FunctionType, NoneType
from typing import Any
from weakref import ref

from reloadls.reload.engine.analysis.bytecode import stored_in
from reloadls.reload.engine.analysis.flow import is_behind
from reloadls.reload.engine.objects.changes import attributes_of
from reloadls.reload.engine.objects.containers import CONTAINERS, home_of, is_a
from reloadls.reload.engine.objects.running import GENERATORS, frame_of_generator, frames
from reloadls.reload.engine.program.dependents import Key, Use
from reloadls.reload.engine.program.modules import LoadedModule, Modules

from .notes import Notes

__all__ = ["MODULE", "Used", "constructors_that_read"]

MODULE = "<module>"
"""The name of the code of a module's statements."""
_CONSTRUCTORS = ("__init__", "__new__", "__post_init__")
"""Methods that run once for each object."""
_VALUES = (*CONTAINERS, str, bytes, int, float, complex, tuple, frozenset, os.PathLike, Pattern, timedelta, NoneType)
"""Those that nobody is found to hold."""
_GENERATORS = CO_GENERATOR | CO_ASYNC_GENERATOR
_MOST = 10_000
"""How many objects of one class are counted."""


@dataclass(frozen=True, slots=True, order=True)
class _Use:
    """A name, and whether it is a function that is called, else a value that is read."""

    name: str
    called: bool
    value: object = field(compare=False)
    """What it means now."""


@dataclass(slots=True)
class _Made:
    """The objects that a constructor had made before what it uses changed."""

    module: LoadedModule
    constructor: str
    uses: set[_Use]
    objects: list[ref[Any]] = field(default_factory=list)
    slim: int = 0
    """How many there were that have no weak references."""


class Used:
    """The functions that use what one commit has changed."""

    def __init__(self) -> None:
        self._functions: dict[tuple[LoadedModule, str], set[_Use]] = {}
        self._made: dict[tuple[LoadedModule, str], _Made] = {}

    def add(self, modules: Modules, functions: Iterable[tuple[LoadedModule, str, Use]]) -> None:
        """A name has changed, and nothing that depends on it has run yet.

        Args:
            modules: the program.
            functions: those that use it, each with what it uses.
        """
        made: dict[type, _Made] = {}
        for module, name, ((origin, path), called) in functions:
            value = _value_at(modules.named(origin), path)
            if is_a(value, FunctionType) is not called or not (called or is_a(value, _VALUES)):
                continue  # an object that is made anew is noted where something holds the old one
            used = _Use(path.rpartition(".")[2], called, value)
            cls = _class_of(module, name)
            if cls is None:
                self._functions.setdefault((module, name), set()).add(used)
            elif (module, name) in self._made:
                self._made[module, name].uses.add(used)
            else:
                made[cls] = self._made[module, name] = _Made(module, name, {used})
        if made:
            _find_objects(made)

    def calls_were_made_again(self) -> None:
        """What functions made when they were called is made anew, and in use: only values may be used still."""
        for uses in (*self._functions.values(), *(each.uses for each in self._made.values())):
            uses.difference_update([use for use in uses if use.called])

    def note(self, notes: Notes, is_running: Iterable[CodeType]) -> None:
        """Note the code that has used a name before it changed.

        Args:
            notes: where to.
            is_running: all code that is running: a call that has not returned is no use that is over.
        """
        called = {code.co_name for code in is_running} if self._functions else set()
        for frame in self._frames_of_ours():
            outer = frame.f_code.co_qualname.partition(".<locals>.")[0]
            for (module, name), uses in self._functions.items():
                if module.namespace is frame.f_globals and outer == name:
                    over = {use.name for use in uses if not _holds(frame.f_locals, use)} - called
                    _note_frame(notes, module, frame, over)

    def _frames_of_ours(self) -> Iterator[FrameType]:
        if not self._functions:
            return
        yield from frames()
        if any(_is_context(module.namespace.get(name)) for module, name in self._functions):
            for each in [each for each in gc.get_objects() if type(each) in GENERATORS]:
                frame = frame_of_generator(each)
                if frame is not None:
                    yield frame

    def has_made(self) -> bool:
        """Whether objects are to be looked for once the commit holds nothing any more."""
        return any(each.uses and (each.objects or each.slim) for each in self._made.values())

    def note_made(self, notes: Notes) -> None:
        """Note the objects that were made before the change and are alive still."""
        for each in (made for made in self._made.values() if made.uses):
            alive = sum(found() is not None for found in each.objects) + (_count_again(each) if each.slim else 0)
            if alive:
                cls = each.constructor.rpartition(".")[0]
                why = f"{each.constructor} uses {_listed(sorted(use.name for use in each.uses))}"
                some = f"at least {alive}" if alive >= _MOST else str(alive)
                count = f"{some} {cls} {'object' if alive == 1 else 'objects'}"
                message = f"{why}; {count} made before this edit stay as they are, until a restart"
                message = message.replace(" stay as they are", " stays as it is") if alive == 1 else message
                line = _line_of(each.module, each.constructor)
                notes.add("stillHeld", message, module=each.module, line=line, name=each.constructor)


def constructors_that_read(modules: Modules, key: Key) -> Iterator[tuple[LoadedModule, str, Use]]:
    """The constructors that read an attribute of their class, as `self.NAME`."""
    outer, _, attribute = key[1].rpartition(".")
    cls = _value_at(modules.named(key[0]), outer) if outer else None
    for kind in _with_subclasses(cls, "__init__", inheriting=False) if is_a(cls, type) else ():
        module = modules.named(home_of(kind))
        for method in _CONSTRUCTORS if module is not None else ():
            function: Any = vars(kind).get(method)
            if is_a(function, FunctionType) and _reads(function.__code__, attribute):
                assert module is not None
                yield module, f"{kind.__qualname__}.{method}", (key, False)


def _reads(code: CodeType, attribute: str) -> bool:
    """Whether a constructor has an attribute from its class: what it sets itself (a dataclass's field) is its own."""
    return attribute in code.co_names and attribute not in stored_in(code)


def _note_frame(notes: Notes, module: LoadedModule, frame: FrameType, names: set[str]) -> None:
    code, statement = frame.f_code, None
    if code.co_name == MODULE:
        statement = module.running()
    # Where the statement began when its module was loaded: edits above may have moved it.
    first = 0 if statement is None else frame.f_lineno - (statement.last - statement.first)
    behind = [name for name in sorted(names) if is_behind(code, frame.f_lasti, name, first_line=first)]
    if behind:
        who = "this statement" if statement is not None else code.co_qualname
        message = (
            f"{who} used {_listed(behind)} before this edit, and is still running; restart to apply the edit there"
        )
        line = statement.first if statement is not None else _line_of(module, code.co_qualname)
        notes.add("stillHeld", message, module=module, line=line, name=code.co_qualname)


def _holds(names: Mapping[str, Any], use: _Use) -> bool:
    """Whether something has the very container that it used, which has been changed in place."""
    return is_a(use.value, CONTAINERS) and any(each is use.value for each in list(names.values()))


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _class_of(module: LoadedModule, name: str) -> type | None:
    """The class of which this is a constructor."""
    outer, _, last = name.rpartition(".")
    if not outer or last not in _CONSTRUCTORS:
        return None
    value: Any = module.namespace.get(outer.partition(".")[0])
    for part in outer.split(".")[1:]:
        value = vars(value).get(part) if is_a(value, type) else None
    return value if is_a(value, type) and not issubclass(value, type) else None


def _value_at(module: LoadedModule | None, path: str) -> Any:
    """What a name of a module, or one of its classes, means; a method's function."""
    names = path.split(".")
    value: Any = None if module is None else module.namespace.get(names[0])
    for name in names[1:]:
        value = vars(value).get(name) if is_a(value, type) else None
    value = value.__func__ if is_a(value, (staticmethod, classmethod)) else value
    return value.__wrapped__ if home_of(type(value)) == functools.__name__ and hasattr(value, "__wrapped__") else value


def _is_context(value: Any) -> bool:
    """Whether it is a generator that a decorator runs in two parts, as for `with`: the first part is done once."""
    inner: Any = value.__wrapped__ if is_a(value, FunctionType) and hasattr(value, "__wrapped__") else None
    return is_a(inner, FunctionType) and bool(inner.__code__.co_flags & _GENERATORS)


def _find_objects(made: dict[type, _Made]) -> None:
    """Find the objects that are alive, in one look at memory."""
    kinds: dict[type, list[_Made]] = {}
    for cls, each in made.items():
        for kind in _with_subclasses(cls, each.constructor.rpartition(".")[2]):
            kinds.setdefault(kind, []).append(each)
    for found in gc.get_referrers(*kinds):
        for each in kinds.get(type(found), ()):
            if not all(_holds(attributes_of(found) or {}, use) for use in each.uses) and len(each.objects) < _MOST:
                try:
                    each.objects.append(ref(found))
                except TypeError:
                    each.slim += 1


def _count_again(made: _Made) -> int:
    """How many of the objects without weak references are there still, at most."""
    cls = _class_of(made.module, made.constructor)
    kinds = () if cls is None else tuple(_with_subclasses(cls, made.constructor.rpartition(".")[2]))
    return min(
        made.slim, sum(type(each) in kinds and not hasattr(each, "__weakref__") for each in gc.get_referrers(*kinds))
    )


def _with_subclasses(cls: type, method: str, *, inheriting: bool = True) -> Iterator[type]:
    """A class, and those below it; with `inheriting`, only those that inherit its constructor."""
    function = vars(cls).get(method)
    kinds = [cls]
    for kind in kinds:
        yield kind
        below: list[type] = type.__subclasses__(kind)
        below = [each for each in below if each not in kinds]
        kinds += [each for each in below if not inheriting or _inherits(each, method, function)]


def _inherits(cls: type, method: str, function: object) -> bool:
    return next((vars(each)[method] for each in cls.__mro__ if method in vars(each)), None) is function


def _line_of(module: LoadedModule, name: str) -> int | None:
    first = name.partition(".")[0]
    return next((each.first for each in module.source.statements if first in each.facts.uses.binds), None)
