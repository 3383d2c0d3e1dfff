"""Which running programs there are: the folder of their files, watched as any other tree."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reloadls.service.targets.advert import Advert, Untrusted, advert_id, read_advert, remove_stale, targets_folder
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["DiscoveredTarget", "TargetDiscovery"]

_PACING: Final = Pacing(debounce=0.01, max_wait=0.2)
_SYNC_S: Final = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiscoveredTarget:
    """A program's file, read.

    Attributes:
        advert: what it says.
        roots: the program's roots as they really are, links followed.
    """

    advert: Advert
    roots: tuple[str, ...]


class TargetDiscovery:
    """Tells of the programs' files, from `start` to `stop`. Made and used on one event loop.

    Args:
        on_advert: called with what a file says that is new, or was written anew.
        on_removed: called with the id of a program whose file is gone.
        kernel: gives the inotify instance to use, where that is the source.
    """

    def __init__(
        self,
        on_advert: Callable[[DiscoveredTarget], None],
        on_removed: Callable[[str], None],
        kernel: Callable[[], Kernel],
    ) -> None:
        self._on_advert = on_advert
        self._on_removed = on_removed
        self._kernel = kernel
        self._folder = ""
        self._pipeline: Pipeline | None = None
        self._lock = asyncio.Lock()
        self._untrusted: dict[str, str] = {}
        """File → why it is not believed, as it was logged."""

    async def start(self) -> None:
        """Return when all programs that are there have been told."""
        self._folder = await asyncio.to_thread(targets_folder)
        # The folder need not be there: then it is waited for.
        scope = Scope([self._folder], include=["/*.json"], exclude=["/*/"], use_gitignore=False)
        pipeline = Pipeline(scope, self._deliver, pacing=_PACING, kernel=self._kernel)
        try:
            await pipeline.start()
        except BaseException:
            await pipeline.stop()
            raise
        self._pipeline = pipeline
        await self._read_files(pipeline, await pipeline.files())

    async def stop(self) -> None:
        """Tell nothing more."""
        if self._pipeline is not None:
            await self._pipeline.stop()

    async def sync(self) -> None:
        """Return when the programs that were there before the call have been told."""
        if self._pipeline is not None:
            try:
                async with asyncio.timeout(_SYNC_S):
                    await self._pipeline.sync()
            except TimeoutError:
                _log.info("it takes long to look for running programs")

    async def remove(self, advert: Advert) -> None:
        """Remove what a program that has ended has left."""
        if self._pipeline is not None:
            await self._pipeline.run(remove_stale, self._folder, advert)

    async def _deliver(self, flush: Flush) -> None:
        assert self._pipeline is not None
        await self._read_files(self._pipeline, [os.fspath(change.path) for change in flush.changes])

    async def _read_files(self, pipeline: Pipeline, paths: Iterable[str]) -> None:
        async with self._lock:
            for path in sorted(paths):
                name = advert_id(path)
                if name is None:
                    continue
                found = await pipeline.run(_read, path)
                if isinstance(found, DiscoveredTarget):
                    self._untrusted.pop(path, None)
                    self._on_advert(found)
                    continue
                if found is None:
                    self._untrusted.pop(path, None)
                elif self._untrusted.get(path) != found:
                    self._untrusted[path] = found
                    _log.warning("a running program is passed over: %s", found)
                self._on_removed(name)


def _read(path: str) -> DiscoveredTarget | str | None:
    """What the file at `path` says, why it can't be believed, or None if it is gone."""
    try:
        advert = read_advert(path)
        return DiscoveredTarget(advert, tuple(map(os.path.realpath, advert.roots)))
    except FileNotFoundError:
        return None
    except (Untrusted, OSError) as error:
        return str(error)
