"""How a user's callback is called: with a deadline, and without harm from what it raises."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from .clock import Clock, all_done
from .options import is_async

__all__ = ["call_within"]


async def call_within(
    function: Callable[..., Any], *args: object, seconds: float, clock: Clock, context: Context
) -> None:
    """Call a function and wait for its end. A plain function runs on a thread of its own, so that the deadline holds.

    Args:
        function: a plain or a coroutine function.
        args: its arguments.
        seconds: how long it may take.
        clock: what measures that.
        context: the context variables that it sees and sets.

    Raises:
        TimeoutError: it took too long. A coroutine is cancelled; a thread is left behind, since it can't be ended.
        BaseException: what it raised.
    """
    work = _as_task(function, args, context) if is_async(function) else _on_thread(function, args, context)
    try:
        in_time = await all_done(clock, [work], seconds)
    except asyncio.CancelledError:
        work.cancel()
        raise
    if not in_time:
        work.cancel()
        raise TimeoutError(f"not done within {seconds:g} s")
    error = asyncio.CancelledError() if work.cancelled() else work.result()
    if error is not None:
        raise error


def _as_task(
    function: Callable[..., Any], args: tuple[object, ...], context: Context
) -> asyncio.Future[BaseException | None]:
    loop = asyncio.get_running_loop()
    return asyncio.Task(_contained(function, args), loop=loop, context=context)


async def _contained(function: Callable[..., Coroutine[Any, Any, object]], args: tuple[object, ...]) -> Any:
    """A task that raised SystemExit would end the event loop, so errors are results here."""
    try:
        await function(*args)
    except GeneratorExit:
        raise
    except BaseException as error:
        return error
    return None


def _on_thread(
    function: Callable[..., Any], args: tuple[object, ...], context: Context
) -> asyncio.Future[BaseException | None]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[BaseException | None] = loop.create_future()

    def work() -> None:
        error: BaseException | None = None
        try:
            context.run(function, *args)
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(_settle, done, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    name = getattr(function, "__qualname__", type(function).__name__)
    threading.Thread(target=work, name=f"reloadls-pool-{name}", daemon=True).start()
    return done


def _settle(done: asyncio.Future[BaseException | None], error: BaseException | None) -> None:
    if not done.done():
        done.set_result(error)
