"""Which source a watcher gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reloadls.watch.folder import Entry
from reloadls.watch.sources.base import Hints
from reloadls.watch.sources.native import NativeSource
from reloadls.watch.sources.polling import PollingSource
from reloadls.watch.sources.supervised import SAFETY_NET_FLOOR_S, SAFETY_NET_RATIO, SupervisedSource

__all__ = ["SourceOptions", "make_source"]

_SHORTEST_STEP_S = 0.005
_LONGEST_STEP_S = 0.075
"""13 wake-ups a second while nothing happens."""
_STEP_SHARE = 0.375
"""A hint comes within two steps: a step's share of the quiet time, so that quiet is never taken for late hints."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a source is made of.

    Attributes:
        debounce: the window's quiet time in seconds: a shorter one needs hints sooner, at the price of more wake-ups.
        force_polling: never use the system's notifications.
        poll_delay: seconds between two looks when polling.
    """

    debounce: float
    force_polling: bool
    poll_delay: float


def make_source(
    emit: Callable[[Hints], None],
    concerns: Callable[[str], bool],
    differences: Callable[[], Awaitable[dict[str, Entry | None]]],
    options: SourceOptions,
) -> SupervisedSource:
    """The source for one pipeline.

    Args:
        emit: called with hints, on the event loop.
        concerns: whether a path matters; called on any thread.
        differences: what differs from the snapshot now; awaited off the event loop.
        options: what it is made of.
    """
    step = min(max(options.debounce * _STEP_SHARE, _SHORTEST_STEP_S), _LONGEST_STEP_S)

    def native(emit: Callable[[Hints], None]) -> NativeSource:
        return NativeSource(emit, concerns, step=step)

    def net(emit: Callable[[Hints], None]) -> PollingSource:
        return PollingSource(emit, differences, delay=SAFETY_NET_FLOOR_S, net=True, ratio=SAFETY_NET_RATIO)

    def polling(emit: Callable[[Hints], None]) -> PollingSource:
        return PollingSource(emit, differences, delay=options.poll_delay)

    return SupervisedSource(emit, None if options.force_polling else native, net, polling)
