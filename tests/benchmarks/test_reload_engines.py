"""Does the comparison of reload engines still work? Small, and with what is always there."""

from __future__ import annotations

import os

import pytest

from tests.benchmarks.reload_engines import compare
from tests.benchmarks.reload_matrix import SCENARIOS, comparable
from tests.benchmarks.reload_measure import source
from tests.benchmarks.reload_report import matrix, report
from tests.benchmarks.reload_roster import ENGINES
from tests.reload.support.warm import Warm

LABELS = {each.id: each.label for each in ENGINES}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each scenario runs in a forked process")
def test_a_driver_plays_scenarios() -> None:
    importlib = next(each for each in ENGINES if each.id == "importlib")
    with Warm(importlib.preload) as warm:
        passed = warm.play(str(SCENARIOS / "dependents" / "import_within_a_function.scenario"), importlib.driver)
        failed = warm.play(str(SCENARIOS / "functions" / "body.scenario"), importlib.driver)
    assert not passed.problem
    assert failed.step == 1


def test_the_matrix_counts_by_area() -> None:
    results = {"reloadls": {"a/x": "", "a/y": "", "b/z": ""}, "importlib": {"a/x": "", "a/y": "wrong", "b/z": "wrong"}}
    assert matrix(results, LABELS)[2:] == [
        "| a | 2 | 2 | 1 |",
        "| b | 1 | 1 | 0 |",
        "| **all** | **3** | **3** | **1** |",
    ]


def test_what_is_missing_is_said(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    figures = compare([each for each in ENGINES if each.id == "jurigged"], ["engines"], edits=1)
    assert "- jurigged: not installed" in report(figures)


def test_what_only_reloadls_offers_is_not_compared() -> None:
    assert not [scenario.name for scenario in comparable() if "reloadls" in scenario.setup.source or scenario.ours]


def test_the_module_has_500_lines() -> None:
    assert 490 <= source(0).count("\n") <= 515
