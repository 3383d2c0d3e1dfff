"""Calls back when values change: in order, each function isolated and never twice at once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reloadls.config.errors import Refuse
from reloadls.config.problem import Problem

__all__ = ["Callbacks", "Change"]

T = TypeVar("T")
_log = logging.getLogger("reloadls.config")


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One change of the configuration. Its repr shows keys, never values.

    Attributes:
        old: the object before.
        new: the object now.
        keys: the dotted keys whose values differ.
        version: the version of the new one.
    """

    old: T = field(repr=False)
    new: T = field(repr=False)
    keys: tuple[str, ...] = ()
    version: int = 0


class Callbacks:
    """The functions that follow a configuration."""

    def __init__(self) -> None:
        self._before: list[Callable[[Any], Any]] = []
        self._after: list[Callable[[Any], Any]] = []
        self._queue: deque[Change[Any]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[Any] | None = None

    def add(self, function: Callable[[Any], Any], *, before: bool) -> None:
        """Have a function called, from the next change on."""
        (self._before if before else self._after).append(function)

    @property
    def is_caller(self) -> bool:
        """Whether the current task runs a callback, and so must not wait for callbacks."""
        current = asyncio.current_task()
        return current is not None and current in (self._task, self._asking)

    async def ask(self, change: Change[Any], redact: Callable[[str], str]) -> list[Problem]:
        """Ask those that may refuse. What else they raise is a refusal, too."""
        self._asking = asyncio.current_task()
        try:
            for function in list(self._before):
                message = await self._refusal(function, change)
                if message is not None:
                    return [Problem(code="refused", message=redact(message), source=_name(function))]
        finally:
            self._asking = None
        return []

    @property
    def can_be_asked_now(self) -> bool:
        """Whether no function that may refuse is async."""
        return not any(inspect.iscoroutinefunction(function) for function in self._before)

    def ask_now(self, change: Change[Any], redact: Callable[[str], str]) -> list[Problem]:
        """As `ask`, if `can_be_asked_now`."""
        for function in list(self._before):
            try:
                function(change)
            except Refuse as refused:
                message = f"refused: {refused}" if str(refused) else "refused"
            except Exception as error:
                message = f"the callback failed, which is a refusal: {type(error).__name__}: {error}"
            else:
                continue
            return [Problem(code="refused", message=redact(message), source=_name(function))]
        return []

    def post(self, change: Change[Any]) -> None:
        """Have everything called with a change, after those before it."""
        self._queue.append(change)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="reloadls-config-callbacks")

    async def settle(self) -> None:
        """Wait until every function has returned for every change so far."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def stop(self, timeout: float) -> None:
        """Give a running function `timeout` seconds, then cancel it."""
        task = self._task
        if task is None or task.done() or task is asyncio.current_task():
            return
        self._queue.clear()
        await asyncio.wait({task}, timeout=timeout)
        task.cancel()

    async def _refusal(self, function: Callable[[Any], Any], change: Change[Any]) -> str | None:
        try:
            answer = function(change)
            if inspect.isawaitable(answer):
                await answer
        except Refuse as refused:
            return f"refused: {refused}" if str(refused) else "refused"
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return "refused: the callback cancelled itself"
        except Exception as error:
            return f"the callback failed, which is a refusal: {type(error).__name__}: {error}"
        return None

    async def _run(self) -> None:
        while self._queue:
            change = self._queue.popleft()
            for function in list(self._after):
                await self._call(function, change)

    async def _call(self, function: Callable[[Any], Any], change: Change[Any]) -> None:
        try:
            answer = function(change)
            if inspect.isawaitable(answer):
                await answer
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            _log.warning("on_change callback %s cancelled itself", _name(function))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # Without the text and the traceback, which may hold values of the configuration.
            _log.error(
                "on_change callback %s failed for %s: %s%s",
                _name(function), ", ".join(change.keys) or "a change", type(error).__name__, _line(error),
            )  # fmt: skip


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _name(function: Callable[[Any], Any]) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _line(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else f" at {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
