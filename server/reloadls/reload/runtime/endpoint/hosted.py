"""What the process hosts, for clients: notified of changes at a bounded rate, commands passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from reloadls.base.hosted import Kind, hosted

from .requests import RequestFailed

__all__ = ["HostedNews", "run_command"]

_SHORTEST_S: Final = 0.5
"""The shortest time between two notifications."""
_BYTES_PER_S: Final = 64 * 1024
"""The most that is sent on average: a quarter of what the service accepts of one program."""
_ANSWER_S: Final = 5.0
"""How long a host may take to follow a command, in seconds."""


class HostedNews:
    """Calls `notify` when the status of a host has changed: at once after a quiet time, else as the size allows.

    Args:
        notify: sends the status to all clients; returns how many bytes each of them was sent. Called on the event loop.
    """

    def __init__(self, notify: Callable[[], int]) -> None:
        self._notify = notify
        self._loop = asyncio.get_running_loop()
        self._due = False
        self._pause: asyncio.TimerHandle | None = None
        self._stop: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Follow all hosts of this process."""
        self._stop = hosted.listen(self._on_change)

    def stop(self) -> None:
        """Follow them no longer."""
        self._stop()
        if self._pause is not None:
            self._pause.cancel()

    def _on_change(self) -> None:
        """On any thread, and often: does nothing while a notification is due."""
        if not self._due:
            self._due = True
            try:
                self._loop.call_soon_threadsafe(self._send_unless_paused)
            except RuntimeError:  # the loop is closed
                return

    def _send_unless_paused(self) -> None:
        if self._pause is None:
            self._send()

    def _send(self) -> None:
        self._due = False
        pause = max(_SHORTEST_S, self._notify() / _BYTES_PER_S)
        self._pause = self._loop.call_later(pause, self._resume)

    def _resume(self) -> None:
        self._pause = None
        if self._due:
            self._send()


async def run_command(kind: Kind, name: str, command: str) -> None:
    """Have a host carry out a command, and return once it has followed it.

    Raises:
        RequestFailed: there is no such host, it refused, or its event loop did not answer in time.
    """
    try:
        async with asyncio.timeout(_ANSWER_S):
            await asyncio.wrap_future(hosted.run(kind, name, command))
    except TimeoutError:
        text = f"{name}: can't {command}: its event loop has been busy for {_ANSWER_S:g} s"
        raise RequestFailed(text) from None
    except Exception as error:
        raise RequestFailed(str(error)) from None
