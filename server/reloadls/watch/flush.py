"""When a comparison is made, and what it hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reloadls.watch.change import FileChange
from reloadls.watch.sources.make import SourceOptions

__all__ = ["Cause", "Flush", "Pacing", "Paused"]

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
