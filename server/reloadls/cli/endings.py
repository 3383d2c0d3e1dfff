"""How a command ends: exit codes, signals, closed pipes, and an error said so that people and programs get it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Final

from .text import json_line, shown

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "OK",
    "USAGE",
    "close_stdout",
    "end_on_sigterm",
    "open_standard_streams",
    "tell_error",
    "when_reader_leaves",
    "when_told_to_end",
]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

_ENDING_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def tell_error(message: str, *, as_json: bool, hint: str = "") -> None:
    """Say what is wrong on stderr, and with `as_json` on stdout too."""
    text = f"reloadls: {shown(message)}\n" + (f"{hint}\n" if hint else "")
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
    if as_json:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(json_line({"error": message.encode("utf-8", "replace").decode()}))
            sys.stdout.flush()


def open_standard_streams() -> None:
    """See to it that descriptors 0 to 2 are open: a file opened later must never be taken for one of them."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as the process


def close_stdout() -> None:
    """Flush what was printed; if nobody reads it any more, that is no error."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextlib.contextmanager
def end_on_sigterm() -> Iterator[None]:
    """Meanwhile SIGTERM ends the program as Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def when_told_to_end(call: Callable[[], object]) -> Iterator[None]:
    """Meanwhile SIGINT, SIGTERM and SIGHUP make the event loop call `call`."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _ENDING_SIGNALS}
    handled = []
    for number in _ENDING_SIGNALS:
        # Windows has none of this, and only the main thread may; there KeyboardInterrupt does it.
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
def when_reader_leaves(fd: int, call: Callable[[], None]) -> Iterator[None]:
    """Meanwhile call `call` if `fd` is a pipe and its reader closes it, even while nothing is written."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        poll = select.poll()
        poll.register(fd, 0)  # only what is always told: errors and hang-ups
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
