"""`reloadls demo`: everything is reported, nothing is left behind, and a missing change is an error."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
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

from reloadls.demo.account import Arrival, Picture
from reloadls.demo.client import DemoClient, ServiceFailed
from reloadls.demo.frame import Cell, Column, Ending, JsonScreen, Line, PlainScreen, Row, Scene, duration, yes_or_no
from reloadls.demo.frame.terminal import TerminalScreen
from reloadls.demo.live.load import Counts, Load
from reloadls.demo.live.main import run_second_act
from reloadls.demo.live.project import EDITS, LiveProject
from reloadls.demo.live.project import Edit as LiveEdit
from reloadls.demo.look import WatchingLook
from reloadls.demo.project import DemoProject
from reloadls.demo.rooms import project as rooms
from reloadls.demo.rooms import run as rooms_run
from reloadls.demo.rooms.guests import Counts as RoomCounts
from reloadls.demo.rooms.guests import Guest
from reloadls.demo.run import DemoRun
from reloadls.demo.steps import demo_steps
from reloadls.protocol import from_uri
from tests.cli.running import finish, start, until


@pytest.mark.parametrize("git", [True, False], ids=["git", "no git"])
def test_everything_is_reported(tmp_path: Path, git: bool) -> None:
    if git and shutil.which("git") is None:
        pytest.skip("needs git")
    path = os.environ["PATH"] if git else os.fspath(tmp_path)
    done = finish("demo", "--act", "1", "--json", TMPDIR=os.fspath(tmp_path), PATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    steps = [line for line in lines if line["type"] == "step"]
    assert len(steps) == lines[0]["steps"] == 10
    assert all(step["equal"] and step["reported"] == step["onDisk"] for step in steps)
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
    done = finish("demo", "--act", "1", TMPDIR=os.fspath(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert re.search(r"\d+ ms  modified  app/part", done.stdout)
    assert "All equal: " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_keep_keeps_the_folder(tmp_path: Path) -> None:
    done = finish("demo", "--act", "1", "--json", "--keep", TMPDIR=os.fspath(tmp_path))
    [folder] = tmp_path.iterdir()
    assert done.stderr == f"Kept: {folder}\n"
    assert len(list((folder / "app").rglob("*.py"))) > 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with start("demo", "--act", "1", "--json", env={"TMPDIR": os.fspath(tmp_path)}) as running:
        running.until(lambda: bool(running.out), "first line")
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert any("serve" in child.cmdline() for child in children if child.is_running())
        running.signal(number)
        assert running.wait() == 130
        assert running.err == []
        until(lambda: not any(child.is_running() for child in children), "end of the service")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_ends_the_demo(tmp_path: Path) -> None:
    with start("demo", "--act", "1", "--json", reads=False, env={"TMPDIR": os.fspath(tmp_path)}) as running:
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
    monkeypatch.setattr("reloadls.demo.run.Picture", Forgetful)
    monkeypatch.setattr("reloadls.demo.run._ARRIVE_S", 0.5)
    project = DemoProject()
    project.git = None
    try:
        project.build()
        steps = [step for step in demo_steps(project) if step.name.startswith(("save", "move a folder"))]
        result = await DemoRun(project, WatchingLook(JsonScreen())).run(steps)
    finally:
        project.remove()
    assert [step.equal for step in result.steps] == [False, False]
    assert result.steps[0].differences[0].startswith("changed, but not reported: ")
    assert result.steps[1].differences[0].startswith("not reported: ")
    assert (result.steps[1].reported, result.steps[1].on_disk) == (result.files + 59, result.files + 60)
    assert not result.equal


async def test_a_service_that_ends_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


# -- the frame

SCENE = Scene(
    title="reloadls demo",
    about="a thing is shown",
    hint="Times: none",
    steps=("one", "two"),
    columns=(Column("Step"), Column("Right", "center"), Column("After", width=7)),
    panel="what happens",
    latest=2,
    most_lines=2,
    progress=lambda: "half done",
)


@pytest.mark.parametrize("kind", [TerminalScreen, PlainScreen])
def test_a_screen_shows_each_step_and_what_it_came_to(
    kind: type[TerminalScreen | PlainScreen], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    if kind is TerminalScreen:
        monkeypatch.setenv("FORCE_COLOR", "1")
    screen = kind()
    screen.begin(SCENE)
    for name, right in (("one", True), ("two", False)):
        screen.started(name)
        screen.said([Line((Cell(f"{name} said {number}\x1b[2J", "red"),), {}) for number in range(3)])
        faults = () if right else ("two: something is wrong",)
        screen.finished(Row(name, (yes_or_no(right), Cell(duration(1500))), right, (f"{name} is done",), {}, faults))
    screen.end(Ending("NOT RIGHT in 1 of 2 steps.", False, ("Try", "reloadls watch"), {}))
    screen.close()
    out = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert "\x1b" not in out
    for text in ("a thing is shown", "Times: none", "two: something is wrong", "NOT RIGHT in 1 of 2 steps."):
        assert text in out
    assert re.search(r"one +✓ +1\.5 s", out)
    assert re.search(r"two +NO +1\.5 s", out)
    assert "reloadls watch" not in out
    if kind is PlainScreen:
        assert "2/2  two\n     two said 0\\x1b[2J\n     two said 1\\x1b[2J\n     … and 1 more\n     two is done" in out


async def test_a_terminal_shows_the_step_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "40")
    screen = TerminalScreen()
    screen.begin(SCENE)
    screen.started("one")
    screen.said([Line((Cell("hello"),), {})] * 1200)
    with screen.console.capture() as captured:
        screen.console.print(screen._render())
    screen.close()
    out = captured.get()
    assert re.search(r"one +1,200", out)
    assert "what happens" in out and "hello" in out and "half done" in out


# -- the second act

second_act = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("fastapi", "uvicorn"))) or not hasattr(os, "fork"),
    reason="needs FastAPI, uvicorn and fork",
)


def nothing_is_left(folder: Path) -> bool:
    """Whether there is neither a project nor a file; without XDG_RUNTIME_DIR running programs have a folder there."""
    return not list(folder.glob("reloadls-demo-*")) and all(each.is_dir() for each in folder.rglob("*"))


@second_act
def test_edits_go_live_and_nothing_is_lost(tmp_path: Path) -> None:
    done = finish("demo", "--act", "2", "--json", TMPDIR=os.fspath(tmp_path))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, ""), lines
    edits = [line for line in lines if line["type"] == "step"]
    assert [edit["outcome"] for edit in edits].count("live") == 10
    assert {edit["outcome"] for edit in edits if edit["outcome"] != "live"} == {"rolled back", "restarted"}
    assert all(edit["right"] and edit["lost"] == 0 and edit["requests"] > 0 for edit in edits)
    assert all(edit["sessionsKept"] == 100 for edit in edits if edit["outcome"] != "restarted")
    summary = lines[-1]
    assert (summary["type"], summary["right"], summary["lost"]) == ("summary", True, 0)
    assert summary["requests"] >= sum(edit["requests"] for edit in edits)
    assert nothing_is_left(tmp_path)


@second_act
def test_an_interrupted_second_act_leaves_nothing(tmp_path: Path) -> None:
    with start("demo", "--act", "2", "--json", env={"TMPDIR": os.fspath(tmp_path)}) as running:
        running.until(lambda: any('"step"' in line for line in running.out), "first edit")
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert any("uvicorn" in child.cmdline() for child in children if child.is_running())
        running.signal(signal.SIGINT)
        assert running.wait() == 130
        until(lambda: not any(child.is_running() for child in children), "end of the application")
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("as_json", [True, False])
def test_without_fastapi_one_line_says_how_to_install_it(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reloadls.demo.live.main._NEEDS", ("no_such_library",))
    assert run_second_act(as_json=as_json, keep=False) == 0
    out = capsys.readouterr().out
    assert "pip install 'reloadls[demo]'" in out
    assert len(out.strip().splitlines()) == 1


async def answering(answers: Iterable[str], requests: int) -> Counts:
    """What a guest's load counts of a server that gives these answers in turn."""
    given, enough = enumerate(itertools.cycle(answers), 1), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        number, answer = next(given)
        writer.write(answer.encode())
        writer.close()
        if number >= requests:
            enough.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        load = Load(server.sockets[0].getsockname()[1], guests=1)
        load.start()
        async with asyncio.timeout(30):
            await enough.wait()
        await load.stop()
    return load.counts


