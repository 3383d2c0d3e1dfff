"""One running program: connection, retries, state, and requests to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, Protocol

import attrs

from reloadls.protocol import (
    ConnectionLost,
    InvalidParams,
    ReloadReport,
    RequestFailed,
    TargetStatus,
    make_converter,
)
from reloadls.protocol.errors import Mismatch
from reloadls.protocol.messages import TargetState, TriggerParams
from reloadls.service.parent_process import wait_for_exit
from reloadls.service.targets.advert import Advert
from reloadls.service.targets.connection import RequestRefused, TargetConnection
from reloadls.service.targets.diagnostics import Outstanding
from reloadls.service.targets.validation import no_answer_report, validate_report, validate_reports, validate_status
from reloadls.wire import methods
from reloadls.wire.text import show

__all__ = ["Target", "TargetOwner"]

ANSWER_S: Final = 10.0
"""Seconds that a program may take to answer."""
_PAUSE_S: Final = 3.0
"""Seconds that a pause waits for the program's confirmation."""
_RETRIES_S: Final = (0.0, 0.02, 1.0, 5.0, 30.0)
"""Delays, in seconds, before each attempt to connect. After the last one the program is given up."""
_STABLE_S: Final = 60.0
"""After a connection of this many seconds, the retries start over."""

_log = logging.getLogger(__name__)


class TargetOwner(Protocol):
    """Receives the updates of a target. Called on the event loop."""

    def on_target(self, target: Target) -> None:
        """The target's status has changed."""

    def on_target_report(self, target: Target, report: ReloadReport) -> None:
        """The target has reported a reload."""

    def on_target_ended(self, target: Target) -> None:
        """The program has ended."""


