"""Settings of the whole process that no object holds, seen as the attributes of one: `PROCESS`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

__all__ = ["PROCESS", "read_process", "set_process"]


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

    return {f"decimal context's {name}": of(name) for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")}


def _of_asyncio(module: Any) -> dict[str, _Access]:
    def put(policy: Any) -> None:
        module._event_loop_policy = policy

    return {"event loop policy": (lambda: module._event_loop_policy, put)}


_IF_LOADED: dict[str, Callable[[Any], dict[str, _Access]]] = {
    "socket": _of_socket,
    "logging": _of_logging,
    "locale": _of_locale,
    "decimal": _of_decimal,
    "asyncio.events": _of_asyncio,
}


def _accesses() -> dict[str, _Access]:
    found = dict(_ALWAYS)
    for name, access in _IF_LOADED.items():
        module = sys.modules.get(name)
        if module is None:
            continue
        try:
            found.update(access(module))
        except AttributeError:  # another thread is importing it, or it is not the library's
            continue
    return found


def read_process() -> dict[str, Any]:
    """The settings by name."""
    found: dict[str, Any] = {}
    for name, (get, _) in _accesses().items():
        try:
            found[name] = get()
        except Exception:  # noqa: S112 - a module of that name that isn't the library's, or is only half loaded
            continue
    return found


def set_process(name: str, value: Any) -> None:
    """Change one."""
    access = _accesses().get(name)
    if access is not None:
        access[1](value)
