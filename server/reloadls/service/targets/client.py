"""What one client is told of the running programs that concern it: their reports, states and failures."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Protocol

from lsprotocol.types import TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, Diagnostic, PublishDiagnosticsParams

from reloadls.base.event import Event
from reloadls.protocol import ReloadReport, TargetStatus, encode_notification, make_converter
from reloadls.service.targets.diagnostics import differences, to_diagnostics
from reloadls.service.targets.registry import Targets
from reloadls.wire import methods

__all__ = ["SessionTargets"]

_KEPT: Final = 1000
"""How many reports wait for a client that takes none; it is not told of the oldest then, but of the state."""
_MOVE_S: Final = 3.0
"""How long, in seconds, a request waits until it is known which programs are meant."""
_GOODBYE_S: Final = 1.0
"""How long, in seconds, a client may take to be told that nothing is wrong any more."""

_log = logging.getLogger(__name__)


class _Client(Protocol):
    async def send(self, bodies: Iterable[bytes]) -> None: ...


class SessionTargets:
    """Tells at the pace at which the client takes it: every report, and of all else the latest.

    Args:
        client: where it is told.
        targets: all programs.
        tell_status: tells the status, if it has changed.
    """

    def __init__(self, client: _Client, targets: Targets, tell_status: Callable[[], None]) -> None:
        self._client = client
        self._targets = targets
        self._tell_status = tell_status
        self._reports: tuple[ReloadReport, ...] = ()
        self._shown: dict[str, list[Diagnostic]] = {}
        self._news = Event()
        self._roots: tuple[str, ...] | None = None
        self._teller: asyncio.Task[None] | None = None
        self._moves: set[asyncio.Task[None]] = set()
        self._ended = False

    @property
    def statuses(self) -> tuple[TargetStatus, ...]:
        """What is known of each program."""
        return tuple(target.status for target in self._targets.of(self))

    def concern(self, roots: tuple[str, ...]) -> None:
        """The programs of these roots are meant from now on; they are looked for meanwhile."""
        if roots == self._roots or self._ended:
            return
        self._roots = roots
        if self._teller is None:
            self._teller = asyncio.create_task(self._tell(), name="reloadls-targets")
        self._spawn(self._concern(roots))

    async def end(self) -> None:
        """Tell that nothing is wrong any more, and then nothing. What was paused goes on."""
        if self._ended:
            return
        self._ended = True
        tasks = [task for task in (self._teller, *self._moves) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._targets.leave(self)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._show({})

    # -- requests ----------------------------------------------------------------------------------------

    async def trigger(self, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """What each program does with these files; None: with all that it has loaded."""
        if self._moves:
            await asyncio.wait(self._moves, timeout=_MOVE_S)
        return await self._targets.trigger(self, uris)

    async def pause(self) -> None:
        """The programs are to take nothing up."""
        await self._targets.pause(self)

    async def resume(self) -> None:
        """They are to go on, as far as it is this client that keeps them from it."""
        await self._targets.resume(self)

    # -- telling -----------------------------------------------------------------------------------------

    def on_targets(self) -> None:
        """See `TargetSubscriber.on_targets`."""
        self._news.set()

    def on_report(self, report: ReloadReport) -> None:
        """See `TargetSubscriber.on_report`."""
        self._reports = (*self._reports, report)[-_KEPT:]
        self._news.set()

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._tell_news()
            except Exception:
                _log.exception("news of running programs could not be told")

    async def _tell_news(self) -> None:
        reports, self._reports = self._reports, ()
        await self._send(methods.DID_RELOAD, reports)
        programs = ((target.place.name, target.outstanding) for target in self._targets.of(self))
        await self._show(to_diagnostics(programs))
        self._tell_status()

    async def _show(self, now: dict[str, list[Diagnostic]]) -> None:
        changed: list[PublishDiagnosticsParams] = differences(self._shown, now)
        self._shown = now
        await self._send(TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, changed)

    async def _send(self, method: str, all_params: Iterable[object]) -> None:
        plain = make_converter().unstructure
        bodies = [encode_notification(method, plain(params)) for params in all_params]
        if bodies:
            await self._client.send(bodies)

    async def _concern(self, roots: tuple[str, ...]) -> None:
        before = [task for task in self._moves if task is not asyncio.current_task()]
        if before:  # what was asked for last is to be done last
            await asyncio.wait(before)
        await self._targets.concern(self, roots)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)