class Target:
    """Keeps a connection to one program, from `begin` to `end`.

    Args:
        advert: the program's advert.
        owner: receives the updates.
        new: whether the program has just started, so that its last report was not sent to anyone yet.
    """

    def __init__(self, advert: Advert, owner: TargetOwner, *, new: bool = False) -> None:
        self.advert = advert
        self._pid = advert.pid
        """The process ID in our PID namespace once it is known; the advert may come from another namespace."""
        self.status = TargetStatus(id=advert.id, name=advert.name, pid=advert.pid, state="starting")
        """Its last status; `starting` before the first one, `gone` once it is given up."""
        self.outstanding = Outstanding()
        """Its unresolved reports."""
        self._owner = owner
        self._connection: TargetConnection | None = None
        self._ready = asyncio.Event()
        """Set while it can be queried, and when it is given up."""
        self._given_up = False
        self._report_missed = new
        """Whether its next status may hold a report that the owner has not received."""
        self._paused = False
        self._pausing: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def __str__(self) -> str:
        return f"the program {show(self.advert.name)} (process {self.advert.pid})"

    # -- life --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start connecting; retry a program that was given up. Idempotent while connected."""
        if self._task is not None and not self._given_up:
            return
        if self._task is not None:
            self._task.cancel()
            self._given_up = False
            self._set_state("starting")
        self._task = self._spawn(self._run())

    async def end(self) -> None:
        """Disconnect."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self) -> None:
        try:
            ended = await self._stay_connected()
        finally:
            self._ready.set()
        if not ended:
            self._given_up = True
            self._set_state("gone")
            await wait_for_exit(self._pid)
        self._owner.on_target_ended(self)

    async def _stay_connected(self) -> bool:
        """Stay connected and retry; return True once the program has ended, False if it is given up."""
        tries = iter(_RETRIES_S)
        loop = asyncio.get_running_loop()
        while (pause := next(tries, None)) is not None:
            await asyncio.sleep(pause)
            begun = loop.time()
            error = await self._connect()
            if error is None:
                return True
            if error:
                _log.warning("disconnecting %s: %s", self, error)
                break
            if loop.time() - begun > _STABLE_S:
                tries = iter(_RETRIES_S)
        return False

    async def _connect(self) -> str | None:
        """Connect, and return when the connection has ended.

        Returns:
            Why the program was disconnected, "" if the connection was lost, or None if the program has ended.
        """
        connection = TargetConnection(self._on_notification)
        try:
            await connection.connect(self.advert.socket)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except (OSError, TimeoutError) as error:
            _log.info("can't connect to %s: %s", self, error)
            return connection.error or ""
        self._connection = connection
        self._ready.clear()
        self._report_missed = self._report_missed or self.status.state != "starting"
        if self._paused:
            self._pausing = self._send_request(methods.PAUSE)
        if connection.pid is not None:
            self._pid = connection.pid
        death = asyncio.ensure_future(wait_for_exit(self._pid))
        try:
            await asyncio.wait({connection.lost, death}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            death.cancel()
            connection.close()
            self._connection = None
            self._ready.clear()  # until it is connected again, or given up
        return None if death.done() and not death.cancelled() else connection.error or ""

    # -- notifications -----------------------------------------------------------------------------------

    def _on_notification(self, method: str, params: object) -> None:
        if method == methods.DID_CHANGE_STATUS:
            self._on_status(validate_status(self.advert, params))
        elif method == methods.DID_RELOAD:
            self._on_report(validate_report(self.advert, params))

    def _on_status(self, status: TargetStatus) -> None:
        report, outstanding = status.last_report, self.outstanding
        if report is None:
            status = attrs.evolve(status, last_report=self.status.last_report)
        elif report != self.status.last_report:
            outstanding = outstanding.after(report)
            if self._report_missed:
                self._owner.on_target_report(self, report)
        self._report_missed = False
        self._ready.set()
        self._update(status, outstanding)

    def _on_report(self, report: ReloadReport) -> None:
        self._owner.on_target_report(self, report)
        self._update(attrs.evolve(self.status, last_report=report), self.outstanding.after(report))

    def _update(self, status: TargetStatus, outstanding: Outstanding) -> None:
        if (status, outstanding) != (self.status, self.outstanding):
            self.status, self.outstanding = status, outstanding
            self._owner.on_target(self)

    def _set_state(self, state: TargetState) -> None:
        """Nothing is known of what it hosts until it is connected again."""
        status = attrs.evolve(self.status, state=state, pools=(), configurations=())
        self._update(status, self.outstanding)

    # -- requests ----------------------------------------------------------------------------------------

    async def trigger(self, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """Make the program reload files.

        Args:
            uris: the files; None: all files that differ from what it has loaded.

        Returns:
            Its reports; one with the status `failed` if it does not answer.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(ANSWER_S):
                return validate_reports(self.advert, await self._answer(uris))
        except TimeoutError:
            reason = f"no answer within {ANSWER_S:g} s"
        except (RequestRefused, ConnectionLost) as error:
            reason = str(error)
        except (InvalidParams, Mismatch) as error:
            reason = f"invalid response: {error}"
        return (no_answer_report(self.advert, loop.time() - begun, reason),)

    async def _answer(self, uris: tuple[str, ...] | None) -> Any:
        await self._ready.wait()
        if self._connection is None:
            raise ConnectionLost("unreachable")
        return await self._connection.request(methods.TRIGGER, make_converter().unstructure(TriggerParams(uris)))

    async def drain(self, pool: str) -> None:
        """Have a session pool of the program admit no more sessions; return once it drains.

        Raises:
            RequestFailed: there is no such pool, it can't drain, or the program does not answer.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._ready.wait()
                if self._connection is None:
                    raise ConnectionLost("unreachable")
                answer = await self._connection.request(methods.DRAIN, {"pool": pool})
            self._on_status(validate_status(self.advert, answer))
        except TimeoutError:
            raise RequestFailed(f"{self}: no answer within {ANSWER_S:g} s") from None
        except (RequestRefused, ConnectionLost, InvalidParams, Mismatch) as error:
            raise RequestFailed(f"{self}: {error}") from None

    def pause(self, paused: bool) -> None:
        """Pause or resume the program; if it is not connected, once it is."""
        if paused != self._paused:
            self._paused = paused
            self._pausing = self._send_request(methods.PAUSE if paused else methods.RESUME)

    async def settled(self) -> None:
        """Return when the program has confirmed the last pause or resume, or timed out."""
        if self._pausing is not None:
            await asyncio.wait({self._pausing}, timeout=_PAUSE_S)

    def _send_request(self, method: str) -> asyncio.Task[None] | None:
        """Send a request without waiting for the answers to earlier ones."""
        if self._connection is None:
            return None
        try:
            return self._spawn(self._on_response(method, self._connection.request(method)))
        except (RequestRefused, ConnectionLost) as error:
            _log.info("could not send %s to %s: %s", method, self, error)
            return None

    async def _on_response(self, method: str, answer: asyncio.Future[Any]) -> None:
        try:
            self._on_status(validate_status(self.advert, await answer))
        except (RequestRefused, ConnectionLost, InvalidParams, Mismatch) as error:
            _log.info("%s did not answer %s: %s", self, method, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