def http(body: str, status: str = "200 OK", length: int | None = None) -> str:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n{body}"


@pytest.mark.parametrize(
    "wrong",
    [
        http("{}", "500 Oh no"),
        http("{}", "404 Not Found"),
        http("{", length=40),
        http("no JSON"),
        "",
        "HTTP/1.1 200 OK\r\n",
    ],
    ids=["500", "404", "cut off", "no JSON", "closed", "half a head"],
)
async def test_a_lost_request_is_noticed(wrong: str) -> None:
    counts = await answering([http("{}"), wrong], 6)
    assert 0 < counts.lost == counts.requests // 2
    assert counts.first_fault


async def test_a_session_that_begins_anew_is_noticed() -> None:
    answers = [http(json.dumps({"pid": 1, "count": count})) for count in (1, 2, 1, 2)]
    counts = await answering([each for answer in answers for each in (answer, http("{}"))], 8)
    assert counts.broken >= 1
    assert "had 2, and has 1" in counts.first_fault


async def test_another_process_is_distinguished_from_a_lost_session() -> None:
    answers = [http(json.dumps({"pid": pid, "count": 1})) for pid in itertools.islice(itertools.count(1), 10)]
    counts = await answering([each for answer in answers for each in (answer, http("{}"))], 8)
    assert (counts.lost, counts.broken) == (0, 0)
    assert counts.anew >= 2


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_each_edit_fits_its_place(edit: LiveEdit) -> None:
    project = LiveProject()
    try:
        project.build()
        for each in EDITS[: EDITS.index(edit)]:
            project.make(each)
        for name, old, _ in edit.changes:
            assert not old or (project.folder / name).read_text().count(old) == 1
        assert len(edit.name) <= 30
    finally:
        project.remove()


