"""Play one scenario in this process with one engine, and check the result.

The process is the scenario's afterwards: its modules are imported, its folder is the current one. So each is played in
a process of its own (`warm`).
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.reload.support.asgi import ask
from tests.reload.support.disk import differences, do, scan, snippet_code
from tests.reload.support.engines import Engine, EngineResult, NoReload
from tests.reload.support.scenario import Outcome, Scenario, Snippet, Step

__all__ = ["Verdict", "play", "start_afresh"]

DEADLINE = 20.0


@dataclass(frozen=True)
class Verdict:
    """The result: `problem` is empty on success, else it describes what is wrong in which step (from 1)."""

    problem: str = ""
    step: int = 0


def play(scenario: Scenario, engine: Engine, folder: str) -> Verdict:
    """Start the program, make the edits, and check after each."""
    do(scenario.before, folder, scenario.path)
    try:
        namespace = _started(scenario, engine, folder)
    except BaseException:
        return Verdict("before any edit: " + traceback.format_exc())
    for number, step in enumerate(scenario.steps, 1):
        before = scan(folder)
        renamed = do(step.acts, folder, scenario.path)
        try:
            result = engine.apply(differences(before, scan(folder), renamed))
        except BaseException:
            return Verdict("the engine raised: " + traceback.format_exc(), number)
        if problem := _problem(step, result, namespace, scenario, engine):
            return Verdict(problem, number)
    return Verdict()


def start_afresh(scenario: Scenario, number: int, folder: str) -> Verdict:
    """Check step `number` (from 1) in a program that starts from the files of that step."""
    os.chdir(folder)
    do(scenario.before, folder, scenario.path)
    for step in scenario.steps[:number]:
        do(step.acts, folder, scenario.path)
    try:
        namespace = _started(scenario, NoReload(), folder)
        _run(_live_outcomes(scenario.steps[number - 1])[0].check, namespace, scenario, NoReload())
    except BaseException:
        return Verdict(traceback.format_exc(), number)
    return Verdict()


def _live_outcomes(step: Step) -> list[Outcome]:
    return [outcome for outcome in step.outcomes if outcome.status in {"reloaded", "unchanged"}]


def _started(scenario: Scenario, engine: Engine, folder: str) -> dict[str, Any]:
    os.chdir(folder)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    namespace: dict[str, Any] = {"__name__": "outside", "ask": ask, "wait_until": wait_until, "folder": folder}
    exec(snippet_code(scenario.prepare, scenario.path), namespace)
    engine.start(folder)
    if scenario.main:
        engine.run(scenario.main)
    _run(scenario.setup, namespace, scenario, engine)
    return namespace


def _run(snippet: Snippet, namespace: dict[str, Any], scenario: Scenario, engine: Engine) -> None:
    engine.execute("\n" * (snippet.line - 1) + snippet.source, scenario.path, namespace)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for a condition that other threads meet."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.001)


def _problem(step: Step, result: EngineResult, namespace: dict[str, Any], scenario: Scenario, engine: Engine) -> str:
    problems = []
    for outcome in step.outcomes:
        problem = _report_problem(outcome, result)
        if not problem:
            try:
                _run(outcome.check, namespace, scenario, engine)
            except BaseException:
                problem = traceback.format_exc()
        if not problem:
            return ""
        problems.append(problem)
    return "\n".join(problems)


def _report_problem(outcome: Outcome, result: EngineResult) -> str:
    if not result.status:  # an engine without reports must at least report trouble
        silent = outcome.status in {"failed", "restartRequired"} and not result.trouble
        return "it said nothing" if silent else ""
    report = result.report
    if result.status != outcome.status:
        return f"{outcome.status} was expected, but the report says: {report}"
    return "; ".join(
        filter(
            None,
            [
                *_changed_problems(outcome, report),
                _error_problem(outcome, report),
                _reason_problem(outcome, report),
                _note_problem(outcome, report),
            ],
        )
    )


def _changed_problems(outcome: Outcome, report: Any) -> Sequence[str]:
    said = {module.name: frozenset(module.changed) for module in report.modules}
    return [
        f"{name}: {sorted(names)} was expected to have changed, but the report says {sorted(said.get(name, ()))}"
        for name, names in outcome.changed.items()
        if said.get(name, frozenset()) != names
    ]


def _error_problem(outcome: Outcome, report: Any) -> str:
    if not outcome.error:
        return ""
    kind, _, place = outcome.error.partition(" ")
    error = report.error
    if error is None:
        return "the report has no error"
    said = "" if error.location is None else f"{os.path.relpath(error.location.path)}:{error.location.line}"
    fits = error.type.rpartition(".")[2] == kind and (not place or said == place)
    return "" if fits else f"{outcome.error} was expected, but the report says {error.type} {said}: {error.message}"


def _reason_problem(outcome: Outcome, report: Any) -> str:
    reasons = [module.reason or "" for module in report.modules]
    if not outcome.reason or any(re.search(outcome.reason, reason, re.IGNORECASE) for reason in reasons):
        return ""
    return f"a reason with {outcome.reason!r} was expected, but the report says {reasons}"


def _note_problem(outcome: Outcome, report: Any) -> str:
    said = sorted(
        (note.code, "" if note.location is None else f"{os.path.relpath(note.location.path)}:{note.location.line}")
        for note in report.notes
    )
    expected = sorted(outcome.notes)
    fits = len(said) == len(expected) and all(
        code == note.partition(" ")[0] and note.partition(" ")[2] in ("", place)
        for note, (code, place) in zip(expected, said, strict=True)
    )
    return "" if fits else f"the notes {expected} were expected, but the report has {report.notes}"
