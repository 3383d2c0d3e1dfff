"""The interface of every source of hints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from reloadls.watch.snapshot.folder import Folder
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.snapshot.roots import WatchSet

__all__ = ["Backend", "FailureCode", "Hints", "Source", "SourceFailed", "RecursiveSource"]

Backend = Literal["native", "polling"]
FailureCode = Literal["watchLimit", "permissionDenied", "tooManyFiles", "undecodable", "backendFailed"]


@dataclass(frozen=True, slots=True)
class Hints:
    """Paths that may have changed, in the order in which they were noticed.

    Attributes:
        paths: absolute paths; a folder means everything below it.
        at: when the newest of them changed, in seconds of ``time.monotonic``, as far as known.
        first: when the oldest of them changed, if known to be earlier.
        suspect: whether other hints may have been lost, so that everything must be compared.
        rescan: whether they were found by a comparison, not reported by the system.
        moved: whether a watched path is a different file or folder now and must be watched anew.
        moves: (from, to) of renames reported by the system, in order.
        metadata: those of `paths` whose metadata alone was changed, according to the system.
        failure: why the source has ended; None while it is running.
    """

    paths: tuple[str, ...] = ()
    at: float = 0.0
    first: float | None = None
    suspect: bool = False
    rescan: bool = False
    moved: bool = False
    moves: tuple[tuple[str, str], ...] = ()
    metadata: frozenset[str] = frozenset()
    failure: SourceFailed | None = None


class SourceFailed(Exception):
    """A source can't watch what it was asked to.

    Attributes:
        code: the kind of problem.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Source(Protocol):
    """Produces hints from `watch` to `stop`. All its methods are called on the event loop."""

    @property
    def backend(self) -> Backend:
        """What produces the hints."""

    reports_loss: bool
    """Whether the source reports lost hints (`Hints.suspect`). If not, it needs a safety net."""

    async def watch(self, what: WatchSet) -> None:
        """Watch exactly `what` from now on. Paths that stay watched are watched without a gap.

        Raises:
            SourceFailed: it can't; nothing is watched any more.
        """

    async def barrier(self, timeout: float) -> bool:
        """Wait until every hint for changes made before the call has been emitted.

        Args:
            timeout: in seconds.

        Returns:
            False if the source can't determine that.
        """

    async def check_new_folders(self, timeout: float) -> None:
        """Check within `timeout` seconds whether new folders are watched; if not, fail (`Hints.failure`)."""

    def enter(self, path: str, folder: Folder) -> None:
        """See `FolderListener.enter`."""

    def leave(self, path: str, folder: Folder) -> None:
        """See `FolderListener.leave`."""

    def enter_file(self, path: str) -> bool:
        """See `FolderListener.enter_file`."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The paths that it can't watch as requested, and polls instead."""

    async def stop(self) -> None:
        """Stop and leave no thread or task."""


class RecursiveSource:
    """Base class of sources that watch whole trees: methods that they need not implement."""

    def enter(self, path: str, folder: Folder) -> None:
        """See `FolderListener.enter`."""

    def leave(self, path: str, folder: Folder) -> None:
        """See `FolderListener.leave`."""

    def enter_file(self, path: str) -> bool:
        """See `FolderListener.enter_file`. Writes through other names are found by comparisons only."""
        return False

    @property
    def problems(self) -> tuple[Problem, ...]:
        """See `Source.problems`."""
        return ()
