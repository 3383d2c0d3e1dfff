"""What a pool may be given, and what is refused with which message."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from .sessions.namespace import Shared
    from .sessions.session import Session

__all__ = [
    "Callback",
    "Entrypoint",
    "Isolation",
    "PoolOptions",
    "Setup",
    "StartMethod",
    "checked_id",
    "checked_seconds",
    "is_async",
]

Isolation = Literal["coroutine", "process"]
StartMethod = Literal["spawn", "forkserver"]
Entrypoint = Callable[["Session"], Awaitable[object]]
Setup = Callable[["Shared"], object]
Callback = Callable[["Session"], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """The options of one pool, checked.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: a value is out of range.
    """

    entrypoint: Entrypoint
    name: str
    max_sessions: int
    setup: Setup | None
    on_end: Callback | None
    setup_timeout_s: float
    end_timeout_s: float
    close_timeout_s: float
    failure_limit: int
    on_failure_limit: Callable[[int], object] | None
    memory_warn_mb: float
    memory_limit_mb: float
    pin_timeout_s: float
    isolation: Isolation
    processes: int
    start_method: StartMethod

    def __post_init__(self) -> None:
        if not is_async(self.entrypoint):
            raise TypeError(f"entrypoint {self.entrypoint!r}: must be a coroutine function; define it with `async def`")
        if not isinstance(self.name, str):
            raise TypeError(f"name {self.name!r}: must be a string")
        for name in ("setup", "on_end", "on_failure_limit"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                raise TypeError(f"{name} {value!r}: must be a function or None")
        for name in ("max_sessions", "failure_limit", "processes"):
            _check_count(name, getattr(self, name))
        self._check_isolation()
        for name in ("setup_timeout_s", "end_timeout_s", "close_timeout_s"):
            if checked_seconds(name, getattr(self, name)) <= 0:
                raise ValueError(f"{name} {getattr(self, name)!r}: must be above 0 seconds")
        checked_seconds("pin_timeout_s", self.pin_timeout_s)
        for name in ("memory_warn_mb", "memory_limit_mb"):
            _check_megabytes(name, getattr(self, name))
        if 0 < self.memory_limit_mb < self.memory_warn_mb:
            raise ValueError(
                f"memory_warn_mb {self.memory_warn_mb!r}: must not be above memory_limit_mb ({self.memory_limit_mb!r})"
            )

    @property
    def published_name(self) -> str:
        """What status and editor call the pool."""
        if self.name:
            return self.name
        function: object = self.entrypoint
        while isinstance(function, partial):
            function = function.func
        name = getattr(function, "__qualname__", type(function).__name__)
        return str(name).rpartition("<locals>.")[2]

    def _check_isolation(self) -> None:
        if self.isolation not in get_args(Isolation):
            raise ValueError(f"isolation {self.isolation!r}: must be 'coroutine' or 'process'")
        if self.start_method not in get_args(StartMethod):
            raise ValueError(f"start_method {self.start_method!r}: must be 'spawn' or 'forkserver'")
        if self.start_method == "forkserver" and os.name == "nt":
            raise ValueError("start_method 'forkserver': Windows has only 'spawn'")
        if self.isolation == "coroutine" and self.processes != 1:
            raise ValueError(f"processes {self.processes!r}: must be 1 unless isolation is 'process'")
        if self.processes > self.max_sessions:
            raise ValueError(f"processes {self.processes!r}: must not be above max_sessions ({self.max_sessions!r})")


def is_async(function: object) -> bool:
    """Whether calling it gives a coroutine: `async def`, a partial of one, or an object with an async `__call__`."""
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isclass(function) and inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def checked_id(id: str) -> str:
    """The id of a session, if it can be one.

    Raises:
        TypeError: it is not a string.
        ValueError: it is empty.
    """
    if not isinstance(id, str):
        raise TypeError(f"id {id!r}: must be a string")
    if not id:
        raise ValueError("id '': must not be empty")
    return id


def checked_seconds(name: str, value: float) -> float:
    """A time in seconds, if it can be one.

    Raises:
        TypeError: it is not a number.
        ValueError: it is negative, infinite or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} {value!r}: must be a number of seconds")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} {value!r}: must be a finite number of seconds, at least 0")
    return value


def _check_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} {value!r}: must be an integer")
    if value < 1:
        raise ValueError(f"{name} {value!r}: must be at least 1")


def _check_megabytes(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} {value!r}: must be a number of megabytes")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} {value!r}: must be a finite number of megabytes; 0 turns it off")
