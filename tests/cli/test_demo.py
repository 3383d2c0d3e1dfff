"""`reloadls demo`: all is told, nothing is left behind, and it would say so if something was missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest

from reloadls.cli.demo.account import Arrival, Picture
from reloadls.cli.demo.client import DemoClient, ServiceFailed
from reloadls.cli.demo.lines import JsonScreen
from reloadls.cli.demo.project import DemoProject
from reloadls.cli.demo.run import DemoRun
from reloadls.cli.demo.steps import demo_steps
from reloadls.protocol import from_uri
from tests.cli.running import finish, start, until


@pytest.mark.parametrize("git", [True, False], ids=["git", "no git"])
def test_all_is_told(tmp_path: Path, git: bool) -> None:
    if git and shutil.which("git") is None:
        pytest.skip("needs git")
    path = os.environ["PATH"] if git else os.fspath(tmp_path)
    done = finish("demo", "--json", TMPDIR=os.fspath(tmp_path), PATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    steps = [line for line in lines if line["type"] == "step"]
    assert len(steps) == lines[0]["steps"] == 10
    assert all(step["equal"] and step["told"] == step["onDisk"] for step in steps)
    assert all(0 <= step["firstMs"] < 10_000 for step in steps)
    assert ("git checkout" in steps[2]["name"]) == git
    assert steps[2]["changes"] == 200
    summary = lines[-1]
    assert (summary["type"], summary["equal"]) == ("summary", True)
    changes = [line for line in lines if line["type"] in ("created", "modified", "deleted")]
    assert summary["changes"] == len(changes) == sum(step["changes"] for step in steps)
    assert all(from_uri(change["uri"]).startswith(lines[0]["folder"]) for change in changes)
    assert list(tmp_path.iterdir()) == []


def test_people_get_lines_without_a_terminal(tmp_path: Path) -> None:
    done = finish("demo", TMPDIR=os.fspath(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert re.search(r"\d+ ms  modified  app/part", done.stdout)
    assert "All equal: " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_keep_keeps_the_folder(tmp_path: Path) -> None:
    done = finish("demo", "--json", "--keep", TMPDIR=os.fspath(tmp_path))
    [folder] = tmp_path.iterdir()
    assert done.stderr == f"Kept: {folder}\n"
    assert len(list((folder / "app").rglob("*.py"))) > 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with start("demo", "--json", env={"TMPDIR": os.fspath(tmp_path)}) as running:
        running.until(lambda: bool(running.out), "first line")
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert any("serve" in child.cmdline() for child in children if child.is_running())
        running.signal(number)
        assert running.wait() == 130
        assert running.err == []
        until(lambda: not any(child.is_running() for child in children), "end of the service")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_ends_the_demo(tmp_path: Path) -> None:
    with start("demo", "--json", reads=False, env={"TMPDIR": os.fspath(tmp_path)}) as running:
        assert running.process.stdout is not None
        assert running.process.stdout.readline()
        running.process.stdout.close()
        assert running.wait() == 0
        assert running.err == []
    assert list(tmp_path.iterdir()) == []


class Forgetful(Picture):
    """Misses a change in each batch."""

    def apply(self, changes: Iterable[dict[str, Any]], at: float) -> list[Arrival]:
        return super().apply(list(changes)[1:], at)


async def test_a_change_that_is_missing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reloadls.cli.demo.run.Picture", Forgetful)
    monkeypatch.setattr("reloadls.cli.demo.run._ARRIVE_S", 0.5)
    project = DemoProject()
    project.git = None
    try:
        project.build()
        steps = [step for step in demo_steps(project) if step.name.startswith(("save", "move a folder"))]
        result = await DemoRun(project, JsonScreen()).run(steps)
    finally:
        project.remove()
    assert [step.equal for step in result.steps] == [False, False]
    assert result.steps[0].differences[0].startswith("changed, but not told: ")
    assert result.steps[1].differences[0].startswith("not told: ")
    assert (result.steps[1].told, result.steps[1].on_disk) == (result.files + 59, result.files + 60)
    assert not result.equal


async def test_a_service_that_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    with open(tmp_path / "log", "wb") as log:
        async with DemoClient(lambda *_: None, os.fspath(tmp_path), log) as client:
            with pytest.raises(ServiceFailed, match="ended"):
                await client.request("initialize", {})


def test_every_step_has_a_name_that_fits_its_column() -> None:
    project = DemoProject()
    try:
        project.build()
        names = [step.name for step in demo_steps(project)]
        assert len(set(names)) == len(names)
        assert all(len(name) <= 29 for name in names)
        assert len(project.sources()) > 200
    finally:
        project.remove()
