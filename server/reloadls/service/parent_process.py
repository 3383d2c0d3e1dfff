"""When the process that asked for the service dies, the service ends."""

from __future__ import annotations

import asyncio
import os

__all__ = ["wait_for_exit"]

_POLL_S = 2.0
"""Seconds between two looks where the system can't tell by itself."""


async def wait_for_exit(pid: int) -> None:
    """Return when the process `pid` has ended; never if there is none, which is how one of another PID namespace looks.

    0 is the number of one that can't be named here.
    On Linux the kernel tells (pidfd_open(2)); elsewhere the process is looked for every two seconds. On Windows,
    where to look is to signal, this never returns: there the end of input alone tells.
    """
    if os.name == "nt" or pid <= 0:
        await asyncio.Event().wait()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        await asyncio.Event().wait()
        return
    except (AttributeError, OSError):
        await _poll_for_exit(pid)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _poll_for_exit(pid: int) -> None:
    if not _is_alive(pid):
        await asyncio.Event().wait()
    while _is_alive(pid):  # noqa: ASYNC110 - there is nothing to wait for
        await asyncio.sleep(_POLL_S)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, but somebody else's
        return True
    return True
