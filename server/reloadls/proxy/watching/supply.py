"""What is to be done about watching, one thing after another, beside the traffic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from reloadls.base.text import shown
from reloadls.proxy import rewrite as amend
from reloadls.proxy.messages import framed
from reloadls.proxy.orders import Order, Settings
from reloadls.proxy.pipes import Outlet

if TYPE_CHECKING:
    from reloadls.proxy.watching.watcher import Watching

__all__ = ["Supply"]

_SHOWN: Final = 3
"""How many warnings the user is shown; all are logged."""
_log = logging.getLogger("reloadls.proxy")


class Supply:
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
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._watching: Watching | None = None
        self._worker: asyncio.Task[None] | None = None
        self._hushed = False
        self._initialized = asyncio.Event()
        self._spelled: list[str] = []

    def begin(self, folders: Sequence[str]) -> None:
        """Get ready to take orders, for these workspace folders; if that was done already, only replace them."""
        if self._worker is not None:
            self.order(Order(folders=tuple(folders)))
            return
        self._worker = asyncio.create_task(self._work(tuple(folders)), name="reloadls-proxy-orders")
        if self._settings.globs:
            self.order(Order())

    def order(self, order: Order) -> None:
        """Have something done some time soon."""
        for registered in order.add:
            self._settings.on_registered(registered)
        self._orders.put_nowait(order)

    def take(self, changes: list[Any]) -> list[Any]:
        """Of the changes that the editor tells, those that the server has not been told of by us."""
        return changes if self._watching is None else self._watching.take(changes)

    def initialized(self) -> None:
        """`initialized` has gone through: the server can be notified from now on."""
        self._initialized.set()

    def spell(self, uri: str) -> None:
        """Use this spelling of a file's URI, which is the editor's."""
        if self._watching is None:
            self._spelled.append(uri)
        else:
            self._watching.spell(uri)

    def hush(self) -> None:
        """Tell of no more changes; orders are still answered."""
        self._hushed = True

    async def stop(self) -> None:
        """Watch no more."""
        self.hush()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        for warning in self._warnings:
            warning.cancel()
        if self._watching is not None:
            await self._watching.stop()

    async def _work(self, folders: tuple[str, ...]) -> None:
        """Do what is ordered, several orders at once if they are there; then answer each."""
        loading = asyncio.create_task(asyncio.to_thread(_watching_class))
        while True:
            orders = [await self._orders.get()]
            while not self._orders.empty():
                orders.append(self._orders.get_nowait())
            problem = None
            try:
                if self._watching is None:
                    self._watching = self._make(await loading, folders)
                    while self._spelled:
                        self._watching.spell(self._spelled.pop())
                for order in orders:
                    self._watching.note(order)
                await self._watching.apply()
            except Exception as error:
                _log.exception("files can't be watched")
                problem = f"files can't be watched: {error}"
            for order in orders:
                if order.answers:
                    reply = amend.success(order.id) if problem is None else amend.failure(order.id, problem)
                    await self._to_server.inject(framed(amend.encode(reply)))

    def _make(self, kind: type[Watching], folders: tuple[str, ...]) -> Watching:
        settings = self._settings
        return kind(self._tell, self._warn, folders, debounce=settings.debounce, extra=settings.globs, own=settings.own)

    async def _tell(self, body: bytes) -> None:
        await self._initialized.wait()
        if not self._hushed:
            await self._to_server.inject(framed(body))
            self._settings.on_told()

    def _warn(self, problems: list[str]) -> None:
        """Log what can't be watched, and show the first to the user; the editor is not waited for."""
        for problem in problems:
            _log.warning("%s", problem)
        self._shown += 1
        if self._shown > _SHOWN:
            return
        more = f" and {len(problems) - 1} more, see the log" if len(problems) > 1 else ""
        message = framed(amend.encode(amend.warning(f"reloadls proxy: {shown(problems[0])}{more}")))
        task = asyncio.create_task(self._show(message), name="reloadls-proxy-warning")
        self._warnings.add(task)
        task.add_done_callback(self._warnings.discard)

    async def _show(self, message: bytes) -> None:
        await self._initialized.wait()
        await self._to_editor.inject(message)


def _watching_class() -> type[Watching]:
    from reloadls.proxy.watching.watcher import Watching  # noqa: PLC0415 - see the package's docstring

    return Watching
