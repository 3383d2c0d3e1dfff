"""Requests in flight, and running handlers of every kind to their result.

Our own requests are kept separately: both peers choose their ids freely, so two may be equal.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any, cast

from pygls.feature_manager import is_thread_function

from .envelope import MessageId

__all__ = ["Call", "Calls", "run_handler"]

Handler = Callable[..., Any]
Step = tuple[Handler, tuple[Any, ...] | None, dict[str, Any] | None]
"""What pygls's generator handlers yield: a handler to run and its arguments."""
Steps = Generator[Step, Any, Any]


class Call:
    """One request in flight."""

    def __init__(self, msg_id: MessageId, method: str) -> None:
        self.id = msg_id
        self.method = method
        self.work: asyncio.Future[Any] | None = None


class Calls:
    """The calls in flight. A call can be closed only once, so each request gets exactly one reply."""

    def __init__(self) -> None:
        self._open: dict[MessageId, Call] = {}

    def __contains__(self, msg_id: object) -> bool:
        return msg_id in self._open

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._open.values()))

    def get(self, msg_id: MessageId) -> Call | None:
        """Return the call in flight with that id."""
        return self._open.get(msg_id)

    def open(self, msg_id: MessageId, method: str) -> Call:
        """Add a call; its id must not be in flight."""
        call = self._open[msg_id] = Call(msg_id, method)
        return call

    def close(self, call: Call) -> bool:
        """Remove a call and return whether it was still open."""
        if self._open.get(call.id) is not call:
            return False
        del self._open[call.id]
        return True

    @property
    def pending(self) -> set[asyncio.Future[Any]]:
        """The futures of the calls in flight."""
        return {call.work for call in self._open.values() if call.work is not None}


def run_handler(
    handler: Handler, args: tuple[Any, ...], kwargs: dict[str, Any], pool: Callable[[], Executor]
) -> Any | asyncio.Future[Any]:
    """Run a plain, async, generator or thread handler.

    Work that needs no waiting runs at once, so that messages take effect in the order of their arrival.

    Args:
        handler: the handler.
        args: its positional arguments.
        kwargs: its keyword arguments.
        pool: returns the executor for thread handlers.

    Returns:
        The result, or a future of it.
    """
    if is_thread_function(handler):  # type: ignore[no-untyped-call]  # pygls has no types here
        # The result returns to the loop: only the loop's thread may use the endpoint.
        return asyncio.wrap_future(pool().submit(handler, *args, **kwargs))
    result = handler(*args, **kwargs)
    if inspect.isgenerator(result):
        steps = cast(Steps, result)
        return _run_steps(steps, partial(next, steps), pool)
    if inspect.isawaitable(result):
        return asyncio.ensure_future(result)
    return result


def _run_steps(gen: Steps, advance: Callable[[], Step], pool: Callable[[], Executor]) -> Any:
    """Run a generator handler until it ends (returns its result) or must wait (returns a future of it)."""
    while True:
        try:
            handler, args, kwargs = advance()
        except StopIteration as end:
            return end.value
        try:
            outcome = run_handler(handler, args or (), kwargs or {}, pool)
        except Exception as exc:
            advance = partial(gen.throw, exc)
            continue
        if isinstance(outcome, asyncio.Future):
            return _run_later(gen, outcome, pool)
        advance = partial(gen.send, outcome)


def _run_later(gen: Steps, pending: asyncio.Future[Any], pool: Callable[[], Executor]) -> asyncio.Future[Any]:
    async def finish() -> Any:
        try:
            value = await pending
        except BaseException as exc:
            outcome = _run_steps(gen, partial(gen.throw, exc), pool)
        else:
            outcome = _run_steps(gen, partial(gen.send, value), pool)
        return await outcome if isinstance(outcome, asyncio.Future) else outcome

    task = asyncio.ensure_future(finish())
    # A task that is cancelled before its first step can't cancel `pending` itself.
    task.add_done_callback(lambda done: pending.cancel() if done.cancelled() else None)
    return task
