"""The comparison works, and finds nothing lost by reloadls: with tiny numbers, and no word about time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks import compare, roster
from tests.benchmarks.chart import chart
from tests.benchmarks.measure import MEASURES
from tests.benchmarks.report import report
from tests.benchmarks.roster import PEERS, select
from tests.benchmarks.work import CASES, STORMS, Sizes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the comparison runs on Linux only")

TINY = Sizes(
    saves=3,
    storm_folders=5,
    storm_files=50,
    start_folders=5,
    start_files=50,
    idle_s=0.05,
    patience_s=10.0,  # reloadls loses nothing, so that this is waited for only if the test fails
    calm_s=0.0,
    extra_s=0.0,
    side_by_side=len(CASES),
    scale=0.02,
)


def test_figures_of_two_peers(tmp_path: Path) -> None:
    figures = compare.compare(
        select(["inotify", "filewatcher-1"]), ["save", "storm", "start", "idle"], TINY, str(tmp_path)
    )

    assert [peer["id"] for peer in figures["peers"]] == ["filewatcher-1", "inotify"]
    for peer in figures["peers"]:
        assert peer["save"]["lost"] == 0 and len(peer["save"]["samples_ms"]) == TINY.saves
        assert {kind: (storm["lost"], storm["invented"]) for kind, storm in peer["storm"].items()} == dict.fromkeys(
            STORMS, (0, 0)
        )
        assert peer["start"]["ms"] > 0 and peer["start"]["rss_mb"] > 1
        assert peer["idle"]["wakeups_per_s"] >= 0
    assert os.listdir(tmp_path) == []
    assert json.loads(compare.raw(figures)) == figures
    assert "reloadls FileWatcher, 1 ms" in report(figures)
    assert ElementTree.fromstring(chart(figures)).tag.endswith("svg")


def test_reloadls_loses_nothing(tmp_path: Path) -> None:
    figures = compare.compare(select(["filewatcher-1"]), ["loss"], TINY, str(tmp_path))

    (peer,) = figures["peers"]
    assert {name: (case.get("lost"), case.get("invented")) for name, case in peer["loss"].items()} == {
        case.name: (0, 0) for case in CASES
    }


def test_what_is_missing_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cached in (roster.version, roster.node, roster.python_with):
        cached.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    figures = compare.compare(select(["watchdog", "chokidar", "watchman"]), list(MEASURES), TINY, str(tmp_path))

    assert all(peer["missing"] for peer in figures["peers"])
    assert report(figures).count("missing: ") >= len(figures["peers"])
    assert chart(figures).count(">missing<") >= len(figures["peers"])


def test_the_command_line_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["--only", "nobody"]) == 2
    said = capsys.readouterr().err
    assert "nobody" in said and all(peer.id in said for peer in PEERS)
    assert compare.main(["--measure", "nothing"]) == 2
    assert "idle" in capsys.readouterr().err
