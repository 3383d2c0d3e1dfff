"""The registry of running programs and of the clients subscribed to them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

from reloadls.base.paths import prefix_of
from reloadls.protocol import ReloadReport, RequestFailed
from reloadls.service.targets.advert import targets_supported
from reloadls.service.targets.discovery import DiscoveredTarget, TargetDiscovery
from reloadls.service.targets.target import Target
from reloadls.wire.text import show

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["TargetSubscriber", "TargetRegistry", "overlap"]

_MAX_TARGETS: Final = 500
"""The most programs in the registry."""
_DISCOVERY_S: Final = 3.0
"""Seconds that a request to all programs waits for discovery."""

_log = logging.getLogger(__name__)


class TargetSubscriber(Protocol):
    """Receives updates of the programs in its roots. Called on the event loop; must not block."""

    def on_targets(self) -> None:
        """The set of programs, or the state of one, has changed."""

    def on_report(self, report: ReloadReport) -> None:
        """A program has reported a reload."""


class TargetRegistry:
    """Discovers programs while it has subscribers, and connects to those in a subscriber's roots.

    A program is in a subscriber's roots if one of its roots lies in one of the subscriber's, or the reverse.

    A subscriber that pauses also pauses its programs that start later. A program paused by several subscribers resumes
    when the last of them has resumed or unsubscribed.

    Args:
        kernel: returns the process's inotify instance, where inotify is the source.
    """

    def __init__(self, kernel: Callable[[], Kernel]) -> None:
        self._kernel = kernel
        self._discovery: TargetDiscovery | None = None
        self._discovered = asyncio.Event()
        self._lock = asyncio.Lock()
        self._roots: dict[TargetSubscriber, tuple[str, ...]] = {}
        self._pausing: set[TargetSubscriber] = set()
        self._found: dict[str, DiscoveredTarget] = {}
        self._targets: dict[str, Target] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- subscribers -------------------------------------------------------------------------------------

    async def subscribe(self, subscriber: TargetSubscriber, roots: Iterable[str]) -> None:
        """Subscribe to the programs in `roots`, replacing the subscriber's previous roots.

        Args:
            subscriber: receives the updates.
            roots: absolute paths.
        """
        if not targets_supported():
            return
        real = await asyncio.to_thread(lambda: tuple(map(os.path.realpath, roots)))
        self._roots[subscriber] = real
        self._update_targets()
        subscriber.on_targets()
        await asyncio.shield(self._spawn(self._update_discovery()))

    def unsubscribe(self, subscriber: TargetSubscriber) -> None:
        """Remove a subscriber; programs that it has paused resume."""
        self._pausing.discard(subscriber)
        if self._roots.pop(subscriber, None) is not None:
            self._update_targets()
            self._spawn(self._update_discovery())

    async def close(self) -> None:
        """Remove all subscribers, disconnect, and stop discovery."""
        self._roots.clear()
        self._pausing.clear()
        self._update_targets()
        self._spawn(self._update_discovery())
        await asyncio.wait(self._tasks)

    async def _update_discovery(self) -> None:
        """Run discovery while there are subscribers, and only then."""
        async with self._lock:
            if self._roots and self._discovery is None:
                self._discovery = TargetDiscovery(self._on_found, self._on_removed, self._kernel)
                try:
                    await self._discovery.start()
                except Exception:
                    _log.exception("the discovery of running programs failed")
                self._discovered.set()
            elif not self._roots and self._discovery is not None:
                discovery, self._discovery = self._discovery, None
                self._discovered.clear()
                await discovery.stop()
                for name in list(self._found):  # a new subscriber may already follow them
                    self._on_removed(name)

    # -- programs ----------------------------------------------------------------------------------------

    def targets_of(self, subscriber: TargetSubscriber) -> list[Target]:
        """Return the programs in the subscriber's roots, in the order of their start."""
        roots = self._roots.get(subscriber, ())
        subscribers = (target for name, target in self._targets.items() if overlap(roots, self._found[name].roots))
        return sorted(subscribers, key=lambda target: (target.advert.started_at, target.advert.id))

    def _on_found(self, found: DiscoveredTarget) -> None:
        name = found.advert.id
        before = self._found.get(name)
        if before is None and len(self._found) >= _MAX_TARGETS:
            _log.warning("ignoring process %d: already %d programs", found.advert.pid, _MAX_TARGETS)
            return
        if before is not None and before != found:
            self._on_removed(name)
        self._found[name] = found
        self._update_targets(new=before is None and self._discovered.is_set())
        if name in self._targets:
            self._targets[name].begin()

    def _on_removed(self, name: str) -> None:
        if name in self._targets:
            self._remove(name)
        self._found.pop(name, None)

    def _update_targets(self, *, new: bool = False) -> None:
        """Connect to the programs that have subscribers, and pause those that a subscriber has paused.

        Args:
            new: whether a program that is not connected yet has just started.
        """
        for name, found in self._found.items():
            subscribers = {subscriber for subscriber, roots in self._roots.items() if overlap(roots, found.roots)}
            if subscribers and name not in self._targets:
                self._targets[name] = Target(found.advert, self, new=new)
                self._targets[name].begin()
                self._notify(name)
            if name in self._targets:
                self._targets[name].pause(bool(subscribers & self._pausing))
            if not subscribers and name in self._targets:
                self._remove(name)

    def _remove(self, name: str) -> None:
        subscribers = self._subscribers_of(name)
        self._spawn(self._targets.pop(name).end())
        for subscriber in subscribers:
            subscriber.on_targets()

    def _subscribers_of(self, name: str) -> list[TargetSubscriber]:
        return [subscriber for subscriber, roots in self._roots.items() if overlap(roots, self._found[name].roots)]

    def _notify(self, name: str) -> None:
        for subscriber in self._subscribers_of(name):
            subscriber.on_targets()

    # -- callbacks of targets ----------------------------------------------------------------------------

    def on_target(self, target: Target) -> None:
        """See `TargetOwner.on_target`."""
        if self._targets.get(target.advert.id) is target:
            self._notify(target.advert.id)

    def on_target_report(self, target: Target, report: ReloadReport) -> None:
        """See `TargetOwner.on_target_report`."""
        if self._targets.get(target.advert.id) is target:
            for subscriber in self._subscribers_of(target.advert.id):
                subscriber.on_report(report)

    def on_target_ended(self, target: Target) -> None:
        """See `TargetOwner.on_target_ended`."""
        if self._targets.get(target.advert.id) is target:
            self._on_removed(target.advert.id)
            if self._discovery is not None:
                self._spawn(self._discovery.remove(target.advert))

    # -- requests ----------------------------------------------------------------------------------------

    async def trigger(self, subscriber: TargetSubscriber, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """Make the subscriber's programs reload files, and return their reports.

        Args:
            subscriber: whose programs.
            uris: the files; None: all files that differ from what a program has loaded.
        """
        await self._wait_for_discovery()
        answers = await asyncio.gather(*(target.trigger(uris) for target in self.targets_of(subscriber)))
        return tuple(report for answer in answers for report in answer)

    async def drain(self, subscriber: TargetSubscriber, id: str, pool: str) -> None:
        """Have a session pool of one of the subscriber's programs admit no more sessions.

        Args:
            subscriber: whose program.
            id: the id of the program.
            pool: the name of the pool.

        Raises:
            RequestFailed: there is no such program or pool, or it does not answer.
        """
        await self._wait_for_discovery()
        found = next((target for target in self.targets_of(subscriber) if target.advert.id == id), None)
        if found is None:
            raise RequestFailed(f"target {show(id)}: no such program runs in the watched folders")
        await found.drain(pool)

    async def pause(self, subscriber: TargetSubscriber) -> None:
        """Pause the subscriber's programs and return when they have confirmed, or timed out."""
        self._pausing.add(subscriber)
        await self._settle_pauses(subscriber)

    async def resume(self, subscriber: TargetSubscriber) -> None:
        """Resume the subscriber's programs, unless another subscriber keeps them paused."""
        self._pausing.discard(subscriber)
        await self._settle_pauses(subscriber)

    async def _settle_pauses(self, subscriber: TargetSubscriber) -> None:
        self._update_targets()
        await asyncio.gather(*(target.settled() for target in self.targets_of(subscriber)))

    async def _wait_for_discovery(self) -> None:
        """Return when every program that ran before the call is known."""
        try:
            async with asyncio.timeout(_DISCOVERY_S):
                await self._discovered.wait()
                if self._discovery is not None:
                    await self._discovery.sync()
        except TimeoutError:
            _log.warning("timed out looking for running programs")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def overlap(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Return whether a path of one group equals, contains or lies in a path of the other."""
    others = [prefix_of(path) for path in theirs]
    return any(mine.startswith(other) or other.startswith(mine) for mine in map(prefix_of, ours) for other in others)
