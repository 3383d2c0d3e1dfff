"""What travels to a worker: data by pickle, functions and classes of the program by reference."""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import partial, reduce
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from reloadls.pool.errors import NotSpawnSafe

__all__ = ["check_callback", "dump", "load", "resolve"]

_WAY_OUT: Final = "move it to module level; pass state through `functools.partial` or `data`"
_DEPTH: Final = 5
_IMPORTABLE: Final = {"reloadls", *sys.builtin_module_names}
"""What each process has, in the same place."""


def check_callback(name: str, function: Callable[..., Any] | None) -> None:
    """Refuse a callback that a worker can't have.

    Args:
        name: the option that it was given as.
        function: a module-level function, a partial of one, or a bound method of an object that can be pickled.

    Raises:
        NotSpawnSafe: it names the object, the attributes that lead to what can't travel, and the way out.
    """
    if function is not None:
        _check(name, function)


def dump(name: str, value: object) -> bytes:
    """Pickle a value.

    Raises:
        NotSpawnSafe: it can't be pickled; the message names which part.
    """
    _check(name, value)
    return _dump(value)


def load(data: bytes) -> Any:
    """The value that was pickled by this program."""
    return pickle.loads(data)  # noqa: S301 - from our own worker, over a private pair of sockets


def resolve(module: str, name: str, file: str | None) -> Any:
    """The function or class that a reference means. A module that can't be imported is loaded from its file."""
    found = sys.modules.get(module) or _import(module, file)
    return reduce(getattr, name.split("."), found)


def _import(module: str, file: str | None) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        spec = importlib.util.spec_from_file_location(module, file) if file is not None else None
        if spec is None or spec.loader is None:
            raise
        found = importlib.util.module_from_spec(spec)
        sys.modules[module] = found
        spec.loader.exec_module(found)
        return found


class _Pickler(pickle.Pickler):
    """Functions and classes travel by reference: module, qualified name, file."""

    def reducer_override(self, value: Any) -> Any:
        """As `pickle.Pickler.reducer_override`."""
        if isinstance(value, FunctionType | type) and value.__module__.partition(".")[0] not in _IMPORTABLE:
            file = getattr(sys.modules.get(value.__module__), "__file__", None)
            if file is not None:
                return resolve, (value.__module__, _reachable(value), file)
        return NotImplemented


def _reachable(value: FunctionType | type) -> str:
    """Its qualified name, if it can be found by that."""
    name = value.__qualname__
    try:
        reduce(getattr, name.split("."), sys.modules[value.__module__])
    except (AttributeError, KeyError):
        raise pickle.PicklingError(f"{value.__module__}.{name} can't be found by its name") from None
    return name


def _dump(value: object) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def _check(name: str, value: object) -> None:
    error = _problem(value)
    if error is None:
        return
    path, found, error = _culprit(name, value, error, _DEPTH)
    raise NotSpawnSafe(f"{path}: {_shown(found)} can't be sent to a worker ({error}); {_WAY_OUT}")


def _problem(value: object) -> str | None:
    try:
        _dump(value)
    except Exception as error:
        return str(error) or type(error).__name__
    return None


def _culprit(path: str, value: object, error: str, depth: int) -> tuple[str, object, str]:
    """The innermost part that can't be pickled."""
    for step, part in _parts(value) if depth else ():
        inner = _problem(part)
        if inner is not None:
            return _culprit(path + step, part, inner, depth - 1)
    return path, value, error


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, partial):
        yield ".func", value.func
        yield from ((f".args[{index}]", each) for index, each in enumerate(value.args))
        yield from ((f".keywords[{key!r}]", each) for key, each in value.keywords.items())
    elif isinstance(value, dict):
        yield from ((f"[{key!r}]", each) for key, each in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{index}]", each) for index, each in enumerate(value))
    elif not isinstance(value, FunctionType | type):
        yield from ((f".{key}", each) for key, each in getattr(value, "__dict__", {}).items())


def _shown(value: object) -> str:
    if isinstance(value, FunctionType | type):
        return f"{value.__module__}.{value.__qualname__}"
    return f"an object of {type(value).__module__}.{type(value).__qualname__}"
