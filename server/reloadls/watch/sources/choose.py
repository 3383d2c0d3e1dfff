"""Which source a watcher uses."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reloadls.base.choices import SOURCE_NAMES, SourceName
from reloadls.watch.disk.guarded import GuardedDisk
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.sources.base import Hints, Source
from reloadls.watch.sources.polling import PollingSource
from reloadls.watch.sources.supervised import SAFETY_NET_FLOOR_S, SAFETY_NET_RATIO, SupervisedSource
from reloadls.watch.sources.timing import changed_at

if sys.platform != "win32":  # imported early: a program may drop the right to read modules
    from reloadls.watch.sources.linux.inotify import InotifySource
    from reloadls.watch.sources.linux.kernel import Kernel
elif TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["SOURCE_NAMES", "SnapshotAccess", "SourceName", "SourceOptions", "make_source"]

_SHORTEST_STEP_S = 0.005
_LONGEST_STEP_S = 0.075
"""13 wake-ups a second while nothing changes."""
_STEP_SHARE = 0.375
"""A hint arrives within two steps, each this share of the quiet time, so a late hint is not taken for quiet."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Options of a source.

    Attributes:
        debounce: the window's quiet time in seconds: watchfiles must poll its queue more often for a shorter one.
        use: which source.
        poll_delay: seconds between two polls.
        polls_served: whether network, FUSE and container file systems are polled as well as watched.
    """

    debounce: float
    use: SourceName
    poll_delay: float
    polls_served: bool = True


class SnapshotAccess(Protocol):
    """The parts of the snapshot that sources use."""

    disk: GuardedDisk

    def is_relevant(self, path: str, is_folder: bool | None = None) -> bool:
        """Return whether a hint for `path` could lead to a change. Called on any thread."""

    async def differences(self, only: Iterable[str] | None = None) -> dict[str, Entry | None]:
        """Return the current differences from the snapshot, optionally only in some folders."""

    async def run(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run a blocking call on the disk thread."""


def make_source(
    emit: Callable[[Hints], None],
    disk: SnapshotAccess,
    options: SourceOptions,
    kernel: Callable[[], Kernel] | None = None,
) -> SupervisedSource:
    """Return the source for one pipeline.

    Args:
        emit: called with hints, on the event loop.
        disk: the snapshot.
        options: the source's options.
        kernel: returns the inotify instance to use; None creates one for this source alone.
    """
    dated = _dated(disk)

    def net(emit: Callable[[Hints], None]) -> PollingSource:
        return PollingSource(
            emit, disk.differences, delay=SAFETY_NET_FLOOR_S, dated=dated, net=True, ratio=SAFETY_NET_RATIO
        )

    def polling(emit: Callable[[Hints], None]) -> PollingSource:
        return PollingSource(emit, disk.differences, delay=options.poll_delay, dated=dated)

    if options.use == "polling":
        return SupervisedSource(emit, None, None, polling)
    if options.use == "inotify" or (options.use == "auto" and sys.platform == "linux"):
        return SupervisedSource(emit, lambda emit: _inotify(emit, disk, options, kernel), None, polling)
    return SupervisedSource(emit, lambda emit: _watchfiles(emit, disk, options), net, polling)


def _dated(disk: SnapshotAccess) -> Callable[[Sequence[str], float, float], Awaitable[tuple[float, float]]]:
    async def dated(paths: Sequence[str], noticed: float, bound: float) -> tuple[float, float]:
        when: tuple[float, float] = await disk.run(changed_at, paths, noticed, bound, disk.disk.lstat)
        return when

    return dated


def _inotify(
    emit: Callable[[Hints], None], disk: SnapshotAccess, options: SourceOptions, kernel: Callable[[], Kernel] | None
) -> Source:
    def part(folders: Callable[[], list[str]]) -> Source:
        async def differences() -> dict[str, Entry | None]:
            return await disk.differences(folders())

        return PollingSource(emit, differences, delay=options.poll_delay, dated=_dated(disk))

    return InotifySource(
        emit, disk.is_relevant, disk.run, part, kernel or Kernel, disk=disk.disk, polls_served=options.polls_served
    )


def _watchfiles(emit: Callable[[Hints], None], disk: SnapshotAccess, options: SourceOptions) -> Source:
    from reloadls.watch.sources.watchfiles import WatchfilesSource  # noqa: PLC0415 - Linux does not need it

    step = min(max(options.debounce * _STEP_SHARE, _SHORTEST_STEP_S), _LONGEST_STEP_S)
    return WatchfilesSource(emit, disk.is_relevant, step=step)
