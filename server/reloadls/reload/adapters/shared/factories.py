"""Call an application factory again when its code or its inputs changed, and update the served application."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType, FrameType, FunctionType
from typing import Any
from weakref import ref

from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import Undo

from .instances import on_created

__all__ = ["Factories"]

_OURS = "reloadls.reload.adapters"


@dataclass(frozen=True)
class _Made:
    """How an application was made."""

    factory: FunctionType
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fingerprint: object
    """What identifies the factory's behaviour, without its inner functions."""


class _ByIdentity:
    """Application → how it was made, by identity and without keeping it alive where weak references allow."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[Callable[[], Any], _Made]] = {}

    def __setitem__(self, app: Any, made: _Made) -> None:
        key = id(app)
        try:
            find: Callable[[], Any] = ref(app, lambda _: self._entries.pop(key, None))
        except TypeError:
            find = partial(_itself, app)
        self._entries[key] = find, made

    def items(self) -> list[tuple[Any, _Made]]:
        """Return those that are alive."""
        found = [(find(), made) for find, made in list(self._entries.values())]
        return [(app, made) for app, made in found if app is not None]


def _itself(value: Any) -> Any:
    return value


class Factories:
    """The functions that make the applications of a library.

    Args:
        libraries: the top-level packages of the library.
        become: makes the old application equal the new one: `become(old, new, undo)`.
    """

    def __init__(self, libraries: Collection[str], become: Callable[[Any, Any, Undo], object]) -> None:
        self._libraries = libraries
        self._become = become
        self._records = _ByIdentity()
        self._changed_functions: set[FunctionType] = set()
        self._classes: set[type] = set()
        self._called: set[FunctionType] = set()
        """Factories that statements have called in this commit; what they made is already in use."""
        self._statements_run = False
        self._all_changed = False
        self.made_again = False
        """Whether `settle` has called a factory in this commit."""

    def watch(self, cls: type) -> None:
        """Record each application of a class that is made from now on."""
        on_created(cls, self._record)

    def _record(self, app: Any) -> None:
        frame = _factory_frame(self._libraries)
        function = None if frame is None else frame.f_globals.get(frame.f_code.co_name)
        if frame is None or not isinstance(function, FunctionType) or function.__code__ is not frame.f_code:
            return
        found = inspect.getargvalues(frame)
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        args = [found.locals[name] for name in names if name in found.locals]
        args += found.locals.get(found.varargs or "", ())
        only = frame.f_code.co_varnames[len(names) : len(names) + frame.f_code.co_kwonlyargcount]
        kwargs = {name: found.locals[name] for name in only if name in found.locals}
        kwargs |= found.locals.get(found.keywords or "", {})
        if self._statements_run:
            self._called.add(function)
        self._records[app] = _Made(function, tuple(args), kwargs, _fingerprint(function))

    # -- called by the engine

    def begin(self) -> None:
        """Statements are about to run."""
        self._statements_run, self.made_again = True, False

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """Record that calls of this function now behave differently."""
        function: Any = space.get(name)
        if is_a(function, FunctionType):
            self._changed_functions.add(function)

    def all_differ(self) -> None:
        """Record that something any factory may have read has changed."""
        self._all_changed = True

    def class_changed(self, cls: type) -> None:
        """Record a class, which a factory may have read."""
        self._classes.add(cls)

    def settle(self, undo: Undo) -> bool:
        """Call the factories that are due again, and update their applications; raises what a factory raises.

        Returns:
            Whether anything was made.
        """
        due = [(app, made) for app, made in self._records.items() if self._is_due(made)]
        called = set(self._called)
        self.end()
        self.made_again = False
        for app, made in due:
            undo.add(lambda app=app, made=made: self._records.__setitem__(app, made))  # type: ignore[misc]
            if made.factory not in called and not _is_running(made.factory):
                self._become(app, _make(made, type(app)), undo)
                self.made_again = True
            self._records[app] = replace(made, fingerprint=_fingerprint(made.factory))
        return self.made_again

    def end(self) -> None:
        """Forget what changed."""
        self._changed_functions, self._classes, self._called = set(), set(), set()
        self._statements_run = self._all_changed = False

    def _is_due(self, made: _Made) -> bool:
        if (
            self._all_changed
            or made.factory in self._changed_functions
            or made.fingerprint != _fingerprint(made.factory)
        ):
            return True
        return bool(self._classes) and any(each in self._classes for each in _classes_of(made.factory))


def _make(made: _Made, kind: type) -> Any:
    """Call a factory again; raises CantBeLive if the result is of another type."""
    name = made.factory.__qualname__
    if inspect.iscoroutinefunction(made.factory):
        raise CantBeLive(f"{name} made an application, and a coroutine can't run while the program is held")
    new = made.factory(*made.args, **made.kwargs)
    if type(new) is not kind:
        raise CantBeLive(f"{name} made an application that is served, but now returns something else")
    return new


def _is_running(function: FunctionType) -> bool:
    """Return whether a call is in progress: a factory that also serves the application is not called again."""
    frames: list[FrameType | None] = list(sys._current_frames().values())
    while frames:
        frame = frames.pop()
        while frame is not None:
            if frame.f_globals is function.__globals__ and frame.f_code.co_qualname == function.__code__.co_qualname:
                return True
            frame = frame.f_back
    return False


def _factory_frame(libraries: Collection[str]) -> FrameType | None:
    """Return the frame of the program's innermost running function, other than `__init__`."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if (
            not name.startswith(_OURS)
            and name.partition(".")[0] not in libraries
            and frame.f_code.co_name != "__init__"
        ):
            return None if frame.f_code.co_name == "<module>" else frame
        frame = frame.f_back
    return None


def _fingerprint(function: FunctionType) -> object:
    code = function.__code__
    consts = tuple(repr(each) for each in code.co_consts if not isinstance(each, CodeType))
    inner = tuple(each.co_name for each in code.co_consts if isinstance(each, CodeType))
    return code.co_code, code.co_names, code.co_varnames, consts, inner, repr(function.__defaults__)


def _classes_of(function: FunctionType) -> Sequence[type]:
    """Return the classes that a function reads by name, or names in a string such as "app.config.Config"."""
    names = function.__code__.co_names
    found: list[Any] = [value for name in names if is_a(value := function.__globals__.get(name), type)]
    for text in [each for each in function.__code__.co_consts if isinstance(each, str) and "." in each]:
        module, _, name = text.rpartition(".")
        value = getattr(sys.modules.get(module), name, None)
        found += [value] if is_a(value, type) else []
    return found
