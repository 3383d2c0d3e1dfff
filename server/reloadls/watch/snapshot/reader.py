"""The snapshot on its own thread: all of a pipeline's disk access goes through here."""

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
    """The state of the snapshot after a comparison, besides the changes."""

    watch_set: WatchSet = WatchSet()
    roots: tuple[RootStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
    denied: Mapping[str, Denial] = field(default_factory=dict)
    new_folders: tuple[str, ...] = ()
    repositories: frozenset[str] = frozenset()


@dataclass(slots=True)
class Unreported:
    """Changes that were found and not reported yet.

    Attributes:
        changes: net changes, one per path.
        entries: the current entry of each, None if deleted.
        rescoped: whether paths entered or left the scope.
        tracker: recognises renames.
    """

    changes: list[FileChange] = field(default_factory=list)
    entries: dict[str, Entry | None] = field(default_factory=dict)
    rescoped: bool = False
    tracker: RenameTracker = field(default_factory=RenameTracker)

    def __bool__(self) -> bool:
        return bool(self.changes) or self.rescoped


class Reader:
    """Compares with the disk off the event loop, and keeps unreported changes.

    Changes stay unreported until they are taken, so a call that is cancelled or fails half-way loses nothing.

    Args:
        scope: which paths count.
        listener: notified of all folders.
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
        """The number of files that the running comparison has read."""
        return self._snapshot.scanned

    @property
    def has_unreported(self) -> bool:
        """Whether there are unreported changes."""
        return bool(self._unreported)

    def take_unreported(self) -> Unreported:
        """Return the unreported changes, and clear them."""
        unreported, self._unreported = self._unreported, Unreported()
        return unreported

    def is_relevant(self, path: str, is_folder: bool | None = None) -> bool:
        """Return whether a hint for `path` could lead to a change. Safe from any thread.

        Args:
            path: what the hint names.
            is_folder: whether it is a folder; None accesses the disk.
        """
        return self._snapshot.is_relevant(path, is_folder)

    async def run(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run another blocking call on the same thread."""
        return await self._worker.run(call, *args)

    async def run_at(self, path: str, call: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
        """Run a blocking call on the same thread, or on the thread of `path`'s file system.

        Args:
            path: where it reads or writes.
            call: what to run.
            undo: called with the result if that comes too late.

        Raises:
            TimedOut: the file system does not answer.
        """
        return await self._worker.run(self._run_at, path, call, undo)

    def _run_at(self, path: str, call: Callable[[], T], undo: Callable[[T], object] | None) -> T:
        self.disk.refresh()
        return self.disk.follow(path, lambda _: call(), undo)

    async def begin(self, known: Mapping[str, Entry] | None = None) -> SnapshotView:
        """Read the disk.

        Args:
            known: entries reported before; differences from them become unreported changes.
        """
        return await self._worker.run(self._do, self._begin, known)

    async def reconcile(
        self,
        hints: Iterable[str],
        *,
        everything: bool = False,
        moves: Iterable[tuple[str, str]] = (),
        metadata: frozenset[str] = frozenset(),
    ) -> SnapshotView:
        """Compare `hints` with the disk, and then optionally everything.

        Args:
            hints: paths that may have changed.
            everything: whether everything else is compared, too.
            moves: known renames.
            metadata: those of `hints` whose metadata alone was changed.
        """
        return await self._worker.run(self._do, self._reconcile, tuple(hints), everything, tuple(moves), metadata)

    async def locks(self) -> frozenset[Lock]:
        """Return the lock files of running version-control operations in the scope."""
        return await self._worker.run(lambda: find_locks(self._snapshot.repositories, self.disk))

    async def entries(self) -> Mapping[str, Entry]:
        """Return every known file and its entry."""
        return await self._worker.run(self._snapshot.entries)

    async def rules(self) -> str:
        """Return a digest of the git ignore rules in force."""
        return await self._worker.run(self._snapshot.rules_digest)

    async def adopt(self, scope: Scope, hints: Iterable[str]) -> SnapshotView:
        """Compare `hints` under the old scope, then switch to the new one."""
        return await self._worker.run(self._do, self._adopt, scope, tuple(hints))

    async def differences(self, only: Iterable[str] | None = None) -> dict[str, Entry | None]:
        """Return the current differences from the snapshot, optionally only in some folders, without applying them."""
        return await self._worker.run(self._snapshot.differences, only)

    async def planned(self, scope: Scope) -> WatchSet:
        """Return the watch set for `scope`, which has not been read yet."""
        return await self._worker.run(self._planned, scope)

    async def files(self) -> list[str]:
        """Return every known file."""
        return await self._worker.run(lambda: list(self._snapshot.files()))

    async def stop(self) -> None:
        """End the threads after their current calls; a hung one is abandoned."""
        await self._worker.stop()
        self.disk.close()

    def abandon(self) -> None:
        """End the thread after its current call, without waiting: the event loop has ended."""
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
            hash(change.path)  # paths cache their hash: computing it here saves time on the event loop
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
