"""Notify a command on an event loop of terminating signals and closed pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import stat
from collections.abc import Callable, Iterator

__all__ = ["on_closed_pipe", "on_ending_signal"]

_ENDING_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def on_ending_signal(call: Callable[[], object]) -> Iterator[None]:
    """Within the block, SIGINT, SIGTERM and SIGHUP make the event loop call `call`."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _ENDING_SIGNALS}
    handled = []
    for number in _ENDING_SIGNALS:
        # Not on Windows and not outside the main thread; there KeyboardInterrupt ends the command.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            if before[number] is not signal.SIG_IGN:  # as nohup asks
                loop.add_signal_handler(number, call)
                handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


@contextlib.contextmanager
def on_closed_pipe(fd: int, call: Callable[[], None]) -> Iterator[None]:
    """Within the block, call `call` if `fd` is a pipe and its reader closes it, even while nothing is written."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        poll = select.poll()
        poll.register(fd, 0)  # only what poll always reports: errors and hang-ups
        loop.remove_reader(fd)
        if poll.poll(0):
            call()

    if os.name == "nt" or not stat.S_ISFIFO(os.fstat(fd).st_mode):
        yield
        return
    # The write end of a pipe never becomes readable, but selectors report its hang-up as if it did.
    loop.add_reader(fd, look)
    try:
        yield
    finally:
        loop.remove_reader(fd)
