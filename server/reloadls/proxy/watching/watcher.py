"""Watch everything that the server has registered. Imports the watch core; see `proxy/__init__.py`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Final

from reloadls.proxy.deduplicator import Deduplicator
from reloadls.proxy.rewrite import WATCHED_FILES, Registered
from reloadls.proxy.settings import RegistrationChange
from reloadls.proxy.watching.registrations import RegisteredWatches, read_watchers
from reloadls.proxy.watching.spelling import Spelling, folder_paths
from reloadls.watch.change import ChangeType, FileChange
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.problems import Problem
from reloadls.watch.status import WatchStatus
from reloadls.wire.uris import from_uri, to_uri

__all__ = ["CHUNK", "RegistrationWatcher"]

CHUNK: Final = 5000
"""The most changes in one message."""
_LARGE: Final = 500
"""Above this many changes, matching and encoding run on another thread."""
_WINDOW_S: Final = 1.0
"""The least time, in seconds, in which reports of the editor and the proxy count as one change."""
_STOP_S: Final = 0.5
"""Seconds that `stop` waits for a running comparison; one that runs longer does no harm."""
_MAX_WARNED: Final = 1000
"""The most problems remembered, so that each is reported once."""
_CODES: Final[dict[ChangeType, int]] = {"created": 1, "modified": 2, "deleted": 3}
_NAMES: Final[dict[int, ChangeType]] = {code: name for name, code in _CODES.items()}
_log = logging.getLogger("reloadls.proxy")


class RegistrationWatcher:
    """Watches what is registered, from the first registration to `stop`.

    Args:
        notify: awaited with each encoded message for the server; the next comparison waits for it.
        warn: called with problems of registrations; each problem is reported once.
        folders: the workspace folders, as URIs or paths.
        debounce: quiet time before changes are sent, in seconds.
        extra: globs to watch without a registration.
        own: paths whose changes are ignored.
    """

    def __init__(
        self,
        notify: Callable[[bytes], Awaitable[None]],
        warn: Callable[[list[str]], None],
        folders: Iterable[str],
        *,
        debounce: float,
        extra: Sequence[str] = (),
        own: Collection[str] = (),
    ) -> None:
        self._notify = notify
        self._warn = warn
        self._warned: dict[str, None] = {}
        self._own = own
        self._folders = folder_paths(folders)
        self._spelling = Spelling()
        self._pacing = Pacing(debounce, max(2.0, debounce))
        self._registered: dict[str, Counter[str]] = {}
        if extra:
            self._add(Registered("", tuple({"globPattern": glob} for glob in extra)))
        self._watches = RegisteredWatches(())
        self._deduplicator = Deduplicator(max(_WINDOW_S, 4 * debounce))
        self._pipelines: dict[bool, Pipeline] = {}
        self._problems: frozenset[Problem] = frozenset()

    @property
    def roots(self) -> list[str]:
        """The roots of all watches."""
        return self._watches.roots

    def update(self, change: RegistrationChange) -> None:
        """Note changed registrations or folders; `apply` applies them."""
        for gone in change.remove:
            self._registered.pop(gone, None)
        for registered in change.refused:
            self._registered.get(registered.id, Counter()).subtract((json.dumps(registered.watchers),))
        for registered in change.add:
            self._add(registered)
        if change.folders is not None:
            self._folders = folder_paths(change.folders)
        removed = folder_paths(change.removed)
        kept = [folder for folder in self._folders if folder not in removed]
        self._folders = list(dict.fromkeys([*kept, *folder_paths(change.added)]))

    def note_spelling(self, uri: str) -> None:
        """Note the editor's spelling of a file's URI."""
        self._spelling.note(uri)

    async def apply(self) -> None:
        """Watch what is registered now, and return when watching works.

        Existing files are not reported. No change of files that were registered before is lost.

        Raises:
            OSError: the files can't be watched.
        """
        self._watches, problems = await asyncio.to_thread(self._read)
        new = [problem for problem in dict.fromkeys(problems) if problem not in self._warned]
        if new:
            self._warned = dict.fromkeys([*self._warned, *new][-_MAX_WARNED:])
            self._warn(new)
        await self._watch({_is_flat(scope): scope for scope in self._watches.scopes})
        _log.info("watching %s", ", ".join(self.roots) or "nothing")

    def only_new(self, changes: list[Any]) -> list[Any]:
        """Return those of the editor's changes that were not sent to the server yet."""
        return [change for change in changes if self._is_new(change)]

    async def stop(self) -> None:
        """Stop watching."""
        pipelines, self._pipelines = list(self._pipelines.values()), {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(*(pipeline.stop() for pipeline in pipelines))

    # -- what is watched ---------------------------------------------------------------------------------

    def _add(self, registered: Registered) -> None:
        """Add a registration. As in VS Code, an existing id keeps its watchers, too, until it is unregistered."""
        self._registered.setdefault(registered.id, Counter())[json.dumps(registered.watchers)] += 1

    def _read(self) -> tuple[RegisteredWatches, list[str]]:
        globs, problems = [], []
        for watchers in [text for held in self._registered.values() for text in +held]:
            some, wrong = read_watchers(json.loads(watchers), self._folders)
            globs += some
            problems += wrong
        return RegisteredWatches(globs), problems

    async def _watch(self, scopes: dict[bool, Scope]) -> None:
        for flat in set(self._pipelines) - set(scopes):
            await self._pipelines.pop(flat).stop()
        for flat, scope in scopes.items():
            pipeline = self._pipelines.get(flat)
            if pipeline is None:
                pipeline = Pipeline(
                    scope,
                    self._deliver,
                    pacing=self._pacing,
                    on_status=self._on_status,
                )
                await pipeline.start()
                self._pipelines[flat] = pipeline
            elif pipeline.scope != scope:
                await pipeline.rescope(scope)

    def _on_status(self, status: WatchStatus) -> None:
        for problem in status.problems:
            if problem not in self._problems and problem.code != "missingPath":
                _log.warning("%s", problem.message)
        self._problems = frozenset(status.problems)

    # -- sending -----------------------------------------------------------------------------------------

    async def _deliver(self, flush: Flush) -> None:
        for at in range(0, len(flush.changes), CHUNK):
            chunk = [change for change in flush.changes[at : at + CHUNK] if str(change.path) not in self._own]
            watches = self._watches
            wanted = (
                _wanted(watches, chunk) if len(chunk) <= _LARGE else await asyncio.to_thread(_wanted, watches, chunk)
            )
            now = time.monotonic()
            few = len(flush.changes) <= _LARGE
            new = [
                change
                for change in wanted
                if not (few or self._deduplicator.was_reported(str(change.path)))
                or self._deduplicator.is_new(str(change.path), change.change_type == "deleted", False, now)
            ]
            if new:
                _log.info("%d changes, the first: %s %s", len(new), new[0].change_type, new[0].path)
                spelling = self._spelling.of
                body = _encode(new, spelling) if len(new) <= _LARGE else await asyncio.to_thread(_encode, new, spelling)
                await self._notify(body)

    def _is_new(self, change: Any) -> bool:
        """Return whether a change of the editor is new to the server; one that can't be read counts as new."""
        if not isinstance(change, dict) or not isinstance(change.get("uri"), str):
            return True
        kind = _NAMES.get(change.get("type", 0)) if isinstance(change.get("type"), int) else None
        try:
            path = from_uri(change["uri"])
        except ValueError:
            return True
        if kind is None or not self._watches.wants(path, kind):
            return True
        return self._deduplicator.is_new(path, kind == "deleted", True, time.monotonic())


def _is_flat(scope: Scope) -> bool:
    return "*/" in scope.exclude


def _wanted(watches: RegisteredWatches, changes: list[FileChange]) -> list[FileChange]:
    return [change for change in changes if watches.wants(str(change.path), change.change_type)]


def _encode(changes: list[FileChange], spelling: Callable[[str], str | None]) -> bytes:
    encoded = [
        {"uri": spelling(str(change.path)) or to_uri(str(change.path)), "type": _CODES[change.change_type]}
        for change in changes
    ]
    message = {"jsonrpc": "2.0", "method": WATCHED_FILES, "params": {"changes": encoded}}
    return json.dumps(message, separators=(",", ":")).encode("ascii")
