"""Settings of the whole process that no object holds, as attributes of one: `PROCESS`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from reloadls.reload.engine.undo import MISSING

__all__ = ["PROCESS", "read_environment", "read_process", "set_process"]


class _Process:
    """What `gc.disable()`, `os.chdir(...)` and the like change."""


PROCESS: Final = _Process()

_Access = tuple[Callable[[], Any], Callable[[Any], object]]


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


def _set_folder(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _set_collecting(on: bool) -> None:
    (gc.enable if on else gc.disable)()


_ALWAYS: dict[str, _Access] = {
    "recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "switch interval": (lambda: round(sys.getswitchinterval(), 6), sys.setswitchinterval),
    "working directory": (_folder, _set_folder),
    "garbage collection": (gc.isenabled, _set_collecting),
    "garbage collection's thresholds": (
        lambda: " ".join(map(str, gc.get_threshold())),
        lambda found: gc.set_threshold(*map(int, found.split())),
    ),
    "profile function": (sys.getprofile, sys.setprofile),
    "longest number in a text": (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
}


def _of_timer(number: int) -> _Access:
    return (lambda: bool(signal.getitimer(number)[0]), lambda on: None if on else signal.setitimer(number, 0))


if hasattr(signal, "ITIMER_REAL"):
    _ALWAYS["timer"] = _of_timer(signal.ITIMER_REAL)


def _of_socket(module: Any) -> dict[str, _Access]:
    return {"default timeout of sockets": (module.getdefaulttimeout, module.setdefaulttimeout)}


def _of_logging(module: Any) -> dict[str, _Access]:
    return {"disabled level of logging": (lambda: module.root.manager.disable, module.disable)}


def _of_locale(module: Any) -> dict[str, _Access]:
    def get() -> str:
        return str(module.setlocale(module.LC_ALL))

    return {"locale": (get, lambda found: module.setlocale(module.LC_ALL, found))}


def _of_decimal(module: Any) -> dict[str, _Access]:
    def of(name: str) -> _Access:
        return (lambda: getattr(module.getcontext(), name), lambda found: setattr(module.getcontext(), name, found))

    def traps() -> str:
        return " ".join(sorted(each.__name__ for each, on in module.getcontext().traps.items() if on))

    def set_traps(found: str) -> None:
        table = module.getcontext().traps
        for each in list(table):
            table[each] = each.__name__ in found.split()

    settings = {
        f"decimal context's {name}": of(name) for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    }
    return {**settings, "decimal context's traps": (traps, set_traps)}


def _of_asyncio(module: Any) -> dict[str, _Access]:
    def put(policy: Any) -> None:
        module._event_loop_policy = policy

    return {"event loop policy": (lambda: module._event_loop_policy, put)}


def _of_faults(module: Any) -> dict[str, _Access]:
    return {"fault handler": (module.is_enabled, lambda on: module.enable() if on else module.disable())}


def _of_tracing(module: Any) -> dict[str, _Access]:
    return {"tracing of memory": (module.is_tracing, lambda on: module.start() if on else module.stop())}


def _of_csv(module: Any) -> dict[str, _Access]:
    return {"longest field of csv": (module.field_size_limit, module.field_size_limit)}


_IF_LOADED: dict[str, Callable[[Any], dict[str, _Access]]] = {
    "socket": _of_socket,
    "logging": _of_logging,
    "locale": _of_locale,
    "decimal": _of_decimal,
    "asyncio.events": _of_asyncio,
    "faulthandler": _of_faults,
    "tracemalloc": _of_tracing,
    "_csv": _of_csv,
}


_of_loaded: dict[str, tuple[object, dict[str, _Access]]] = {}
"""Name of a module -> the module, and what it has."""


def _accesses() -> dict[str, _Access]:
    found = dict(_ALWAYS)
    for name, access in _IF_LOADED.items():
        module = sys.modules.get(name)
        if module is None:
            continue
        known, accesses = _of_loaded.get(name, (None, {}))
        if known is not module:
            try:
                accesses = access(module)
            except AttributeError:  # another thread is importing it, or it is not the library's
                continue
            _of_loaded[name] = module, accesses
        found.update(accesses)
    return found


def read_process() -> dict[str, Any]:
    """The settings by name."""
    found: dict[str, Any] = {}
    for name, (get, _) in _accesses().items():
        try:
            found[name] = get()
        except Exception:  # noqa: S112 - a module of that name that isn't the library's, or is only half loaded
            continue
    if (csv := sys.modules.get("_csv")) is not None:
        found.update({_DIALECT + str(name): csv.get_dialect(name) for name in csv.list_dialects()})
    return found


_environment: tuple[dict[Any, Any], dict[str, str]] = {}, {}
"""As it was read last: encoded, and decoded."""


def read_environment() -> dict[str, str]:
    """A copy of `os.environ`, which is decoded only if it has changed."""
    global _environment  # noqa: PLW0603 - the process has one
    encoded = getattr(os.environ, "_data", None)
    if type(encoded) is not dict:  # the program's own
        return dict(os.environ)
    before, decoded = _environment
    if encoded != before:
        _environment = dict(encoded), dict(os.environ)
        decoded = _environment[1]
    return dict(decoded)


_DIALECT = "csv dialect "


def set_process(name: str, value: Any) -> None:
    """Change one; MISSING for one that was not there."""
    if name.startswith(_DIALECT):
        _set_dialect(name.removeprefix(_DIALECT), value)
        return
    access = _accesses().get(name)
    if access is not None and value is not MISSING:
        access[1](value)


def _set_dialect(name: str, value: Any) -> None:
    csv = sys.modules["_csv"]
    if value is not MISSING:
        csv.register_dialect(name, value)
    elif name in csv.list_dialects():
        csv.unregister_dialect(name)
