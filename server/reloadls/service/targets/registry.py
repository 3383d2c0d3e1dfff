"""The programs that run under reload, and which client each of them concerns."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

from reloadls.protocol import ReloadReport
from reloadls.service.targets.advert import targets_here
from reloadls.service.targets.discovery import Found, TargetsFolder
from reloadls.service.targets.target import Target

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["TargetSubscriber", "Targets", "overlap"]

_MOST: Final = 500
"""How many programs are known at most."""
_LOOK_S: Final = 3.0
"""How long, in seconds, whoever asks something of all programs waits until they are known."""

_log = logging.getLogger(__name__)


class TargetSubscriber(Protocol):
    """Who is told of the programs that concern it. Called on the event loop; nothing here waits for it."""

    def on_targets(self) -> None:
        """Something about its programs has changed."""

    def on_report(self, report: ReloadReport) -> None:
        """One of them took up a batch, or failed to."""


class Targets:
    """Looks for programs while anyone wants to know, and is connected to those that concern somebody.

    A program concerns a subscriber if one of its roots lies in one of the subscriber's, or the other way round.

    Whoever pauses, pauses its programs, those included that come later. One that several have paused goes on when the
    last of them has resumed, or left.

    Args:
        kernel: gives the process's inotify instance, where that is the source.
    """

    def __init__(self, kernel: Callable[[], Kernel]) -> None:
        self._kernel = kernel
        self._folder: TargetsFolder | None = None
        self._looked = asyncio.Event()
        self._turn = asyncio.Lock()
        self._roots: dict[TargetSubscriber, tuple[str, ...]] = {}
        self._pausing: set[TargetSubscriber] = set()
        self._found: dict[str, Found] = {}
        self._targets: dict[str, Target] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- who wants to know -------------------------------------------------------------------------------

    async def concern(self, subscriber: TargetSubscriber, roots: Iterable[str]) -> None:
        """`subscriber` is told of the programs of these roots from now on, and no longer of others."""
        if not targets_here():
            return
        real = await asyncio.to_thread(lambda: tuple(map(os.path.realpath, roots)))
        self._roots[subscriber] = real
        self._arrange()
        subscriber.on_targets()
        await asyncio.shield(self._spawn(self._look()))

    def leave(self, subscriber: TargetSubscriber) -> None:
        """`subscriber` is told nothing more; what it has paused goes on."""
        self._pausing.discard(subscriber)
        if self._roots.pop(subscriber, None) is not None:
            self._arrange()
            self._spawn(self._look())

    async def close(self) -> None:
        """Everybody leaves."""
        self._roots.clear()
        self._pausing.clear()
        self._arrange()
        self._spawn(self._look())
        await asyncio.wait(self._tasks)

    async def _look(self) -> None:
        """Look for programs if anyone wants to know, and only then."""
        async with self._turn:
            if self._roots and self._folder is None:
                self._folder = TargetsFolder(self._on_found, self._on_gone, self._kernel)
                try:
                    await self._folder.start()
                except Exception:
                    _log.exception("running programs can't be looked for")
                self._looked.set()
            elif not self._roots and self._folder is not None:
                folder, self._folder = self._folder, None
                self._looked.clear()
                await folder.stop()
                for name in list(self._found):  # another client may have come meanwhile, and follows them already
                    self._on_gone(name)

    # -- which there are ---------------------------------------------------------------------------------

    def of(self, subscriber: TargetSubscriber) -> list[Target]:
        """The programs that concern `subscriber`, in the order in which they were started."""
        roots = self._roots.get(subscriber, ())
        concerned = (target for name, target in self._targets.items() if overlap(roots, self._found[name].roots))
        return sorted(concerned, key=lambda target: (target.place.started_at, target.place.id))

    def _on_found(self, found: Found) -> None:
        name = found.place.id
        before = self._found.get(name)
        if before is None and len(self._found) >= _MOST:
            _log.warning("process %d is passed over: %d programs are known already", found.place.pid, _MOST)
            return
        if before is not None and before != found:
            self._on_gone(name)
        self._found[name] = found
        self._arrange(new=before is None and self._looked.is_set())
        if name in self._targets:
            self._targets[name].begin()

    def _on_gone(self, name: str) -> None:
        if name in self._targets:
            self._drop(name)
        self._found.pop(name, None)

    def _arrange(self, *, new: bool = False) -> None:
        """Be connected to the programs that concern somebody, and have those paused that somebody has paused.

        Args:
            new: whether a program that there is no connection to yet has begun just now.
        """
        for name, found in self._found.items():
            concerned = {subscriber for subscriber, roots in self._roots.items() if overlap(roots, found.roots)}
            if concerned and name not in self._targets:
                self._targets[name] = Target(found.place, self, new=new)
                self._targets[name].begin()
                self._tell(name)
            if name in self._targets:
                self._targets[name].pause(bool(concerned & self._pausing))
            if not concerned and name in self._targets:
                self._drop(name)

    def _drop(self, name: str) -> None:
        concerned = self._concerned(name)
        self._spawn(self._targets.pop(name).end())
        for subscriber in concerned:
            subscriber.on_targets()

    def _concerned(self, name: str) -> list[TargetSubscriber]:
        return [subscriber for subscriber, roots in self._roots.items() if overlap(roots, self._found[name].roots)]

    def _tell(self, name: str) -> None:
        for subscriber in self._concerned(name):
            subscriber.on_targets()

    # -- what they tell ----------------------------------------------------------------------------------

    def on_target(self, target: Target) -> None:
        """See `TargetOwner.on_target`."""
        if self._targets.get(target.place.id) is target:
            self._tell(target.place.id)

    def on_target_report(self, target: Target, report: ReloadReport) -> None:
        """See `TargetOwner.on_target_report`."""
        if self._targets.get(target.place.id) is target:
            for subscriber in self._concerned(target.place.id):
                subscriber.on_report(report)

    def on_target_ended(self, target: Target) -> None:
        """See `TargetOwner.on_target_ended`."""
        if self._targets.get(target.place.id) is target:
            self._on_gone(target.place.id)
            if self._folder is not None:
                self._spawn(self._folder.remove(target.place))

    # -- what they are asked -----------------------------------------------------------------------------

    async def trigger(self, subscriber: TargetSubscriber, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """What each of the subscriber's programs does with these files; None: with all that it has loaded."""
        await self._up_to_date()
        answers = await asyncio.gather(*(target.trigger(uris) for target in self.of(subscriber)))
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
        self._arrange()
        await asyncio.gather(*(target.settled() for target in self.of(subscriber)))

    async def _up_to_date(self) -> None:
        """Know of every program that was there before the call."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._looked.wait()
                if self._folder is not None:
                    await self._folder.sync()
        except TimeoutError:
            _log.warning("it takes long to look for running programs")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def overlap(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether one of these paths is, or lies in, one of those, or the other way round."""
    others = [_inside(path) for path in theirs]
    return any(mine.startswith(other) or other.startswith(mine) for mine in map(_inside, ours) for other in others)


def _inside(path: str) -> str:
    return path.rstrip(os.sep) + os.sep