# -- the third act


def test_edits_reach_live_sessions_and_nothing_is_lost(tmp_path: Path) -> None:
    done = finish("demo", "--act", "3", "--json", TMPDIR=os.fspath(tmp_path))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, ""), lines
    steps = [line for line in lines if line["type"] == "step"]
    outcomes = ["live"] * 3 + ["rolled back", "live", "live", "alone", "live", "drained"]
    assert [step["outcome"] for step in steps] == outcomes
    assert [step["sessions"] for step in steps] == [200] * 6 + [199, 200, 200]
    assert all(step["right"] and step["lost"] == 0 and step["answers"] > 0 for step in steps)
    summary = lines[-1]
    assert (summary["type"], summary["right"], summary["lost"]) == ("summary", True, 0)
    assert nothing_is_left(tmp_path)


def test_an_interrupted_third_act_leaves_nothing(tmp_path: Path) -> None:
    with start("demo", "--act", "3", env={"TMPDIR": os.fspath(tmp_path)}) as running:
        running.until(lambda: any("1/9" in line for line in running.out), "first edit")
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert any("rooms.py" in child.cmdline() for child in children if child.is_running())
        running.signal(signal.SIGINT)
        assert running.wait() == 130
        until(lambda: not any(child.is_running() for child in children), "end of the program")
    assert nothing_is_left(tmp_path)


ROOM_EDITS = [*rooms.EDITS, rooms.PINNED, rooms.AGAIN]


@pytest.mark.parametrize("edit", ROOM_EDITS, ids=lambda edit: edit.name)
def test_each_edit_of_the_third_act_fits_its_place(edit: rooms.Edit) -> None:
    project = rooms.RoomsProject()
    try:
        project.build()
        for each in ROOM_EDITS[: ROOM_EDITS.index(edit)]:
            project.make(each)
        assert (project.folder / edit.file).read_text().count(edit.old) == 1
    finally:
        project.remove()
    assert all(len(name) <= 30 for name in rooms_run.step_names())


async def conversing(*answers: str) -> RoomCounts:
    """What a guest counts of a program that gives these answers in turn, and then ends the conversation."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        for answer in answers:
            await reader.readline()
            writer.write(answer.encode() + b"\n")
        writer.close()

    counts = RoomCounts()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        await Guest("ann", server.sockets[0].getsockname()[1], counts, think_s=0).stay()
    return counts


@pytest.mark.parametrize(
    ("answers", "right", "fault"),
    [
        (['{"turn": 1}'], 1, "ConversationEnded"),
        (['{"turn": 1}', '{"turn": 1}'], 1, "turn 1 was followed by 1"),
        (['{"turn": 2}'], 0, "turn 0 was followed by 2"),
        (['{"refused": "the pool is draining"}'], 0, "the pool is draining"),
        (["no JSON"], 0, "JSONDecodeError"),
    ],
)
async def test_a_lost_conversation_is_noticed(answers: list[str], right: int, fault: str) -> None:
    counts = await conversing(*answers)
    assert (counts.lost, counts.answers) == (1, right)
    assert fault in counts.first_fault
