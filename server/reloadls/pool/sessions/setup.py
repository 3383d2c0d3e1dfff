"""The setup of a process: once, before its first session."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING

from reloadls.pool.callbacks import call_within
from reloadls.pool.errors import SetupFailed

from .namespace import Shared

if TYPE_CHECKING:
    from reloadls.pool.clock import Clock
    from reloadls.pool.options import PoolOptions

__all__ = ["set_up"]


async def set_up(options: PoolOptions, clock: Clock, context: Context) -> Shared:
    """Call `setup` and return what it has put into its argument.

    Args:
        options: the function, and how long it may take.
        clock: what measures that.
        context: the context variables that it sets are the sessions', too.

    Raises:
        SetupFailed: it raised, or took too long.
    """
    shared = Shared()
    if options.setup is None:
        return shared
    try:
        await call_within(options.setup, shared, seconds=options.setup_timeout_s, clock=clock, context=context)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise SetupFailed("setup was cancelled") from error
    except TimeoutError as error:
        raise SetupFailed(f"setup failed: {error}") from error
    except BaseException as error:
        raise SetupFailed(f"setup failed: {type(error).__name__}: {error}") from error
    return shared
