"""The snapshot on its own thread: all of a pipeline's reading of the disk goes through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reloadls.watch.change import FileChange, net_changes
from reloadls.watch.folder import Entry
from reloadls.watch.roots import WatchSet, planned_watch_set
from reloadls.watch.scope import Scope
from reloadls.watch.snapshot import Snapshot
from reloadls.watch.status import Problem, RootStatus, root_problems, root_status
from reloadls.watch.worker import Worker

__all__ = ["Reader", "View"]


@dataclass(frozen=True, slots=True)
class View:
    """What a comparison says of the snapshot, beside the changes."""

    watch_set: WatchSet = WatchSet()
    roots: tuple[RootStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
    denied: frozenset[str] = frozenset()
    new_folders: tuple[str, ...] = ()


class Reader:
    """Compares with the disk off the event loop, and keeps what nobody has been told of yet.

    What is found stays untold until it is taken, so that a call that is cancelled, or fails half-way, loses nothing.
    """

    def __init__(self, scope: Scope) -> None:
        self._snapshot = Snapshot(scope)
        self._worker = Worker("reloadls-disk")
        self._untold: list[FileChange] = []
        self._rescoped = False

    @property
    def scope(self) -> Scope:
        """Which paths count."""
        return self._snapshot.scope

    @property
    def scanned(self) -> int:
        """How many files the comparison under way has looked at."""
        return self._snapshot.scanned

    @property
    def has_untold(self) -> bool:
        """Whether something waits to be told."""
        return bool(self._untold) or self._rescoped

    def take_untold(self) -> tuple[list[FileChange], bool]:
        """The net changes found since this was last called, and whether paths entered or left the scope."""
        untold, rescoped = self._untold, self._rescoped
        self._untold, self._rescoped = [], False
        return untold, rescoped

    def concerns(self, path: str) -> bool:
        """Whether a hint for `path` could lead to a change. Safe from any thread."""
        return self._snapshot.concerns(path)

    async def begin(self) -> View:
        """Take over what is on disk as known."""
        return await self._worker.run(self._do, self._snapshot.begin)

    async def reconcile(self, hints: Iterable[str], *, everything: bool = False) -> View:
        """Compare `hints`, and then, if asked, everything with the disk."""
        return await self._worker.run(self._do, self._reconcile, tuple(hints), everything)

    async def adopt(self, scope: Scope, hints: Iterable[str]) -> View:
        """Compare `hints` under the old scope, then take the new one."""
        return await self._worker.run(self._do, self._adopt, scope, tuple(hints))

    async def differences(self) -> dict[str, Entry | None]:
        """What differs from the snapshot now; nothing of it is taken over."""
        return await self._worker.run(self._snapshot.differences)

    async def planned(self, scope: Scope) -> WatchSet:
        """What must be watched for `scope`, of which nothing is known yet."""
        return await self._worker.run(planned_watch_set, scope.roots)

    async def files(self) -> list[str]:
        """Every known file."""
        return await self._worker.run(lambda: list(self._snapshot.files()))

    async def stop(self) -> None:
        """End the thread, after what it is reading."""
        await self._worker.stop()

    # -- on the thread -----------------------------------------------------------------------------------

    def _do(self, call: Callable[..., None], *args: object) -> View:
        try:
            call(*args)
        finally:
            self._rescoped = self._rescoped or self._snapshot.take_rescoped()
        return self._view()

    def _reconcile(self, hints: tuple[str, ...], everything: bool) -> None:
        self._add(self._snapshot.reconcile(hints))
        if everything:
            self._add(self._snapshot.reconcile())

    def _adopt(self, scope: Scope, hints: tuple[str, ...]) -> None:
        self._add(self._snapshot.reconcile(hints))
        self._add(self._snapshot.adopt(scope))

    def _add(self, changes: list[FileChange]) -> None:
        for change in changes:
            hash(change.path)  # paths keep their hash: computed here, it costs the event loop nothing
        self._untold = net_changes([*self._untold, *changes]) if self._untold else changes

    def _view(self) -> View:
        snapshot = self._snapshot
        return View(
            snapshot.watch_set(),
            tuple(root_status(root) for root in snapshot.roots),
            tuple(root_problems(snapshot.roots, snapshot.denied)),
            frozenset(snapshot.denied),
            tuple(snapshot.take_new_folders()),
        )
