"""When a comparison is made, and what it delivers."""

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
"""How long before the end of `max_wait` a batch is started, in seconds."""
_COMPARING_S = 0.0009
"""How long before the end of `debounce` a batch is started, in seconds: the time to compare and report one file."""

Cause = Literal["watch", "refresh", "rescan", "save", "startup"]


@dataclass(frozen=True, slots=True)
class Pacing:
    """The timing of batches. Times in seconds.

    Attributes:
        debounce: quiet time before a batch.
        max_wait: the longest time that a change waits.
        poll_delay: time between two polls.
        use: which source produces the hints.
        polls_served: whether network, FUSE and container file systems are polled as well as watched.
        lead: how long a batch takes to have its effect after it was delivered; the window closes earlier by that.
    """

    debounce: float = 0.2
    max_wait: float = 2.0
    poll_delay: float = 0.3
    use: SourceName = "auto"
    polls_served: bool = True
    lead: float = 0.0

    def window(self) -> Window:
        """Return a window with these times, shortened by the time to compare and report."""
        left = self.debounce - min(_COMPARING_S, 0.9 * self.debounce)
        return Window(
            left - min(self.lead, left / 3),
            self.max_wait - min(_REPORTING_S, self.max_wait / 20),
        )

    @property
    def source(self) -> SourceOptions:
        """The options that the source needs."""
        return SourceOptions(self.debounce, self.use, self.poll_delay, self.polls_served)


@dataclass(frozen=True, slots=True)
class Flush:
    """The result of one comparison with the disk.

    Attributes:
        changes: one per path, in the order in which they were noticed.
        cause: why the comparison was made.
        entries: the current entry of each changed path, None if deleted; filled only if requested.
        rescoped: whether paths entered or left the scope. Such paths are not in `changes`.
    """

    changes: list[FileChange]
    cause: Cause
    rescoped: bool = False
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
