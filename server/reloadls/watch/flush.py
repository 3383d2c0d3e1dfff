"""When a comparison is made, and what it hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reloadls.watch.change import FileChange
from reloadls.watch.debounce import Window
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.sources.choose import SourceName, SourceOptions

__all__ = ["Cause", "Flush", "Pacing"]

_REPORTING_S = 0.05
"""How long before `max_wait` is over a batch is begun, in seconds."""
_COMPARING_S = 0.0009
"""How long before `debounce` is over a batch is begun, in seconds: comparing and telling one file takes so long."""

Cause = Literal["watch", "refresh", "rescan", "save", "startup"]


@dataclass(frozen=True, slots=True)
class Pacing:
    """When batches are made. Times in seconds.

    Attributes:
        debounce: quiet time before a batch.
        max_wait: the longest that a change waits.
        poll_delay: between two looks when polling.
        use: which source produces the hints.
        polls_served: whether what lies on a network, FUSE or container file system is polled beside being watched.
        lead: how long it takes until what is told has its effect: the window closes so much earlier.
    """

    debounce: float = 0.2
    max_wait: float = 2.0
    poll_delay: float = 0.3
    use: SourceName = "auto"
    polls_served: bool = True
    lead: float = 0.0

    def window(self) -> Window:
        """A window of these times that leave time to compare and to tell."""
        left = self.debounce - min(_COMPARING_S, 0.9 * self.debounce)
        return Window(
            left - min(self.lead, left / 3),
            self.max_wait - min(_REPORTING_S, self.max_wait / 20),
        )

    @property
    def source(self) -> SourceOptions:
        """What of it the source needs to know."""
        return SourceOptions(self.debounce, self.use, self.poll_delay, self.polls_served)


@dataclass(frozen=True, slots=True)
class Flush:
    """What one comparison with the disk has found.

    Attributes:
        changes: one per path, in the order in which they were noticed.
        cause: why it was made.
        entries: what is there now of each changed path, None for gone, as far as that was asked for.
        rescoped: whether paths have entered or left the scope, which no change tells of.
    """

    changes: list[FileChange]
    cause: Cause
    rescoped: bool = False
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
