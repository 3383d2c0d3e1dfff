"""Making the edits one by one while all guests talk, and seeing what comes of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from reloadls.demo.program import Program, ProgramFailed, free_port

from .guests import Counts, Guests
from .project import AGAIN, EDITS, GUESTS, PINNED, Edit, RoomsProject

__all__ = ["RoomsResult", "RoomsRun", "RoomsScreen", "StepResult", "step_names", "verdict"]

_LIVE_S: Final = 20.0
_LOOK_S: Final = 0.005
_CRASH: Final = "one session crashes"
_DRAIN: Final = "drain, and all say bye"


@dataclass(frozen=True)
class StepResult:
    """What came of a step.

    Attributes:
        outcome: live, rolled back, and so on; else what was wrong.
        right: whether that is what had to come of it.
        answers: how many came meanwhile.
        lost: how many did not, or were wrong.
        sessions: how many did what they had to.
        ms: from the save until the last of them did.
        said: what `reloadls run` said of it.
    """

    name: str
    outcome: str
    right: bool
    answers: int
    lost: int
    sessions: int
    ms: float
    said: str


@dataclass(frozen=True)
class RoomsResult:
    """How the third act went."""

    steps: tuple[StepResult, ...]
    counts: Counts
    seconds: float

    @property
    def right(self) -> bool:
        """Whether all steps came to what they had to, and nothing was lost."""
        return all(step.right for step in self.steps) and not self.counts.lost


class RoomsScreen(Protocol):
    """Shows the act as it goes."""

    def begin(self, steps: Sequence[str], counts: Counts) -> None:
        """All guests talk; `counts` goes on while they do."""

    def started(self, name: str) -> None:
        """A step begins."""

    def said(self, line: str) -> None:
        """`reloadls run` says something."""

    def finished(self, result: StepResult) -> None:
        """It is clear what came of the step."""

    def end(self, result: RoomsResult) -> None:
        """All steps are done."""


def step_names() -> list[str]:
    """The names of the steps, in order."""
    return [*(edit.name for edit in EDITS), PINNED.name, _CRASH, AGAIN.name, _DRAIN]


@dataclass(frozen=True)
class _Came:
    """What a step came to: its outcome, whether that is right, and how many sessions did what they had to, by when."""

    outcome: str
    right: bool
    sessions: int
    at: float


class RoomsRun:
    """One run of the act."""

    def __init__(self, project: RoomsProject, screen: RoomsScreen) -> None:
        self._project = project
        self._screen = screen
        self._lines: list[str] = []
        self._shown = False
        self._failure: OSError | None = None
        port = free_port()
        self._guests = Guests(port)
        self._program = Program(project.folder, ("rooms.py", str(port)), self._on_line)

    async def run(self) -> RoomsResult:
        """Do all steps, and return what came of them.

        Raises:
            ProgramFailed: the program did not start, or has ended.
            OSError: the screen can't be written to.
        """
        begun = time.monotonic()
        try:
            async with self._program:
                results = await self._play()
        finally:
            await self._guests.cancel()
            await self._program.is_live()  # clears away what it has left
        result = RoomsResult(tuple(results), self._guests.counts, time.monotonic() - begun)
        self._screen.end(result)
        return result

    async def _play(self) -> list[StepResult]:
        await self._program.until_up(self._listens)
        come = self._guests.come([f"guest-{number}" for number in range(GUESTS)])
        if not await self._until(lambda: all(guest.turn for guest in come)):
            raise ProgramFailed(f"not all guests were answered: {self._guests.counts.first_fault}")
        self._shown = True
        self._screen.begin(step_names(), self._guests.counts)
        steps: list[tuple[str, Callable[[], Awaitable[_Came]]]] = [
            *((edit.name, lambda edit=edit: self._edit(edit)) for edit in EDITS),
            (PINNED.name, self._edit_while_pinned),
            (_CRASH, self._crash),
            (AGAIN.name, lambda: self._edit(AGAIN)),
            (_DRAIN, self._drain),
        ]
        return [await self._do(name, step) for name, step in steps]

    async def _do(self, name: str, step: Callable[[], Awaitable[_Came]]) -> StepResult:
        before, heard = replace(self._guests.counts), len(self._lines)
        self._screen.started(name)
        began = time.perf_counter()
        came = await step()
        if self._failure is not None:
            raise self._failure
        now = self._guests.counts
        lost = now.lost - before.lost
        said = self._lines[heard] if len(self._lines) > heard else ""
        answers = now.answers - before.answers
        outcome = came.outcome if came.right else "NOT RIGHT"
        result = StepResult(
            name, outcome, came.right and not lost, answers, lost, came.sessions, (came.at - began) * 1000, said
        )
        self._screen.finished(result)
        return result

    # -- steps

    async def _edit(self, edit: Edit) -> _Came:
        heard = len(self._lines)
        await asyncio.to_thread(self._project.make, edit)
        if edit.kind == "failed":
            rolled_back = await self._until(lambda: self._has_said("failed", heard))
            await self._guests.asked_again(self._guests.all, self._until)
            showing = self._guests.showing(edit.field, edit.shows)
            return _Came("rolled back", rolled_back and showing == GUESTS, showing, time.perf_counter())
        live, showing, at = await self._until_shown(edit)
        # The report waits for sessions that take time to follow.
        return _Came("live", live and await self._until(lambda: self._has_said("reloaded", heard)), showing, at)

    async def _until_shown(self, edit: Edit) -> tuple[bool, int, float]:
        """Wait until all answers show an edit; returns whether they do, how many do, and since when."""
        live = await self._until(lambda: self._guests.showing(edit.field, edit.shows) == GUESTS)
        return live, self._guests.showing(edit.field, edit.shows), time.perf_counter()

    async def _edit_while_pinned(self) -> _Came:
        """All others follow at once; the pinned session goes on as it was, and follows when it is released."""
        pinned = self._guests.all[0]
        pinned.say("hold")
        await self._guests.asked_again([pinned], self._until)
        held = pinned.last[PINNED.field]
        await asyncio.to_thread(self._project.make, PINNED)
        others_live = await self._until(lambda: self._guests.showing(PINNED.field, PINNED.shows) == GUESTS - 1)
        await self._guests.asked_again([pinned], self._until)
        kept = pinned.last[PINNED.field] == held != PINNED.shows
        pinned.say("release")
        live, showing, at = await self._until_shown(PINNED)
        return _Came("live", others_live and kept and live, showing, at)

    async def _crash(self) -> _Came:
        """One session fails; the others go on, and its guest comes again."""
        crashing, *others = self._guests.all
        crashing.say("crash")
        await self._guests.gone(crashing)
        go_on = await self._guests.asked_again(others, self._until)
        (again,) = self._guests.come([f"{crashing.name}-again"])
        came = await self._until(lambda: again.turn > 0)
        return _Came("alone", go_on and came, len(others), time.perf_counter())

    async def _drain(self) -> _Came:
        """Nobody new is admitted; those who talk go on, until they say bye themselves."""
        from reloadls.service.targets.draining import drain_pool  # noqa: PLC0415 - costs half a second

        drained = await drain_pool("rooms", self._program.pid, None)
        refused = "draining" in await self._guests.refusal()
        go_on = await self._guests.asked_again(self._guests.all, self._until)
        await self._guests.leave()
        ended = await self._program.ends()
        outcomes = await asyncio.to_thread(self._outcomes)
        right = refused and go_on and ended == 0 and outcomes == {"succeeded": GUESTS, "failed": 1, "cancelled": 0}
        right = right and drained.active == GUESTS
        return _Came("drained", right, outcomes.get("succeeded", 0), time.perf_counter())

    def _outcomes(self) -> dict[str, int]:
        try:
            found: dict[str, int] = json.loads((self._project.folder / "ended.json").read_text())
        except OSError:
            return {}
        return found

    # -- what happens

    def _on_line(self, line: str, at: float) -> None:
        self._lines.append(line)
        if not self._shown:  # not on the screen yet
            return
        try:
            self._screen.said(line)
        except OSError as error:  # raised where the steps are done, not among what is read
            self._failure = error

    def _has_said(self, word: str, heard: int) -> bool:
        return any(line.startswith(word) for line in self._lines[heard:])

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._guests.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _until(self, condition: Callable[[], bool]) -> bool:
        """Wait for a condition; returns whether it holds. False as soon as something was lost."""
        deadline = time.monotonic() + _LIVE_S
        while not condition():
            if self._program.ended or self._guests.counts.lost or time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_S)
        return True


def verdict(result: RoomsResult) -> str:
    """The whole act in one sentence."""
    counts = result.counts
    if result.right:
        live = sum(step.outcome.startswith("live") for step in result.steps)
        return f"{live} edits reached {GUESTS} live sessions; {counts.answers:,} answers, lost: {counts.lost}."
    fault = f" First: {counts.first_fault}." if counts.first_fault else ""
    return f"NOT AS IT SHOULD BE: {counts.lost} of {counts.answers + counts.lost:,} answers lost.{fault}"
