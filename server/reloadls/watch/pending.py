"""Which hints have arrived and have not been compared yet."""

from __future__ import annotations

from dataclasses import dataclass

from reloadls.watch.sources.base import Hints

__all__ = ["LookPlan", "PendingHints"]

_HINT_LIMIT = 50_000
"""With more hints than this, everything is compared."""
_SUSPICION_RATIO = 4.0
"""After a comparison of everything, suspicion alone triggers no other one for this many times its duration."""


@dataclass(frozen=True, slots=True)
class LookPlan:
    """What one comparison looks at.

    Attributes:
        paths: the hinted paths, in order of arrival.
        moves: (from, to) of what the system reported as renamed.
        metadata: those of `paths` whose metadata alone was changed.
        everything: whether everything else is compared, too.
        found_by_looking: whether a loss or a comparison caused it, not a notification.
    """

    paths: tuple[str, ...]
    moves: tuple[tuple[str, str], ...]
    metadata: frozenset[str]
    everything: bool
    found_by_looking: bool


class PendingHints:
    """Collects hints until they are taken. Pure: every time is passed in, in seconds of one monotonic clock.

    A busy tree may overflow the kernel's queue again and again. Comparisons of everything therefore pause in between,
    unless a caller waits for one; hinted paths are compared meanwhile.
    """

    def __init__(self) -> None:
        self._paths: dict[str, bool] = {}
        """Hinted path → whether only its metadata was changed."""
        self._moves: list[tuple[str, str]] = []
        self._moved: set[str] = set()
        self._everything = self._asked = self._found_by_looking = False
        self._suspicion_from = 0.0

    def note(self, hints: Hints) -> None:
        """Add hints."""
        if hints.moved:
            self._moved.update(hints.paths)
        self._moves.extend(hints.moves)
        for path in hints.paths:
            self._paths[path] = self._paths.get(path, True) and path in hints.metadata
        self._found_by_looking = self._found_by_looking or hints.rescan or hints.suspect
        if hints.suspect or len(self._paths) > _HINT_LIMIT:
            self._everything = True

    def request_everything(self) -> None:
        """Make the next comparison include everything, however soon it follows another."""
        self._everything = self._asked = True

    def skip_pause(self) -> None:
        """Skip the pause before a suspected loss is checked: a caller is waiting."""
        self._asked = True

    def take(self, now: float) -> LookPlan:
        """Return what to compare now, and clear it."""
        everything = self._everything and (self._asked or now >= self._suspicion_from)
        metadata = frozenset(path for path, only in self._paths.items() if only)
        look = LookPlan(tuple(self._paths), tuple(self._moves), metadata, everything, self._found_by_looking)
        self._paths, self._moves = {}, []
        self._asked = self._found_by_looking = False
        self._everything = self._everything and not everything
        return look

    @property
    def suspicion_due(self) -> float | None:
        """When a suspected loss is checked; None if there is none."""
        return self._suspicion_from if self._everything else None

    def looked_at_everything(self, begun: float, ended: float) -> None:
        """Note how long a comparison of everything took."""
        self._suspicion_from = ended + _SUSPICION_RATIO * (ended - begun)

    def take_moved(self) -> set[str]:
        """Return the watched paths that are no longer the same file or folder, and clear them."""
        moved, self._moved = self._moved, set()
        return moved
