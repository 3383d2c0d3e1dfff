"""The programs that run under reload, and which client each of them concerns."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

from reloadls.base.paths import prefix_of
from reloadls.protocol import ReloadReport
from reloadls.service.targets.advert import targets_supported
from reloadls.service.targets.discovery import DiscoveredTarget, TargetDiscovery
from reloadls.service.targets.target import Target

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["TargetSubscriber", "TargetRegistry", "overlap"]

_MAX_TARGETS: Final = 500
"""How many programs are known at most."""
_DISCOVERY_S: Final = 3.0
"""How long, in seconds, whoever asks something of all programs waits until they are known."""

_log = logging.getLogger(__name__)


class TargetSubscriber(Protocol):
    """Who is told of the programs that concern it. Called on the event loop; nothing here waits for it."""

    def on_targets(self) -> None:
        """Something about its programs has changed."""

    def on_report(self, report: ReloadReport) -> None:
        """One of them took up a batch, or failed to."""


class TargetRegistry:
    """Looks for programs while anyone wants to know, and is connected to those that concern somebody.

    A program concerns a subscriber if one of its roots lies in one of the subscriber's, or the other way round.

    Whoever pauses, pauses its programs, those included that come later. One that several have paused goes on when the
    last of them has resumed, or left.

    Args:
        kernel: gives the process's inotify instance, where that is the source.
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

    # -- who wants to know -------------------------------------------------------------------------------

    async def subscribe(self, subscriber: TargetSubscriber, roots: Iterable[str]) -> None:
        """`subscriber` is told of the programs of these roots from now on, and no longer of others."""
        if not targets_supported():
            return
        real = await asyncio.to_thread(lambda: tuple(map(os.path.realpath, roots)))
        self._roots[subscriber] = real
        self._update_targets()
        subscriber.on_targets()
        await asyncio.shield(self._spawn(self._update_discovery()))

    def unsubscribe(self, subscriber: TargetSubscriber) -> None:
        """`subscriber` is told nothing more; what it has paused goes on."""
        self._pausing.discard(subscriber)
        if self._roots.pop(subscriber, None) is not None:
            self._update_targets()
            self._spawn(self._update_discovery())

    async def close(self) -> None:
        """Everybody leaves."""
        self._roots.clear()
        self._pausing.clear()
        self._update_targets()
        self._spawn(self._update_discovery())
        await asyncio.wait(self._tasks)

    async def _update_discovery(self) -> None:
        """Look for programs if anyone wants to know, and only then."""
        async with self._lock:
            if self._roots and self._discovery is None:
                self._discovery = TargetDiscovery(self._on_found, self._on_removed, self._kernel)
                try:
                    await self._discovery.start()
                except Exception:
                    _log.exception("running programs can't be looked for")
                self._discovered.set()
            elif not self._roots and self._discovery is not None:
                discovery, self._discovery = self._discovery, None
                self._discovered.clear()
                await discovery.stop()
                for name in list(self._found):  # another client may have come meanwhile, and follows them already
                    self._on_removed(name)

    # -- which there are ---------------------------------------------------------------------------------

    def targets_of(self, subscriber: TargetSubscriber) -> list[Target]:
        """The programs that concern `subscriber`, in the order in which they were started."""
        roots = self._roots.get(subscriber, ())
        subscribers = (target for name, target in self._targets.items() if overlap(roots, self._found[name].roots))
        return sorted(subscribers, key=lambda target: (target.advert.started_at, target.advert.id))

    def _on_found(self, found: DiscoveredTarget) -> None:
        name = found.advert.id
        before = self._found.get(name)
        if before is None and len(self._found) >= _MAX_TARGETS:
            _log.warning("process %d is passed over: %d programs are known already", found.advert.pid, _MAX_TARGETS)
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
        """Be connected to the programs that concern somebody, and have those paused that somebody has paused.

        Args:
            new: whether a program that there is no connection to yet has begun just now.
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

    # -- what they tell ----------------------------------------------------------------------------------

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

    # -- what they are asked -----------------------------------------------------------------------------

    async def trigger(self, subscriber: TargetSubscriber, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """What each of the subscriber's programs does with these files; None: with all that it has loaded."""
        await self._wait_for_discovery()
        answers = await asyncio.gather(*(target.trigger(uris) for target in self.targets_of(subscriber)))
        return tuple(report for answer in answers for report in answer)

    async def pause(self, subscriber: TargetSubscriber) -> None:
        """Keep the subscriber's programs from taking anything up. Returns when they have said so, or are too slow."""
        self._pausing.add(subscriber)
        await self._settle_pauses(subscriber)

    async def resume(self, subscriber: TargetSubscriber) -> None:
        """The subscriber wants its programs to go on."""
        self._pausing.discard(subscriber)
        await self._settle_pauses(subscriber)

    async def _settle_pauses(self, subscriber: TargetSubscriber) -> None:
        self._update_targets()
        await asyncio.gather(*(target.settled() for target in self.targets_of(subscriber)))

    async def _wait_for_discovery(self) -> None:
        """Know of every program that was there before the call."""
        try:
            async with asyncio.timeout(_DISCOVERY_S):
                await self._discovered.wait()
                if self._discovery is not None:
                    await self._discovery.sync()
        except TimeoutError:
            _log.warning("it takes long to look for running programs")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def overlap(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether one of these paths is, or lies in, one of those, or the other way round."""
    others = [prefix_of(path) for path in theirs]
    return any(mine.startswith(other) or other.startswith(mine) for mine in map(prefix_of, ours) for other in others)
