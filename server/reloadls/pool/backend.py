"""Where a pool's sessions run: what a pool needs of it, and what it reports to the pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .rebinding.rebinder import Rebinding
from .sessions.life import Life

__all__ = ["Backend", "BackendEvents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendEvents:
    """What a backend reports. All are called on the pool's event loop."""

    ended: Callable[[Life], None]
    """A session has ended."""
    blocked: Callable[[str, str], None]
    """A session blocks its event loop: its id, and a text with the stack."""
    change_waits: Callable[[str], None]
    """A change of code begins to wait for a pinned session."""
    places: Callable[[int], None]
    """So many places can be used from now on."""
    worker: Callable[[str], None]
    """A worker process has died: a text."""
    changed: Callable[[], object]
    """The status of a session has changed otherwise: its state, its pins, the reloads that it has followed."""


class Backend(Protocol):
    """Runs sessions."""

    async def start(self, name: str) -> None:
        """Run `setup`, and be ready for sessions. Raises `SetupFailed`, and has left nothing behind then.

        Args:
            name: what the pool is called in the status of this process.
        """

    def launch(self, life: Life, data: Any) -> None:
        """Start a session; raises where it can't be."""

    async def sent(self, life: Life) -> None:
        """Return when the launch of a session is on its way."""

    async def abandon(self, lives: Sequence[Life]) -> None:
        """End sessions that ignore their cancellation."""

    async def stop(self) -> None:
        """Leave nothing behind; there are no sessions any more."""

    def on_rebind(self, cls: type, rebinding: Rebinding) -> None:
        """Call `rebinding` for objects of a class after a reload."""

    @property
    def change_waits_for(self) -> tuple[str, ...]:
        """The pinned sessions that a change of code waits for."""

    def memory_mb(self) -> float:
        """How much memory the sessions' processes occupy."""
