"""What a leader needs of the member that it is, too."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from reloadls.config.group.commit_flag import CommitFlag
from reloadls.config.group.folder import GroupFolder
from reloadls.config.group.members import MemberFile
from reloadls.config.group.state import GroupState
from reloadls.config.running.engine import Decision, Engine

__all__ = ["GroupOptions", "Host"]


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """How a group works.

    Attributes:
        group: its name.
        together: whether a change takes effect in all members or in none.
        debounce_s: quiet time after the last change of a file, in seconds.
        start_timeout_s: how long a member waits for the first state, in seconds.
    """

    group: str
    together: bool
    debounce_s: float
    start_timeout_s: float


class Host(Protocol):
    """The member.

    Attributes:
        engine: the sources, and what they mean.
        options: how the group works.
        turn: held while a version is decided.
        folder: the group's folder.
        flag: what was committed last.
        member: what this member says about itself.
        state: the group's state, as this member has taken it.
        version: the version that it runs.
    """

    engine: Engine
    options: GroupOptions
    turn: asyncio.Lock
    folder: GroupFolder
    flag: CommitFlag
    member: MemberFile
    state: GroupState
    version: int

    @property
    def prepared(self) -> bool:
        """Whether an offered version is prepared."""

    async def take(self, state: GroupState) -> None:
        """Have a state take effect."""

    async def have_effect(self, decision: Decision, version: int) -> None:
        """Make what was decided the value."""

    async def acknowledge(self) -> None:
        """Say what this member runs."""

    def prepare(self, decision: Decision, version: int) -> None:
        """Have look-ups return this version from its commit on."""

    def settle(self, *, committed: bool) -> None:
        """Have what was prepared take effect, or drop it."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task that ends with the membership."""
