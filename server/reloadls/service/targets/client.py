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
from reloadls.service.targets.registry import TargetRegistry
from reloadls.wire import methods

__all__ = ["ClientTargets"]

_MAX_REPORTS: Final = 1000
"""How many reports wait for a client that takes none; it is not told of the oldest then, but of the state."""
_SUBSCRIBE_S: Final = 3.0
"""How long, in seconds, a request waits until it is known which programs are meant."""
_CLEAR_S: Final = 1.0
"""How long, in seconds, a client may take to be told that nothing is wrong any more."""

_log = logging.getLogger(__name__)


class _Client(Protocol):
    async def send(self, bodies: Iterable[bytes]) -> None: ...


class ClientTargets:
    """Tells at the pace at which the client takes it: every report, and of all else the latest.

    Args:
        client: where it is told.
        targets: all programs.
        send_status: tells the status, if it has changed.
    """

    def __init__(self, client: _Client, targets: TargetRegistry, send_status: Callable[[], None]) -> None:
        self._client = client
        self._targets = targets
        self._send_status = send_status
        self._reports: tuple[ReloadReport, ...] = ()
        self._published: dict[str, list[Diagnostic]] = {}
        self._changed = Event()
        self._roots: tuple[str, ...] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._subscribing: set[asyncio.Task[None]] = set()
        self._ended = False

    @property
    def statuses(self) -> tuple[TargetStatus, ...]:
        """What is known of each program."""
        return tuple(target.status for target in self._targets.targets_of(self))

    def set_roots(self, roots: tuple[str, ...]) -> None:
        """The programs of these roots are meant from now on; they are looked for meanwhile."""
        if roots == self._roots or self._ended:
            return
        self._roots = roots
        if self._sender is None:
            self._sender = asyncio.create_task(self._run(), name="reloadls-targets")
        self._spawn(self._subscribe(roots))

    async def end(self) -> None:
        """Tell that nothing is wrong any more, and then nothing. What was paused goes on."""
        if self._ended:
            return
        self._ended = True
        tasks = [task for task in (self._sender, *self._subscribing) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._targets.unsubscribe(self)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLEAR_S):
                await self._publish({})

    # -- requests ----------------------------------------------------------------------------------------

    async def trigger(self, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """What each program does with these files; None: with all that it has loaded."""
        if self._subscribing:
            await asyncio.wait(self._subscribing, timeout=_SUBSCRIBE_S)
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
        self._changed.set()

    def on_report(self, report: ReloadReport) -> None:
        """See `TargetSubscriber.on_report`."""
        self._reports = (*self._reports, report)[-_MAX_REPORTS:]
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._send_updates()
            except Exception:
                _log.exception("news of running programs could not be told")

    async def _send_updates(self) -> None:
        reports, self._reports = self._reports, ()
        await self._send(methods.DID_RELOAD, reports)
        programs = ((target.advert.name, target.outstanding) for target in self._targets.targets_of(self))
        await self._publish(to_diagnostics(programs))
        self._send_status()

    async def _publish(self, now: dict[str, list[Diagnostic]]) -> None:
        changed: list[PublishDiagnosticsParams] = differences(self._published, now)
        self._published = now
        await self._send(TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, changed)

    async def _send(self, method: str, all_params: Iterable[object]) -> None:
        plain = make_converter().unstructure
        bodies = [encode_notification(method, plain(params)) for params in all_params]
        if bodies:
            await self._client.send(bodies)

    async def _subscribe(self, roots: tuple[str, ...]) -> None:
        before = [task for task in self._subscribing if task is not asyncio.current_task()]
        if before:  # what was asked for last is to be done last
            await asyncio.wait(before)
        await self._targets.subscribe(self, roots)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._subscribing.add(task)
        task.add_done_callback(self._subscribing.discard)
