"""Discover running programs by watching the folder of their adverts."""

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
    """A program's advert.

    Attributes:
        advert: the content of the file.
        roots: the program's roots with links resolved.
    """

    advert: Advert
    roots: tuple[str, ...]


class TargetDiscovery:
    """Reports adverts from `start` to `stop`. Create and use it on one event loop.

    Args:
        on_advert: called with each new or rewritten advert.
        on_removed: called with the id of a program whose advert was removed or is not trusted.
        kernel: returns the process's inotify instance, where inotify is the source.
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
        """File → why it is not trusted, as it was logged."""

    async def start(self) -> None:
        """Start watching and return when all present adverts have been reported."""
        self._folder = await asyncio.to_thread(targets_folder)
        # The folder may not exist yet; the pipeline waits for it.
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
        """Stop watching."""
        if self._pipeline is not None:
            await self._pipeline.stop()

    async def sync(self) -> None:
        """Return when every advert that existed before the call has been reported, within 2 seconds."""
        if self._pipeline is not None:
            try:
                async with asyncio.timeout(_SYNC_S):
                    await self._pipeline.sync()
            except TimeoutError:
                _log.info("timed out looking for running programs")

    async def remove(self, advert: Advert) -> None:
        """Remove the advert and socket of a program that has ended."""
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
                    _log.warning("ignoring a running program: %s", found)
                self._on_removed(name)


def _read(path: str) -> DiscoveredTarget | str | None:
    """Read an advert: its content, why it is not trusted, or None if it was removed."""
    try:
        advert = read_advert(path)
        return DiscoveredTarget(advert, tuple(map(os.path.realpath, advert.roots)))
    except FileNotFoundError:
        return None
    except (Untrusted, OSError) as error:
        return str(error)
