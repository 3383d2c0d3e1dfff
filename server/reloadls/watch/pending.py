"""What has been hinted and not been looked at yet."""

from __future__ import annotations

from dataclasses import dataclass

from reloadls.watch.sources.base import Hints

__all__ = ["LookPlan", "PendingHints"]

_HINT_LIMIT = 50_000
"""With more hints than this, everything is looked at."""
_SUSPICION_RATIO = 4.0
"""After a look at everything, no other one out of suspicion alone for so many times as long as it took."""


@dataclass(frozen=True, slots=True)
class LookPlan:
    """What one comparison looks at.

    Attributes:
        paths: what was hinted, in the order in which it was.
        moves: (from, to) of what the system says was renamed.
        metadata: those of `paths` of which only the metadata was changed.
        everything: whether all else is looked at, too.
        found_by_looking: whether a loss, or a look, has led to it.
    """

    paths: tuple[str, ...]
    moves: tuple[tuple[str, str], ...]
    metadata: frozenset[str]
    everything: bool
    found_by_looking: bool


class PendingHints:
    """Gathers hints until they are taken. Pure: every time is passed in, in seconds of one monotonic clock.

    A busy tree may overflow the kernel's queue again and again. So that looking at everything never takes up all the
    time, it pauses in between, unless somebody waits for it; what was hinted is looked at meanwhile.
    """

    def __init__(self) -> None:
        self._paths: dict[str, bool] = {}
        """Hinted path → whether only its metadata was changed."""
        self._moves: list[tuple[str, str]] = []
        self._moved: set[str] = set()
        self._everything = self._asked = self._found_by_looking = False
        self._suspicion_from = 0.0

    def note(self, hints: Hints) -> None:
        """These have come."""
        if hints.moved:
            self._moved.update(hints.paths)
        self._moves.extend(hints.moves)
        for path in hints.paths:
            self._paths[path] = self._paths.get(path, True) and path in hints.metadata
        self._found_by_looking = self._found_by_looking or hints.rescan or hints.suspect
        if hints.suspect or len(self._paths) > _HINT_LIMIT:
            self._everything = True

    def request_everything(self) -> None:
        """The next look is at everything, however soon it comes after another."""
        self._everything = self._asked = True

    def skip_pause(self) -> None:
        """Somebody waits: if there is a suspicion, it is looked into now."""
        self._asked = True

    def take(self, now: float) -> LookPlan:
        """What to look at now."""
        everything = self._everything and (self._asked or now >= self._suspicion_from)
        metadata = frozenset(path for path, only in self._paths.items() if only)
        look = LookPlan(tuple(self._paths), tuple(self._moves), metadata, everything, self._found_by_looking)
        self._paths, self._moves = {}, []
        self._asked = self._found_by_looking = False
        self._everything = self._everything and not everything
        return look

    @property
    def suspicion_due(self) -> float | None:
        """When what is suspected is looked into; None if nothing is."""
        return self._suspicion_from if self._everything else None

    def looked_at_everything(self, begun: float, ended: float) -> None:
        """That is how long it took."""
        self._suspicion_from = ended + _SUSPICION_RATIO * (ended - begun)

    def take_moved(self) -> set[str]:
        """The watched paths that are no longer what they were."""
        moved, self._moved = self._moved, set()
        return moved
