"""Plays all scenarios with an engine: which passed, by area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.benchmarks.reload_roster import Contender, python_of
from tests.reload.support.scenario import Scenario, files, read
from tests.reload.support.warm import Warm

__all__ = ["comparable", "played"]

SCENARIOS = Path(__file__).parents[1] / "reload" / "scenarios"


def comparable() -> list[Scenario]:
    """All scenarios but those about what only reloadls offers."""
    return [scenario for scenario in map(read, files(SCENARIOS)) if not scenario.ours]


def played(contender: Contender, scenarios: Sequence[Scenario], progress: Callable[[str], None]) -> dict[str, str]:
    """Scenario → '' if it passed, else what was wrong, in a line."""
    python = python_of(contender)
    results: dict[str, str] = {}
    for needs, group in _by_needs(scenarios):
        with Warm((*contender.preload, *needs), python) as warm:
            for scenario in group:
                verdict = warm.play(scenario.path, contender.driver)
                results[scenario.name] = verdict.problem.strip().rpartition("\n")[2][:200]
                progress(f"{contender.label}: {len(results)} of {len(scenarios)}")
    return results


def _by_needs(scenarios: Iterable[Scenario]) -> list[tuple[tuple[str, ...], list[Scenario]]]:
    groups: dict[tuple[str, ...], list[Scenario]] = {}
    for scenario in scenarios:
        groups.setdefault(scenario.needs, []).append(scenario)
    return sorted(groups.items())
