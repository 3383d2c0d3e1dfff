"""`reloadls status`, as people and programs see it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reloadls.cli.status.text import ago
from reloadls.protocol import to_uri
from tests.cli.running import command, environment, finish
from tests.support.targets import ScriptedTarget, failure, made_targets_folder, running, runtime_folder


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


async def status(runtime: Path, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end, while programs go on."""
    return await asyncio.to_thread(finish, "status", *args, cwd=cwd, XDG_RUNTIME_DIR=os.fspath(runtime))


def module(path: Path, **more: Any) -> dict[str, Any]:
    return {"name": path.stem, "uri": to_uri(os.fspath(path)), "status": "reloaded", "changed": [], **more}


@pytest.mark.parametrize("there", [False, True])
async def test_without_programs_it_says_how_to_start_one(runtime: Path, there: bool) -> None:
    if there:
        made_targets_folder(runtime)
    done = await status(runtime)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No program runs under reloadls. Start one with: reloadls run SCRIPT\n"
    done = await status(runtime, "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


async def test_people_see_each_program_and_its_last_reload(tmp_path: Path, runtime: Path) -> None:
    path = tmp_path / "app" / "views.py"
    async with (
        ScriptedTarget.start(runtime, tmp_path, name="app.py") as good,
        ScriptedTarget.start(runtime, tmp_path / "w", name="work er.py") as bad,
    ):
        done = await status(runtime, cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.count("last reload  none yet\n") == 2
        await good.reports(modules=[module(path), module(tmp_path / "models.py")])
        await bad.reports(**failure(path, line=11))
        done = await status(runtime, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, "")
        first, second = done.stdout.split("\n\n")
        assert first.startswith(f"app.py  process {good.pid}, live, started ")
        assert "\n  watches      this folder\n  last reload  reloaded, " in first
        assert first.endswith(" 1.5 ms: views, models")
        assert second.startswith(f"work er.py  process {bad.pid}, failed, started ")
        assert "\n  watches      w\n" in second
        assert second.endswith("\n    app/views.py:12:5: SyntaxError: invalid syntax\n")


async def test_people_see_the_notes_of_the_last_reload(tmp_path: Path, runtime: Path) -> None:
    path = tmp_path / "app.py"
    place = {"start": {"line": 2, "character": 4}, "end": {"line": 2, "character": 9}}
    notes = [
        {"code": "stillRunning", "message": "main goes on\x1b[2J", "uri": to_uri(os.fspath(path)), "range": place},
        {"code": "later", "message": "the next process"},
    ]
    async with ScriptedTarget.start(runtime, tmp_path, name="app.py") as target:
        await target.reports(modules=[module(path)], notes=notes)
        done = await status(runtime, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        *_, first, second = done.stdout.splitlines()
        assert first.startswith("    stillRunning: app.py:3:5: main goes on")
        assert "\x1b" not in first
        assert second == "    later: the next process"


async def test_programs_see_the_wires_shapes(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as one, ScriptedTarget.start(runtime, tmp_path) as two:
        await two.reports(**failure(tmp_path / "a.py"))
        done = await status(runtime, "--json")
        assert done.returncode == 1
        assert done.stdout.count("\n") == 1
        first, second = json.loads(done.stdout)
        assert first == {"id": one.id, "name": "app.py", "pid": one.pid, "state": "live"}
        assert (second["state"], second["lastReport"]["error"]["type"]) == ("failed", "SyntaxError")


async def test_only_the_programs_of_a_path(tmp_path: Path, runtime: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        ScriptedTarget.start(runtime, tmp_path / "one") as one,
        ScriptedTarget.start(runtime, tmp_path / "two") as two,
    ):
        await two.reports(**failure(tmp_path / "two" / "a.py"))
        for args, expected, code in ((["one"], [one], 0), (["two"], [two], 1), (["one", "two"], [one, two], 1)):
            done = await status(runtime, "--json", *args, cwd=tmp_path)
            assert [target["pid"] for target in json.loads(done.stdout)] == [target.pid for target in expected]
            assert done.returncode == code
        (tmp_path / "three").mkdir()
        done = await status(runtime, "three", cwd=tmp_path)
        assert (done.returncode, done.stdout[:33]) == (0, "No program of these files runs un")


@pytest.mark.parametrize("args", [["nowhere"], ["--jsn"], ["--json", "nowhere"]])
async def test_what_can_not_be_asked_for_ends_with_2(tmp_path: Path, runtime: Path, args: list[str]) -> None:
    done = await status(runtime, *args, cwd=tmp_path)
    assert done.returncode == 2
    assert "Try 'reloadls status --help'" in done.stderr


async def test_names_can_not_harm_a_terminal(tmp_path: Path, runtime: Path) -> None:
    evil = "a\x1b]0;title\x07\n\u202e.py"
    async with ScriptedTarget.start(runtime, tmp_path / evil, name=evil) as target:
        await target.reports(**failure(tmp_path / evil, message=evil, clock=evil))
        for args in ([], ["--json"]):
            done = await status(runtime, *args, cwd=tmp_path)
            assert done.returncode == 1
            assert set(done.stdout) & set("\x1b\x07\u202e") == set()
            assert all(line.isprintable() for line in done.stdout.splitlines())
        assert json.loads(done.stdout)[0]["name"] == "app.py" or json.loads(done.stdout)[0]["name"] == evil


async def test_a_required_restart_is_reported_and_is_not_a_failure(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        needs = module(tmp_path / "a.py", status="restartRequired", reason="User has other __slots__")
        await target.reports(status="restartRequired", modules=[needs])
        done = await status(runtime, cwd=tmp_path)
        assert done.returncode == 0
        assert "last reload  restart required, " in done.stdout
        assert "\n    a.py: needs a restart: User has other __slots__\n" in done.stdout


async def test_modules_that_still_wait_are_reported(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        waits = module(tmp_path / "b.py", status="rolledBack", reason="as before: SyntaxError: invalid syntax")
        await target.reports(modules=[module(tmp_path / "a.py"), waits])
        done = await status(runtime, cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.endswith(" 1.5 ms: a\n    b.py: not applied: as before: SyntaxError: invalid syntax\n")


async def test_a_program_that_does_not_answer_delays_no_other(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as good, ScriptedTarget.start(runtime, tmp_path) as stuck:
        stuck.freeze()
        done = await status(runtime)
        assert done.returncode == 0
        assert f"process {good.pid}, live" in done.stdout
        assert f"process {stuck.pid}, unreachable" in done.stdout
        assert "no answer within 2 s" in done.stdout
        states = {target["pid"]: target["state"] for target in json.loads((await status(runtime, "--json")).stdout)}
        assert states == {good.pid: "live", stuck.pid: "gone"}


async def test_a_program_that_sends_invalid_messages_is_reported(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path, place={"pid": 1}) as target:
        done = await status(runtime)
        assert done.returncode == 0
        assert "problem      sent an invalid message" in done.stdout
        assert target.id in done.stdout


async def test_what_the_dead_left_behind_is_removed(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        target.kill()
        await target.process.wait()
    assert (await status(runtime, "--json")).stdout == "[]\n"
    assert list(made_targets_folder(runtime).iterdir()) == []


async def test_a_file_that_can_not_be_believed_is_ignored(tmp_path: Path, runtime: Path) -> None:
    (made_targets_folder(runtime) / "7.json").write_text("{")
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        done = await status(runtime, "--json")
        assert [one["pid"] for one in json.loads(done.stdout)] == [target.pid]
        assert done.stderr.startswith("reloadls: ignoring: ") and "7.json" in done.stderr


async def test_a_folder_that_others_can_enter_is_an_error(runtime: Path) -> None:
    made_targets_folder(runtime).chmod(0o755)
    done = await status(runtime, "--json")
    assert done.returncode == 1
    assert "accessible to other users" in json.loads(done.stdout)["error"]
    assert done.stderr.startswith("reloadls: can't ask running programs: ")


async def test_fifty_programs(tmp_path: Path, runtime: Path) -> None:
    async with AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(ScriptedTarget.start(runtime, tmp_path)) for _ in range(50)]
        done = await status(runtime, "--json")
        assert {target["pid"]: target["state"] for target in json.loads(done.stdout)} == {
            target.pid: "live" for target in targets
        }


async def test_a_real_program(tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(runtime))
    (tmp_path / "app.py").write_text(
        "import time, views\nwhile True: print(views.word(), flush=True); time.sleep(0.01)\n"
    )
    (tmp_path / "views.py").write_text("def word(): return 'one'\n")
    async with running(tmp_path) as program:
        done = await status(runtime, "--json")
        while "live" not in done.stdout:
            done = await status(runtime, "--json")
        assert [(one["name"], one["pid"]) for one in json.loads(done.stdout)] == [("app.py", program.pid)]
        (tmp_path / "views.py").write_text("def word(): return 'two'\n")
        await program.until_says("two")
        (tmp_path / "views.py").write_text("def word():\n    return =\n")
        done = await status(runtime, cwd=tmp_path)
        while done.returncode == 0:
            done = await status(runtime, cwd=tmp_path)
        assert done.returncode == 1
        assert f"app.py  process {program.pid}, failed, started " in done.stdout
        assert "\n    views.py:2:12: SyntaxError: " in done.stdout


@pytest.mark.parametrize(
    ("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), (None, False)]
)
async def test_colours_only_on_a_terminal(
    tmp_path: Path, runtime: Path, settings: dict[str, str] | None, coloured: bool
) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        await target.reports(**failure(tmp_path / "a.py"))
        env = environment(XDG_RUNTIME_DIR=os.fspath(runtime), **(settings or {}))
        output = await asyncio.to_thread(_on_terminal if settings is not None else _on_pipe, env)
        assert ("\x1b[31mfailed\x1b[0m" in output) is coloured
        assert ("\x1b" in output) is coloured
        assert "SyntaxError" in output


def _on_pipe(env: dict[str, str]) -> str:
    return subprocess.run(command("status"), env=env, stdout=subprocess.PIPE, text=True, check=False).stdout


def _on_terminal(env: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(command("status"), env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        output = b""
        try:
            while chunk := os.read(ours, 4096):
                output += chunk
        except OSError:  # the terminal's other end is closed
            pass
        process.wait(20)
    os.close(ours)
    return output.decode()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (0.4, "just now"),
        (1, "1 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (86400, "1 day ago"),
        (260000, "3 days ago"),
    ],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert ago((now - timedelta(seconds=seconds)).isoformat(), now) == text
