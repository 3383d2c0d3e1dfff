"""What every source of hints offers."""

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
        paths: absolute paths; a folder stands for all that is below it.
        at: when the newest of them changed, in seconds of ``time.monotonic``, as far as that can be known.
        first: the same of the oldest, where it is known to be earlier.
        suspect: whether others may have been lost, so that everything should be looked at.
        rescan: whether they were found by looking, not told by the system.
        moved: whether a watched path is no longer what it was, so that it must be watched anew.
        moves: (from, to) of what the system says was renamed, in order.
        metadata: those of `paths` of which the system says that only the metadata was changed.
        failure: why the source has ended; None while it goes on.
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
    """Whether it says so (`Hints.suspect`) whenever hints were lost. If not, a safety net is needed."""

    async def watch(self, what: WatchSet) -> None:
        """Watch just `what` from now on; nothing that was watched before and still is goes unwatched meanwhile.

        Raises:
            SourceFailed: it can't; nothing is watched any more.
        """

    async def barrier(self, timeout: float) -> bool:
        """Wait until every hint for a change made before the call has been given, for `timeout` seconds at most.

        Returns:
            False if the source can't tell.
        """

    async def check_new_folders(self, timeout: float) -> None:
        """Find out within `timeout` seconds whether folders that appear are watched; if not, fail (`Hints.failure`)."""

    def enter(self, path: str, folder: Folder) -> None:
        """See `FolderListener.enter`."""

    def leave(self, path: str, folder: Folder) -> None:
        """See `FolderListener.leave`."""

    def enter_file(self, path: str) -> bool:
        """See `FolderListener.enter_file`."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What it can't watch as asked, and only polls."""

    async def stop(self) -> None:
        """End; no thread or task is left."""


class RecursiveSource:
    """What a source need not do that watches whole trees by itself."""

    def enter(self, path: str, folder: Folder) -> None:
        """See `FolderListener.enter`."""

    def leave(self, path: str, folder: Folder) -> None:
        """See `FolderListener.leave`."""

    def enter_file(self, path: str) -> bool:
        """See `FolderListener.enter_file`: only a look finds what was written through another name."""
        return False

    @property
    def problems(self) -> tuple[Problem, ...]:
        """See `Source.problems`."""
        return ()
