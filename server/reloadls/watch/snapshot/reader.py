"""The snapshot on its own thread: all of a pipeline's reading of the disk goes through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reloadls.base.worker_thread import Worker
from reloadls.watch.change import FileChange, net_changes
from reloadls.watch.disk.guarded import GuardedDisk
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.denials import Denial
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.snapshot.listener import FolderListener
from reloadls.watch.snapshot.problems import Problem, RootStatus
from reloadls.watch.snapshot.renames import RenameTracker
from reloadls.watch.snapshot.roots import WatchSet, planned_watch_set
from reloadls.watch.snapshot.snapshot import Snapshot
from reloadls.watch.version_control import Lock, find_locks

__all__ = ["Reader", "Unreported", "SnapshotView"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """What a comparison says of the snapshot, beside the changes."""

    watch_set: WatchSet = WatchSet()
    roots: tuple[RootStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
    denied: Mapping[str, Denial] = field(default_factory=dict)
    new_folders: tuple[str, ...] = ()
    repositories: frozenset[str] = frozenset()


@dataclass(slots=True)
class Unreported:
    """What was found and nobody has been told of yet.

    Attributes:
        changes: net, one per path.
        entries: what is there now of each, None for gone.
        rescoped: whether paths entered or left the scope.
        tracker: by which renames are recognised.
    """

    changes: list[FileChange] = field(default_factory=list)
    entries: dict[str, Entry | None] = field(default_factory=dict)
    rescoped: bool = False
    tracker: RenameTracker = field(default_factory=RenameTracker)

    def __bool__(self) -> bool:
        return bool(self.changes) or self.rescoped


class Reader:
    """Compares with the disk off the event loop, and keeps what nobody has been told of yet.

    What is found stays untold until it is taken, so that a call that is cancelled, or fails half-way, loses nothing.

    Args:
        scope: which paths count.
        listener: who is told which folders there are.
        on_return: called, on any thread, when a file system that had timed out answers again.
    """

    def __init__(self, scope: Scope, listener: FolderListener, on_return: Callable[[], object]) -> None:
        self.disk = GuardedDisk(on_return)
        self._snapshot = Snapshot(scope, listener, self.disk)
        self._worker = Worker("reloadls-disk")
        self._unreported = Unreported()

    @property
    def scope(self) -> Scope:
        """Which paths count."""
        return self._snapshot.scope

    @property
    def scanned(self) -> int:
        """How many files the comparison under way has looked at."""
        return self._snapshot.scanned

    @property
    def has_unreported(self) -> bool:
        """Whether something waits to be told."""
        return bool(self._unreported)

    def take_unreported(self) -> Unreported:
        """What was found since this was last called."""
        unreported, self._unreported = self._unreported, Unreported()
        return unreported

    def is_relevant(self, path: str, is_folder: bool | None = None) -> bool:
        """Whether a hint for `path`, a folder or not, could lead to a change. Safe from any thread; None looks."""
        return self._snapshot.is_relevant(path, is_folder)

    async def run(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run another blocking call on the same thread."""
        return await self._worker.run(call, *args)

    async def run_at(self, path: str, call: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
        """Run a blocking call on the same thread, or on that of the file system that `path` is on.

        Args:
            path: where it reads or writes.
            call: what to run.
            undo: called with what it gave if that came too late.

        Raises:
            TimedOut: the file system does not answer.
        """
        return await self._worker.run(self._run_at, path, call, undo)

    def _run_at(self, path: str, call: Callable[[], T], undo: Callable[[T], object] | None) -> T:
        self.disk.refresh()
        return self.disk.follow(path, lambda _: call(), undo)

    async def begin(self, known: Mapping[str, Entry] | None = None) -> SnapshotView:
        """Take over what is on disk; what differs from `known`, if that is given, is untold."""
        return await self._worker.run(self._do, self._begin, known)

    async def reconcile(
        self,
        hints: Iterable[str],
        *,
        everything: bool = False,
        moves: Iterable[tuple[str, str]] = (),
        metadata: frozenset[str] = frozenset(),
    ) -> SnapshotView:
        """Compare `hints`, and then, if asked, everything with the disk.

        Args:
            hints: paths that may have changed.
            everything: whether all else is compared, too.
            moves: renames known of.
            metadata: those of `hints` of which only the metadata was changed.
        """
        return await self._worker.run(self._do, self._reconcile, tuple(hints), everything, tuple(moves), metadata)

    async def locks(self) -> frozenset[Lock]:
        """The lock files of version-control operations under way in the scope."""
        return await self._worker.run(lambda: find_locks(self._snapshot.repositories, self.disk))

    async def entries(self) -> Mapping[str, Entry]:
        """Every known file with what is known of it."""
        return await self._worker.run(self._snapshot.entries)

    async def rules(self) -> str:
        """The digest of what git's files say that are in force."""
        return await self._worker.run(self._snapshot.rules_digest)

    async def adopt(self, scope: Scope, hints: Iterable[str]) -> SnapshotView:
        """Compare `hints` under the old scope, then take the new one."""
        return await self._worker.run(self._do, self._adopt, scope, tuple(hints))

    async def differences(self, only: Iterable[str] | None = None) -> dict[str, Entry | None]:
        """What differs from the snapshot now, perhaps only in some folders; nothing of it is taken over."""
        return await self._worker.run(self._snapshot.differences, only)

    async def planned(self, scope: Scope) -> WatchSet:
        """What must be watched for `scope`, of which nothing is known yet."""
        return await self._worker.run(self._planned, scope)

    async def files(self) -> list[str]:
        """Every known file."""
        return await self._worker.run(lambda: list(self._snapshot.files()))

    async def stop(self) -> None:
        """End the threads, after what they are reading; one that hangs is left behind."""
        await self._worker.stop()
        self.disk.close()

    def abandon(self) -> None:
        """End the thread after what it is reading, without waiting: the event loop has ended."""
        self._worker.abandon()
        self.disk.close()

    # -- on the thread -----------------------------------------------------------------------------------

    def _do(self, call: Callable[..., None], *args: object) -> SnapshotView:
        try:
            call(*args)
        finally:
            self._unreported.rescoped = self._snapshot.take_rescoped() or self._unreported.rescoped
        return self._view()

    def _planned(self, scope: Scope) -> WatchSet:
        self.disk.refresh()
        return planned_watch_set(scope.roots, self.disk)

    def _begin(self, known: Mapping[str, Entry] | None) -> None:
        self._add(self._snapshot.begin(known))

    def _reconcile(
        self, hints: tuple[str, ...], everything: bool, moves: tuple[tuple[str, str], ...], metadata: frozenset[str]
    ) -> None:
        self._add(self._snapshot.reconcile(hints, moves, self._unreported.tracker, metadata))
        if everything:
            self._add(self._snapshot.reconcile(tracker=self._unreported.tracker))

    def _adopt(self, scope: Scope, hints: tuple[str, ...]) -> None:
        self._add(self._snapshot.reconcile(hints))
        self._add(self._snapshot.adopt(scope))

    def _add(self, changes: list[FileChange]) -> None:
        for change in changes:
            hash(change.path)  # paths keep their hash: computed here, it costs the event loop nothing
        unreported = self._unreported
        unreported.changes = net_changes([*unreported.changes, *changes]) if unreported.changes else changes
        unreported.entries.update(self._snapshot.take_entries())

    def _view(self) -> SnapshotView:
        snapshot = self._snapshot
        return SnapshotView(
            snapshot.watch_set(),
            *snapshot.status(),
            snapshot.denied.copy(),
            tuple(snapshot.take_new_folders()),
            frozenset(snapshot.repositories),
        )
