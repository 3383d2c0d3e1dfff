"""Send one client the reports, states and diagnostics of the programs in its roots."""

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
from reloadls.service.targets.hosted import HostedPacing
from reloadls.service.targets.registry import TargetRegistry
from reloadls.wire import methods

__all__ = ["ClientTargets"]

_MAX_REPORTS: Final = 1000
"""The most reports kept for a slow client; beyond that the oldest are dropped, the state is still sent."""
_SUBSCRIBE_S: Final = 3.0
"""Seconds that a request waits for the programs of the current roots to be discovered."""
_CLEAR_S: Final = 1.0
"""Seconds that clearing the diagnostics at the end may take."""

_log = logging.getLogger(__name__)


class _Client(Protocol):
    async def send(self, bodies: Iterable[bytes]) -> None: ...


class ClientTargets:
    """Sends at the client's pace: every report, and only the latest state and diagnostics.

    Args:
        client: the connection to the client.
        targets: the registry of all programs.
        send_status: sends the client's status if it has changed.
    """

    def __init__(self, client: _Client, targets: TargetRegistry, send_status: Callable[[], None]) -> None:
        self._client = client
        self._targets = targets
        self._send_status = send_status
        self._reports: tuple[ReloadReport, ...] = ()
        self._published: dict[str, list[Diagnostic]] = {}
        self._changed = Event()
        self._pacing = HostedPacing()
        self._later: asyncio.TimerHandle | None = None
        self._roots: tuple[str, ...] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._subscribing: set[asyncio.Task[None]] = set()
        self._ended = False

    @property
    def statuses(self) -> tuple[TargetStatus, ...]:
        """The status of each program in the client's roots."""
        return tuple(target.status for target in self._targets.targets_of(self))

    def set_roots(self, roots: tuple[str, ...]) -> None:
        """Subscribe to the programs of these roots, without waiting for their discovery.

        Args:
            roots: absolute paths; a program belongs to them if one of its roots overlaps.
        """
        if roots == self._roots or self._ended:
            return
        self._roots = roots
        if self._sender is None:
            self._sender = asyncio.create_task(self._run(), name="reloadls-targets")
        self._spawn(self._subscribe(roots))

    async def end(self) -> None:
        """Clear the diagnostics and stop sending. Programs that this client paused resume. Idempotent."""
        if self._ended:
            return
        self._ended = True
        if self._later is not None:
            self._later.cancel()
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
        """Make each program reload files, and return the reports; `uris=None` means all files that differ."""
        if self._subscribing:
            await asyncio.wait(self._subscribing, timeout=_SUBSCRIBE_S)
        return await self._targets.trigger(self, uris)

    async def pause(self) -> None:
        """Pause hot reload in the client's programs."""
        await self._targets.pause(self)

    async def resume(self) -> None:
        """Resume hot reload in the client's programs, unless another client keeps them paused."""
        await self._targets.resume(self)

    async def drain(self, target: str, pool: str) -> None:
        """Have a session pool of one of the client's programs admit no more sessions."""
        await self._targets.drain(self, target, pool)

    # -- sending -----------------------------------------------------------------------------------------

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
                _log.exception("updates of running programs could not be sent")

    async def _send_updates(self) -> None:
        reports, self._reports = self._reports, ()
        await self._send(methods.DID_RELOAD, reports)
        targets = self._targets.targets_of(self)
        programs = [(target.advert.name, target.outstanding) for target in targets]
        configurations = [each for target in targets for each in target.status.configurations]
        problems = [problem for each in configurations for problem in each.problems]
        await self._publish(to_diagnostics(programs, problems))
        self._send_status_in_time()

    def _send_status_in_time(self) -> None:
        """Send the status, now or after a pause if only what programs host has changed."""
        loop = asyncio.get_running_loop()
        statuses, now = self.statuses, loop.time()
        delay = self._pacing.delay_s(statuses, now)
        if delay == 0.0:
            self._pacing.note_sent(statuses, now)
            self._send_status()
        elif self._later is None:
            self._later = loop.call_later(delay, self._on_later)

    def _on_later(self) -> None:
        self._later = None
        self._changed.set()

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
        if before:  # the last roots win
            await asyncio.wait(before)
        await self._targets.subscribe(self, roots)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._subscribing.add(task)
        task.add_done_callback(self._subscribing.discard)
