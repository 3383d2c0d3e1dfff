"""Wait for the exit of the process that started the service."""

from __future__ import annotations

import asyncio
import os

__all__ = ["wait_for_exit"]

_POLL_S = 2.0
"""Seconds between two checks on systems without notification."""


async def wait_for_exit(pid: int) -> None:
    """Return when the process `pid` has exited; never if no such process exists.

    A process of another PID namespace has no number here, so it looks like a process that does not exist.
    Linux notifies through pidfd_open(2); elsewhere the process is checked every two seconds. On Windows, where a
    check would send a signal, this never returns: there the end of input ends the service.

    Args:
        pid: the process ID; 0 if the process has none in this namespace.
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
    while _is_alive(pid):  # noqa: ASYNC110 - the system offers no notification
        await asyncio.sleep(_POLL_S)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it exists, but belongs to another user
        return True
    return True
