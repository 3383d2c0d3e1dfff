"""What is to be done about watching, one thing after another, beside the traffic."""

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
"""How many warnings the user is shown; all are logged."""
_log = logging.getLogger("reloadls.proxy")


class RegistrationWorker:
    """Watches what it is ordered to, and tells the server.

    Args:
        settings: how that is done.
        to_server: where its messages go.
        to_editor: where the user is warned.
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
        """Get ready to take orders, for these workspace folders; if that was done already, only replace them."""
        if self._task is not None:
            self.submit(RegistrationChange(folders=tuple(folders)))
            return
        self._task = asyncio.create_task(self._run(tuple(folders)), name="reloadls-proxy-orders")
        if self._settings.globs:
            self.submit(RegistrationChange())

    def submit(self, change: RegistrationChange) -> None:
        """Have something done some time soon."""
        for registered in change.add:
            self._settings.on_registered(registered)
        self._changes.put_nowait(change)

    def only_new(self, changes: list[Any]) -> list[Any]:
        """Of the changes that the editor tells, those that the server has not been told of by us."""
        return changes if self._watcher is None else self._watcher.only_new(changes)

    def on_initialized(self) -> None:
        """`on_initialized` has gone through: the server can be notified from now on."""
        self._initialized.set()

    def note_spelling(self, uri: str) -> None:
        """Use this spelling of a file's URI, which is the editor's."""
        if self._watcher is None:
            self._spellings.append(uri)
        else:
            self._watcher.note_spelling(uri)

    def mute(self) -> None:
        """Tell of no more changes; orders are still answered."""
        self._muted = True

    async def stop(self) -> None:
        """Watch no more."""
        self.mute()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for warning in self._warnings:
            warning.cancel()
        if self._watcher is not None:
            await self._watcher.stop()

    async def _run(self, folders: tuple[str, ...]) -> None:
        """Do what is ordered, several orders at once if they are there; then answer each."""
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
        """Log what can't be watched, and show the first to the user; the editor is not waited for."""
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
