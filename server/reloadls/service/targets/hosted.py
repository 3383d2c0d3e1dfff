"""What programs host changes often: when a client is sent a status that differs in nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from reloadls.protocol import TargetStatus

__all__ = ["HostedPacing"]

_SHORTEST_S: Final = 0.25
"""The shortest time between two such statuses, in seconds."""
_LISTED_PER_S: Final = 4000
"""How many sessions and members a client is sent per second, on average; one takes some 130 bytes."""

Statuses = tuple[TargetStatus, ...]


class HostedPacing:
    """Pure decision logic; no side effects."""

    def __init__(self) -> None:
        self._sent: Statuses = ()
        self._next = 0.0

    def delay_s(self, statuses: Statuses, now: float) -> float:
        """Return how long to wait before these are sent, in seconds; 0 if anything but what programs host differs.

        Args:
            statuses: those of the client's programs.
            now: the time in seconds, of a monotonic clock.
        """
        if list(map(_without_hosted, statuses)) != list(map(_without_hosted, self._sent)):
            return 0.0
        return max(0.0, self._next - now)

    def note_sent(self, statuses: Statuses, now: float) -> None:
        """These have been sent."""
        self._sent = statuses
        self._next = now + max(_SHORTEST_S, _listed(statuses) / _LISTED_PER_S)


def _without_hosted(status: TargetStatus) -> TargetStatus:
    return evolve(status, pools=(), configurations=())


def _listed(statuses: Iterable[TargetStatus]) -> int:
    return sum(
        sum(len(pool.sessions) for pool in status.pools) + sum(len(each.members) for each in status.configurations)
        for status in statuses
    )
