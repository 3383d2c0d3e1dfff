"""A session's `on_end`: called with a deadline, and without harm from what it raises."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING

from reloadls.pool.callbacks import call_within

from .session import CURRENT, Session

if TYPE_CHECKING:
    from reloadls.pool.clock import Clock
    from reloadls.pool.options import PoolOptions

__all__ = ["call_on_end"]

_log = logging.getLogger(__name__)


async def call_on_end(options: PoolOptions, clock: Clock, context: Context, session: Session) -> None:
    """Call the pool's `on_end` with a session that ends. What it raises is logged.

    Args:
        options: the function, and how long it may take.
        clock: what measures that.
        context: the context variables that it sees.
        session: the session; it is the current one in the function.
    """
    if options.on_end is None:
        return
    context.run(CURRENT.set, session)
    try:
        await call_within(options.on_end, session, seconds=options.end_timeout_s, clock=clock, context=context)
    except asyncio.CancelledError:
        if _is_cancelled():
            raise  # from outside: the event loop ends
        _log.error("on_end of session %r was cancelled", session.id)
    except TimeoutError as error:
        _log.error("on_end of session %r failed: %s", session.id, error)
    except BaseException as error:
        _log.error("on_end of session %r failed: %s", session.id, error, exc_info=error)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
