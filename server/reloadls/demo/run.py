"""Runs the steps one by one, and compares the reports with the disk after each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from reloadls.wire import methods

from .account import Account, Arrival, Picture, account, changed
from .client import DemoClient
from .project import DemoProject
from .steps import Step

__all__ = ["DEBOUNCE_MS", "DemoResult", "DemoRun", "DemoScreen", "StepResult", "verdict"]

DEBOUNCE_MS: Final = 50
_ARRIVE_S: Final = 10.0
"""Seconds that changes may take to arrive by themselves, before `reload/sync` asks for them."""


@dataclass(frozen=True)
class StepResult:
    """How a step went.

    Attributes:
        changes: how many changes were reported.
        reported: how many files exist, by the reports.
        on_disk: how many there are.
        differences: what is not equal, in words; empty if all is.
        first_ms, last_ms: from the write to the arrival, of the first and the last change reported.
    """

    name: str
    changes: int
    reported: int
    on_disk: int
    differences: tuple[str, ...]
    first_ms: float | None
    last_ms: float | None

    @property
    def equal(self) -> bool:
        """Whether the reports equal the disk."""
        return not self.differences


@dataclass(frozen=True)
class DemoResult:
    """How the whole demo went."""

    files: int
    """How many there were at the beginning."""
    backend: str
    """What the service watches with."""
    steps: tuple[StepResult, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether all steps were."""
        return all(step.equal for step in self.steps)

    @property
    def changes(self) -> int:
        """How many were reported."""
        return sum(step.changes for step in self.steps)


class DemoScreen(Protocol):
    """Shows a demo as it goes."""

    def begin(self, steps: Sequence[Step], files: int, backend: str, folder: str) -> None:
        """Watching has begun."""

    def started(self, step: Step) -> None:
        """A step begins."""

    def arrived(self, arrivals: Sequence[tuple[Arrival, float]]) -> None:
        """Changes came, each with its latency in milliseconds."""

    def finished(self, result: StepResult) -> None:
        """A step is done and compared."""

    def end(self, result: DemoResult) -> None:
        """All steps are done."""


class DemoRun:
    """One run of the demo, from the first message to the last comparison."""

    def __init__(self, project: DemoProject, screen: DemoScreen) -> None:
        self._project = project
        self._screen = screen
        self._roots = (os.fspath(project.app), os.fspath(project.data))
        self._picture = Picture()
        self._reported: list[tuple[Arrival, float]] = []
        self._early: list[tuple[dict[str, Any], float]] | None = []
        self._news = asyncio.Event()
        self._started = self._ended = 0.0
        self._failure: OSError | None = None

    async def run(self, steps: Sequence[Step]) -> DemoResult:
        """Do all steps and return how they went.

        Raises:
            ServiceFailed: the service didn't answer.
            OSError: the screen can't be written to.
        """
        begun = time.monotonic()
        folder = self._project.folder
        with open(folder / "service.log", "wb") as log:  # noqa: ASYNC230 - once, before anything is timed
            async with DemoClient(self._on_notification, os.fspath(folder), log) as client:
                await self._connect(client)
                files = len(self._picture.files)
                backend: str = (await client.request(methods.STATUS))["backend"]
                self._screen.begin(steps, files, backend, os.fspath(folder))
                results = [await self._do(client, step) for step in steps]
        result = DemoResult(files, backend, tuple(results), time.monotonic() - begun)
        self._screen.end(result)
        return result

    async def _connect(self, client: DemoClient) -> None:
        options = {"paths": list(self._roots), "debounceMs": DEBOUNCE_MS, "useGitignore": False, "watchedFiles": False}
        params = {"processId": os.getpid(), "rootUri": None, "capabilities": {}, "initializationOptions": options}
        await client.request("initialize", params)
        client.notify("initialized", {})
        await client.request(methods.SYNC)
        self._picture.begin((await client.request(methods.SINCE))["changes"])
        self._early = None

    async def _do(self, client: DemoClient, step: Step) -> StepResult:
        before = await asyncio.to_thread(account, self._roots)
        self._reported, self._picture.faults = [], []
        self._screen.started(step)
        self._started, self._ended = time.time(), 0.0
        await asyncio.to_thread(step.act, self._project)
        self._ended = time.time()
        expected = changed(before, await asyncio.to_thread(account, self._roots))
        await self._until(lambda: expected <= {arrival.path for arrival, _ in self._reported})
        await client.request(methods.SYNC)
        if self._failure is not None:
            raise self._failure
        result = self._compare(step, before, await asyncio.to_thread(account, self._roots))
        self._screen.finished(result)
        return result

    async def _until(self, condition: Callable[[], bool]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ARRIVE_S):
                while not condition() and self._failure is None:
                    self._news.clear()
                    await self._news.wait()

    def _compare(self, step: Step, before: Account, now: Account) -> StepResult:
        reported = {arrival.path for arrival, _ in self._reported}
        real = changed(before, now)
        came_and_went = reported - before.keys() - now.keys()
        differences = (
            *(f"not reported: {path}" for path in sorted(now.keys() - self._picture.files)),
            *(f"reported, but not on disk: {path}" for path in sorted(self._picture.files - now.keys())),
            *(f"changed, but not reported: {path}" for path in sorted(real - reported)),
            *(f"reported, but not changed: {path}" for path in sorted(reported - real - came_and_went)),
            *(f"does not fit: {fault}" for fault in self._picture.faults),
        )
        latencies = [latency for _, latency in self._reported]
        return StepResult(
            step.name,
            len(self._reported),
            len(self._picture.files),
            len(now),
            differences,
            latencies[0] if latencies else None,
            latencies[-1] if latencies else None,
        )

    # -- what arrives ------------------------------------------------------------------------------------

    def _on_notification(self, method: str, params: Any, at: float) -> None:
        if method != methods.DID_CHANGE or self._early is not None:
            return  # what comes before `reload/since` is in its answer
        arrivals = [(arrival, self._latency_ms(arrival)) for arrival in self._picture.apply(params["changes"], at)]
        self._reported += arrivals
        try:
            self._screen.arrived(arrivals)
        except OSError as exc:  # raised where the steps are done, not among the client's messages
            self._failure = exc
        self._news.set()

    def _latency_ms(self, arrival: Arrival) -> float:
        """From the write to the arrival; of what carries no time of its own, from the end of the step."""
        written = self._ended or self._started
        if arrival.type != "deleted":
            with contextlib.suppress(OSError):
                mtime = os.lstat(arrival.path).st_mtime
                written = mtime if mtime > self._started - 0.02 else written
        return max(0.0, arrival.at - written) * 1000


def verdict(result: DemoResult) -> str:
    """The whole demo in one sentence."""
    steps = len(result.steps)
    if result.equal:
        return f"All equal: {result.changes:,} changes reported in {steps} steps, none lost, none invented."
    wrong = sum(not step.equal for step in result.steps)
    return f"NOT EQUAL in {wrong} of {steps} steps: that is a fault of reloadls, please report it."
