"""Making the edits one by one while the load goes on, and seeing what comes of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from reloadls.demo.program import Program, free_port

from .load import Counts, Load, ask
from .project import Edit, LiveProject

__all__ = ["EditResult", "LiveResult", "LiveRun", "LiveScreen", "verdict"]

_LIVE_S: Final = 15.0
_LOOK_S: Final = 0.002
_BETWEEN_S: Final = 0.25
"""How long the load goes on after an edit before the next one is made."""

_WORDS: Final = {
    "live": ("reloaded", "live"),
    "failed": ("failed", "rolled back"),
    "restart": ("restarted", "restarted"),
}
"""What `reloadls run` says of each kind of edit, and what we do."""


@dataclass(frozen=True)
class EditResult:
    """What came of an edit.

    Attributes:
        outcome: live, rolled back, restarted; else what was wrong.
        right: whether that is what had to come of it.
        requests: how many were made meanwhile.
        lost: how many of them were not answered rightly.
        sessions: of the guests' counts, how many went on, in percent; None if another process began them anew.
        ms: from the write to the first answer that shows it, or to the news that it was rolled back.
        said: what `reloadls run` said of it.
    """

    name: str
    outcome: str
    right: bool
    requests: int
    lost: int
    sessions: float | None
    ms: float
    said: str


@dataclass(frozen=True)
class LiveResult:
    """How the second act went."""

    edits: tuple[EditResult, ...]
    guests: int
    counts: Counts
    seconds: float

    @property
    def right(self) -> bool:
        """Whether all edits came to what they had to, and nothing was lost."""
        return all(edit.right for edit in self.edits) and not (self.counts.lost or self.counts.broken)


class LiveScreen(Protocol):
    """Shows the act as it goes."""

    def begin(self, edits: Sequence[Edit], guests: int, counts: Counts) -> None:
        """The application is up, the guests are there; `counts` goes on while they ask."""

    def started(self, edit: Edit) -> None:
        """An edit is saved."""

    def said(self, line: str) -> None:
        """`reloadls run` says something."""

    def finished(self, result: EditResult) -> None:
        """It is clear what came of the edit."""

    def end(self, result: LiveResult) -> None:
        """All edits are made."""


class LiveRun:
    """One run of the act."""

    def __init__(self, project: LiveProject, screen: LiveScreen) -> None:
        self._project = project
        self._screen = screen
        self._lines: list[tuple[str, float]] = []
        self._load: Load | None = None
        self._failure: OSError | None = None
        self._port = free_port()
        served = ("uvicorn", "app:app", "--port", str(self._port), "--log-level", "warning")
        # A request that is under way in code just edited is noted, and ends by itself.
        run = ("--restart-on-required", "--keep", "stillRunning", "-m", *served)
        self._server = Program(project.folder, run, self._on_line)

    async def run(self, edits: Sequence[Edit]) -> LiveResult:
        """Make all edits, and return what came of them.

        Raises:
            ProgramFailed: the application did not start, or has ended.
            OSError: the screen can't be written to.
        """
        begun = time.monotonic()
        try:
            results, load = await self._under_load(edits)
        finally:
            await self._server.is_live()  # clears away what it has left
        result = LiveResult(tuple(results), load.guests, load.counts, time.monotonic() - begun)
        self._screen.end(result)
        return result

    async def _under_load(self, edits: Sequence[Edit]) -> tuple[list[EditResult], Load]:
        async with self._server as server:
            await server.until_up(lambda: self._shows("/offer", "cents"))
            load = self._load = Load(self._port)
            load.start()
            try:
                self._screen.begin(edits, load.guests, load.counts)
                await asyncio.sleep(_BETWEEN_S)
                results = [await self._make(edit, load) for edit in edits]
                await load.stop()
            finally:
                await load.cancel()
        return results, load

    def _on_line(self, line: str, at: float) -> None:
        self._lines.append((line, at))
        if self._load is None:  # not on the screen yet
            return
        try:
            self._screen.said(line)
        except OSError as error:  # raised where the edits are made, not among what is read
            self._failure = error

    async def _make(self, edit: Edit, load: Load) -> EditResult:
        before, heard = replace(load.counts), len(self._lines)
        self._screen.started(edit)
        saved = time.perf_counter()
        await asyncio.to_thread(self._project.make, edit)
        word, outcome = _WORDS[edit.kind]
        live_at = await self._until_live(edit, heard)
        said, said_at = await self._until_said(word, heard)
        ended = said_at if edit.kind == "failed" else live_at
        done = said.startswith(word) and ended is not None and await self._shows(edit.path, edit.shows)
        await asyncio.sleep(_BETWEEN_S)
        if self._failure is not None:
            raise self._failure
        now = load.counts
        result = EditResult(
            name=edit.name,
            outcome=outcome if done else "NOT LIVE",
            right=done and now.lost == before.lost and now.broken == before.broken,
            requests=now.requests - before.requests,
            lost=now.lost - before.lost,
            sessions=_percent(now, before),
            ms=((ended or time.perf_counter()) - saved) * 1000,
            said=said,
        )
        self._screen.finished(result)
        return result

    async def _until_live(self, edit: Edit, heard: int) -> float | None:
        """When the first answer came that shows the edit."""
        deadline = time.monotonic() + _LIVE_S
        while edit.kind != "failed" and time.monotonic() < deadline and not self._server.ended:
            if await self._shows(edit.path, edit.shows):
                return time.perf_counter()
            if any(line.startswith("failed") for line, _ in self._lines[heard:]):
                return None
            await asyncio.sleep(_LOOK_S)
        return None

    async def _until_said(self, word: str, heard: int) -> tuple[str, float | None]:
        deadline = time.monotonic() + _LIVE_S
        while time.monotonic() < deadline and not self._server.ended:
            for line, at in self._lines[heard:]:
                if line.startswith(word):
                    return line, at
                if line.startswith("failed"):
                    return line, at
            await asyncio.sleep(_LOOK_S)
        return "", None

    async def _shows(self, path: str, text: str) -> bool:
        try:
            _, headers, body = await ask(self._port, path)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            return False
        return text in body or text in headers


def _percent(now: Counts, before: Counts) -> float | None:
    if now.anew > before.anew:
        return None
    kept, broken = now.kept - before.kept, now.broken - before.broken
    return 100.0 * kept / (kept + broken) if kept + broken else 100.0


def verdict(result: LiveResult) -> str:
    """The whole act in one sentence."""
    live = sum(edit.outcome == "live" for edit in result.edits)
    others = [edit.outcome for edit in result.edits if edit.outcome != "live"]
    if result.right:
        return (
            f"{live} edits live, {others.count('rolled back')} rolled back, {others.count('restarted')} by a restart; "
            f"{result.counts.requests:,} requests, lost: {result.counts.lost}."
        )
    fault = f" First: {result.counts.first_fault}." if result.counts.first_fault else ""
    return f"NOT AS IT SHOULD BE: {result.counts.lost} of {result.counts.requests:,} requests lost.{fault}"
