"""Apply changes of registrations one after another, without blocking the messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from reloadls.base.text import shown
from reloadls.proxy import rewrite
from reloadls.proxy.messages import framed
from reloadls.proxy.pipes import Outlet
from reloadls.proxy.settings import RegistrationChange, Settings

if TYPE_CHECKING:
    from reloadls.proxy.watching.watcher import RegistrationWatcher

__all__ = ["RegistrationWorker"]

_SHOWN: Final = 3
"""The most warnings shown to the user; all are logged."""
_log = logging.getLogger("reloadls.proxy")


class RegistrationWorker:
    """Applies registrations, answers them, and sends changes to the server.

    Args:
        settings: the settings of the proxy.
        to_server: the connection to the server.
        to_editor: the connection to the editor, for warnings.
    """

    def __init__(self, settings: Settings, to_server: Outlet, to_editor: Outlet) -> None:
        self._settings = settings
        self._to_server = to_server
        self._to_editor = to_editor
        self._warnings: set[asyncio.Task[None]] = set()
        self._shown = 0
        self._changes: asyncio.Queue[RegistrationChange] = asyncio.Queue()
        self._watcher: RegistrationWatcher | None = None
        self._task: asyncio.Task[None] | None = None
        self._muted = False
        self._initialized = asyncio.Event()
        self._spellings: list[str] = []

    def start(self, folders: Sequence[str]) -> None:
        """Start the worker for these workspace folders; if it runs already, replace the folders."""
        if self._task is not None:
            self.submit(RegistrationChange(folders=tuple(folders)))
            return
        self._task = asyncio.create_task(self._run(tuple(folders)), name="reloadls-proxy-registrations")
        if self._settings.globs:
            self.submit(RegistrationChange())

    def submit(self, change: RegistrationChange) -> None:
        """Queue a change."""
        for registered in change.add:
            self._settings.on_registered(registered)
        self._changes.put_nowait(change)

    def only_new(self, changes: list[Any]) -> list[Any]:
        """Return those of the editor's changes that the proxy has not sent to the server yet."""
        return changes if self._watcher is None else self._watcher.only_new(changes)

    def on_initialized(self) -> None:
        """Note that `initialized` was passed on: the server accepts notifications from now on."""
        self._initialized.set()

    def note_spelling(self, uri: str) -> None:
        """Note the editor's spelling of a file's URI."""
        if self._watcher is None:
            self._spellings.append(uri)
        else:
            self._watcher.note_spelling(uri)

    def mute(self) -> None:
        """Send no more changes. Registrations are still answered."""
        self._muted = True

    async def stop(self) -> None:
        """Stop watching."""
        self.mute()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for warning in self._warnings:
            warning.cancel()
        if self._watcher is not None:
            await self._watcher.stop()

    async def _run(self, folders: tuple[str, ...]) -> None:
        """Apply queued changes, all that are queued at once, then answer each."""
        loading = asyncio.create_task(asyncio.to_thread(_watcher_class))
        while True:
            batch = [await self._changes.get()]
            while not self._changes.empty():
                batch.append(self._changes.get_nowait())
            problem = None
            try:
                if self._watcher is None:
                    self._watcher = self._make(await loading, folders)
                    while self._spellings:
                        self._watcher.note_spelling(self._spellings.pop())
                for change in batch:
                    self._watcher.update(change)
                await self._watcher.apply()
            except Exception as error:
                _log.exception("files can't be watched")
                problem = f"files can't be watched: {error}"
            for change in batch:
                if change.answers:
                    reply = rewrite.success(change.id) if problem is None else rewrite.failure(change.id, problem)
                    await self._to_server.inject(framed(rewrite.encode(reply)))

    def _make(self, kind: type[RegistrationWatcher], folders: tuple[str, ...]) -> RegistrationWatcher:
        settings = self._settings
        return kind(
            self._notify, self._warn, folders, debounce=settings.debounce, extra=settings.globs, own=settings.own
        )

    async def _notify(self, body: bytes) -> None:
        await self._initialized.wait()
        if not self._muted:
            await self._to_server.inject(framed(body))
            self._settings.on_notified()

    def _warn(self, problems: list[str]) -> None:
        """Log what can't be watched, and show the first problem to the user without waiting for the editor."""
        for problem in problems:
            _log.warning("%s", problem)
        self._shown += 1
        if self._shown > _SHOWN:
            return
        more = f" and {len(problems) - 1} more, see the log" if len(problems) > 1 else ""
        message = framed(rewrite.encode(rewrite.warning(f"reloadls proxy: {shown(problems[0])}{more}")))
        task = asyncio.create_task(self._show(message), name="reloadls-proxy-warning")
        self._warnings.add(task)
        task.add_done_callback(self._warnings.discard)

    async def _show(self, message: bytes) -> None:
        await self._initialized.wait()
        await self._to_editor.inject(message)


def _watcher_class() -> type[RegistrationWatcher]:
    from reloadls.proxy.watching.watcher import RegistrationWatcher  # noqa: PLC0415 - see the package's docstring

    return RegistrationWatcher
