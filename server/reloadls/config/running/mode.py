"""How a configuration runs: alone, or in a group of processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reloadls.config.source import MemberState
from reloadls.config.values.candidate import Candidate

__all__ = ["Mode"]


class Mode(Protocol):
    """What `LiveConfig` asks of it.

    Attributes:
        leader: the process that fetches for the group; None without a group.
        pinned: the version that it was pinned to.
        prepared: whether a look-up must ask `committed`.
    """

    @property
    def leader(self) -> int | None:
        """See above."""

    @property
    def leader_since(self) -> float | None:
        """Since when, in seconds since the epoch."""

    @property
    def pinned(self) -> int | None:
        """See above."""

    @property
    def prepared(self) -> bool:
        """See above."""

    async def start(self) -> None:
        """Return once there is a value."""

    async def stop(self) -> None:
        """End at once."""

    async def sync(self) -> None:
        """Return when what was on disk before the call is in, or reported."""

    async def pin(self, version: int | None) -> None:
        """Go back to a version, or follow the sources again."""

    def members(self) -> Sequence[MemberState]:
        """Return what each process runs."""

    def committed(self) -> tuple[Candidate, int] | None:
        """Return what was prepared, with its version, once it is in effect in all processes."""
