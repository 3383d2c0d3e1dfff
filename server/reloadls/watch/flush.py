"""When a comparison is made, and what it hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reloadls.watch.change import FileChange
from reloadls.watch.debounce import Window
from reloadls.watch.sources.make import SourceOptions

__all__ = ["Cause", "Flush", "Pacing", "Paused"]

_TELLING_S = 0.05
"""How long before `max_wait` is over a batch is begun, in seconds."""

Cause = Literal["watch", "refresh", "rescan", "save", "startup"]


class Paused(Exception):
    """The request can't be done while watching is paused."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """When batches are made. Times in seconds.

    Attributes:
        debounce: quiet time before a batch.
        max_wait: the longest that a change waits.
        poll_delay: between two looks when polling.
        force_polling: never use the system's notifications.
    """

    debounce: float = 0.2
    max_wait: float = 2.0
    poll_delay: float = 0.3
    force_polling: bool = False

    def window(self) -> Window:
        """A window of these times; its `max_wait` leaves time to compare and to tell."""
        return Window(self.debounce, self.max_wait - min(_TELLING_S, self.max_wait / 20))

    @property
    def source(self) -> SourceOptions:
        """What of it the source needs to know."""
        return SourceOptions(self.debounce, self.force_polling, self.poll_delay)


@dataclass(frozen=True, slots=True)
class Flush:
    """What one comparison with the disk has found.

    Attributes:
        changes: one per path, in the order in which they were noticed.
        cause: why it was made.
        rescoped: whether paths have entered or left the scope, which no change tells of.
    """

    changes: list[FileChange]
    cause: Cause
    rescoped: bool = False
