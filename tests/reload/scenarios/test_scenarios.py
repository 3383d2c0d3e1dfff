"""Does a running program take each scenario's edits up as it should?

Each scenario is also held against three others, so that it means what it says: without any reload it must fail unless
nothing should change; with all modules run again it must fail where it says that something is kept (`again: no`); and a
program started with the edited files must pass the checks that are not about what has lived through the edit.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reload.support.play import Verdict
from tests.reload.support.scenario import Scenario, files, read
from tests.reload.support.warm import Warm

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each scenario runs in a forked process")

SCENARIOS = [read(path) for path in files(Path(__file__).parent)]
PRELOADED = ("asyncio", "json", "reloadls.reload", "reloadls.watch")
Warmed = Callable[[Scenario], Warm]


def named(scenarios: list[Scenario]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scenario", [pytest.param(each, id=each.name) for each in scenarios])


@pytest.fixture(scope="module")
def warmed() -> Iterator[Warmed]:
    """The process to play a scenario in, which has imported the libraries that the scenario needs."""
    processes: dict[tuple[str, ...], Warm] = {}

    def warm(scenario: Scenario) -> Warm:
        for library in scenario.needs:
            if importlib.util.find_spec(library) is None:
                pytest.skip(f"{library} is not installed")
        if sys.version_info[:2] < scenario.python:
            pytest.skip("this Python is too old for it")
        if scenario.needs not in processes:
            processes[scenario.needs] = Warm((*PRELOADED, *scenario.needs))
        return processes[scenario.needs]

    yield warm
    for process in processes.values():
        process.close()


def accept(scenario: Scenario, verdict: Verdict) -> None:
    if verdict.problem:
        pytest.fail(f"{scenario.description}\nstep {verdict.step}: {verdict.problem}", pytrace=False)


def refuse(verdict: Verdict, otherwise: str) -> None:
    if not verdict.problem:
        pytest.fail(otherwise, pytrace=False)
    if not verdict.step:
        pytest.fail(verdict.problem, pytrace=False)


@named(SCENARIOS)
def test_live(scenario: Scenario, warmed: Warmed) -> None:
    accept(scenario, warmed(scenario).play(scenario.path, "reloadls"))


@named([each for each in SCENARIOS if not each.idle])
def test_without_reload_it_fails(scenario: Scenario, warmed: Warmed) -> None:
    verdict = warmed(scenario).play(scenario.path, "none")
    refuse(verdict, "it passes although nothing was reloaded")


@named([each for each in SCENARIOS if each.idle or not each.again])
def test_with_everything_run_again_it_fails(scenario: Scenario, warmed: Warmed) -> None:
    verdict = warmed(scenario).play(scenario.path, "naive")
    refuse(verdict, "it passes although everything was run again")


@named([each for each in SCENARIOS if each.fresh])
def test_a_fresh_start_passes(scenario: Scenario, warmed: Warmed) -> None:
    process = warmed(scenario)
    for number, step in enumerate(scenario.steps, 1):
        if step.outcomes[0].status not in {"reloaded", "unchanged"}:
            continue
        accept(scenario, process.start_afresh(scenario.path, number))
