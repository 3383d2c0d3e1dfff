"""One running program, from when its file is found until it is gone: its state, and what it is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, Protocol

import attrs

from reloadls.protocol import ConnectionLost, InvalidParams, ReloadReport, TargetStatus, make_converter
from reloadls.protocol.errors import Mismatch
from reloadls.protocol.messages import TargetState, TriggerParams
from reloadls.service.parent_process import wait_for_death
from reloadls.service.targets.advert import Place
from reloadls.service.targets.connection import Refused, TargetLine
from reloadls.service.targets.diagnostics import Outstanding
from reloadls.service.targets.validation import failed_to_answer, said_report, said_reports, said_status
from reloadls.wire import methods
from reloadls.wire.jsonio import show

__all__ = ["Target", "TargetOwner"]

ANSWER_S: Final = 10.0
"""How long, in seconds, a program may take to answer."""
_PAUSE_S: Final = 3.0
"""How long, in seconds, whoever pauses waits for a program to say that it does."""
_RETRIES_S: Final = (0.0, 0.02, 1.0, 5.0, 30.0)
"""Pauses, in seconds, before each try to connect to a program that is there. Then it is given up."""
_PROVEN_S: Final = 60.0
"""A connection that held this long, in seconds, is trusted again when it is lost."""

_log = logging.getLogger(__name__)


class TargetOwner(Protocol):
    """Who is told of it. Called on the event loop."""

    def on_target(self, target: Target) -> None:
        """Its status has changed."""

    def on_target_report(self, target: Target, report: ReloadReport) -> None:
        """It took up a batch, or failed to."""

    def on_target_ended(self, target: Target) -> None:
        """It is no more."""


class Target:
    """Connected while it is wanted: from `begin` to `end`.

    Args:
        place: what its file says.
        owner: who is told.
        new: whether the program has begun just now, so that a report it has made already is news.
    """

    def __init__(self, place: Place, owner: TargetOwner, *, new: bool = False) -> None:
        self.place = place
        self._pid = place.pid
        """What its process is called here, as soon as that is known: the file may come from another PID namespace."""
        self.status = TargetStatus(id=place.id, name=place.name, pid=place.pid, state="starting")
        """What it last said of itself; `starting` until it has, `gone` once it is given up."""
        self.outstanding = Outstanding()
        """What of its reports is still to be seen to."""
        self._owner = owner
        self._line: TargetLine | None = None
        self._spoken = asyncio.Event()
        """Set while it can be asked, and when it is given up."""
        self._given_up = False
        self._behind = new
        """Whether its next status may tell of a report that nobody has been told of."""
        self._paused = False
        self._pausing: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def __str__(self) -> str:
        return f"the program {show(self.place.name)} (process {self.place.pid})"

    # -- life --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Connect; does nothing while that is so already. A program that was given up is tried anew."""
        if self._life is not None and not self._given_up:
            return
        if self._life is not None:
            self._life.cancel()
            self._given_up = False
            self._say("starting")
        self._life = self._spawn(self._live())

    async def end(self) -> None:
        """Disconnect."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _live(self) -> None:
        try:
            gone = await self._stay()
        finally:
            self._spoken.set()
        if not gone:
            self._given_up = True
            self._say("gone")
            await wait_for_death(self._pid)
        self._owner.on_target_ended(self)

    async def _stay(self) -> bool:
        """Be connected, for as long as that can be done; returns whether that is since the program has ended."""
        tries = iter(_RETRIES_S)
        loop = asyncio.get_running_loop()
        while (pause := next(tries, None)) is not None:
            await asyncio.sleep(pause)
            begun = loop.time()
            fault = await self._visit()
            if fault is None:
                return True
            if fault:
                _log.warning("%s is disconnected: %s", self, fault)
                break
            if loop.time() - begun > _PROVEN_S:
                tries = iter(_RETRIES_S)
        return False

    async def _visit(self) -> str | None:
        """Connect, and stay until that is over.

        Returns:
            What it did wrong, nothing if the connection is just gone, or None if the program is.
        """
        line = TargetLine(self._take)
        try:
            await line.connect(self.place.socket)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except (OSError, TimeoutError) as error:
            _log.info("%s can't be connected to: %s", self, error)
            return line.fault or ""
        self._line = line
        self._spoken.clear()
        self._behind = self._behind or self.status.state != "starting"
        if self._paused:
            self._pausing = self._ask(methods.PAUSE)
        if line.pid is not None:
            self._pid = line.pid
        death = asyncio.ensure_future(wait_for_death(self._pid))
        try:
            await asyncio.wait({line.lost, death}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            death.cancel()
            line.close()
            self._line = None
            self._spoken.clear()  # until it can be connected to again, or is given up
        return None if death.done() and not death.cancelled() else line.fault or ""

    # -- what it says ------------------------------------------------------------------------------------

    def _take(self, method: str, params: object) -> None:
        if method == methods.DID_CHANGE_STATUS:
            self._take_status(said_status(self.place, params))
        elif method == methods.DID_RELOAD:
            self._take_report(said_report(self.place, params))

    def _take_status(self, status: TargetStatus) -> None:
        said, outstanding = status.last_report, self.outstanding
        if said is None:
            status = attrs.evolve(status, last_report=self.status.last_report)
        elif said != self.status.last_report:
            outstanding = outstanding.after(said)
            if self._behind:
                self._owner.on_target_report(self, said)
        self._behind = False
        self._spoken.set()
        self._become(status, outstanding)

    def _take_report(self, report: ReloadReport) -> None:
        self._owner.on_target_report(self, report)
        self._become(attrs.evolve(self.status, last_report=report), self.outstanding.after(report))

    def _become(self, status: TargetStatus, outstanding: Outstanding) -> None:
        if (status, outstanding) != (self.status, self.outstanding):
            self.status, self.outstanding = status, outstanding
            self._owner.on_target(self)

    def _say(self, state: TargetState) -> None:
        self._become(attrs.evolve(self.status, state=state), self.outstanding)

    # -- what it is asked --------------------------------------------------------------------------------

    async def trigger(self, uris: tuple[str, ...] | None) -> tuple[ReloadReport, ...]:
        """What it does with these files; if it does not answer, a report that says so."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(ANSWER_S):
                return said_reports(self.place, await self._answer(uris))
        except TimeoutError:
            reason = f"it did not answer within {ANSWER_S:g} s"
        except (Refused, ConnectionLost) as error:
            reason = str(error)
        except (InvalidParams, Mismatch) as error:
            reason = f"it answered what can't be: {error}"
        return (failed_to_answer(self.place, loop.time() - begun, reason),)

    async def _answer(self, uris: tuple[str, ...] | None) -> Any:
        await self._spoken.wait()
        if self._line is None:
            raise ConnectionLost("it can't be reached")
        return await self._line.ask(methods.TRIGGER, make_converter().unstructure(TriggerParams(uris)))

    def pause(self, paused: bool) -> None:
        """It is to take nothing up, or to go on; one that is not connected will be told as soon as it is."""
        if paused != self._paused:
            self._paused = paused
            self._pausing = self._ask(methods.PAUSE if paused else methods.RESUME)

    async def settled(self) -> None:
        """Return when it has said that it is paused, or goes on, as last asked; or when that takes too long."""
        if self._pausing is not None:
            await asyncio.wait({self._pausing}, timeout=_PAUSE_S)

    def _ask(self, method: str) -> asyncio.Task[None] | None:
        """Send a request at once: one that does not answer yet will do it in turn."""
        if self._line is None:
            return None
        try:
            return self._spawn(self._adopt(method, self._line.ask(method)))
        except (Refused, ConnectionLost) as error:
            _log.info("%s could not be sent %s: %s", self, method, error)
            return None

    async def _adopt(self, method: str, answer: asyncio.Future[Any]) -> None:
        try:
            self._take_status(said_status(self.place, await answer))
        except (Refused, ConnectionLost, InvalidParams, Mismatch) as error:
            _log.info("%s did not answer %s: %s", self, method, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
