"""Watch the program's roots, and loaded files that their scope excludes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reloadls.base.installed import is_installed
from reloadls.reload.runtime.endpoint.encode import to_uri
from reloadls.watch.change import FileChange
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope

from .changed import changed_since

if TYPE_CHECKING:
    from reloadls.watch.sources.linux.kernel import Kernel

__all__ = ["SourceWatcher"]

_MAX_EXTRA: Final = 200
"""How many single files and packages to watch besides the roots."""
_NEVER = ("/proc/", "/sys/", "/dev/")


class SourceWatcher:
    """Reports changes from `start` to `stop`. Created and used on one event loop.

    Args:
        roots: folders, absolute.
        pacing: when a batch is complete.
        on_changes: receives each batch.
        on_status: called when the state of watching has changed.
        since: also report changes made before watching began, from this time on, in seconds since the epoch.
    """

    def __init__(
        self,
        roots: Iterable[str],
        pacing: Pacing,
        on_changes: Callable[[list[FileChange]], Awaitable[None] | None],
        on_status: Callable[[], None],
        *,
        since: float,
    ) -> None:
        self._roots = tuple(roots)
        self._on_changes = on_changes
        self.since = since
        self._known: set[str] = set()
        self._extra: tuple[str, ...] = ()
        self._pacing = pacing
        self._kernel: Kernel | None = None
        self._pipeline = Pipeline(
            Scope(self._roots),
            self._deliver,
            pacing=pacing,
            on_status=lambda _: on_status(),
            kernel=self._make_kernel,
        )

    async def start(self) -> None:
        """Return when watching works: a later write is never missed."""
        await self._pipeline.start()

    async def stop(self) -> None:
        """Stop watching."""
        await self._pipeline.stop()

    async def watch_loaded(self, loaded: Iterable[str]) -> None:
        """Watch these files, and report those that changed before they were watched.

        Args:
            loaded: the files the program has loaded.
        """
        new = [path for path in loaded if path not in self._known]
        if not new:
            return
        now = time.time()
        self._known.update(new)
        await self.watch_also(new)
        written, gone = changed_since(new, self.since)
        self.since = now
        changes = [FileChange(Path(path), "modified") for path in written]
        changes += [FileChange(Path(path), "deleted") for path in gone]
        if changes:
            await asyncio.sleep(self._pacing.debounce)  # the file may be incomplete
            self._on_changes(changes)

    async def watch_also(self, paths: Sequence[str]) -> None:
        """Also watch these files, if the scope of the roots excludes them."""
        inside = set(await self._pipeline.files()) if paths else set()
        left_out = [path for path in paths if path not in inside and _can_change(path)]
        if left_out:
            places = dict.fromkeys((*self._extra, *map(_package_of, left_out)))
            self._extra = tuple(places)[:_MAX_EXTRA]
            await self._pipeline.rescope(Scope((*self._roots, *self._extra)))

    def forget(self) -> None:
        """In a forked child: close the parent's watches. Thread-safe."""
        if self._kernel is not None:
            self._kernel.forget()

    def status(self) -> dict[str, Any]:
        """Return the state of watching, as in `ReloadStatus`."""
        status = self._pipeline.status
        problems = [{"code": each.code, "message": each.message} for each in status.problems]
        for problem, each in zip(problems, status.problems, strict=True):
            if each.path is not None:
                problem["uri"] = to_uri(each.path)
        return {
            "state": status.state,
            "backend": status.backend,
            "roots": [
                {"uri": to_uri(root.path), "kind": root.kind, "state": root.state, "files": root.files}
                for root in status.roots
                if root.path in self._roots
            ],
            "debounceMs": round(self._pacing.debounce * 1000),
            "maxWaitMs": round(self._pacing.max_wait * 1000),
            "problems": problems,
        }

    def _make_kernel(self) -> Kernel:
        from reloadls.watch.sources.linux.kernel import Kernel  # noqa: PLC0415 - Linux only

        self._kernel = Kernel()
        return self._kernel

    async def _deliver(self, flush: Flush) -> None:
        if flush.changes:
            self._on_changes(flush.changes)


def _can_change(path: str) -> bool:
    return not path.startswith(_NEVER) and not is_installed(path)


def _package_of(path: str) -> str:
    """Return the folder of the outermost package that contains a file; the file itself outside of packages."""
    found, above = path, os.path.dirname(path)
    while os.path.isfile(os.path.join(above, "__init__.py")):
        found, above = above, os.path.dirname(above)
    return found
