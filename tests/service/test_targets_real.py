"""Real programs under `reloadls run`, real services and real clients: from a save to the editor's line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reloadls.protocol import to_uri
from tests.support.service import TRANSPORTS, Transport, pid_of, serving
from tests.support.targets import (
    made_targets_folder,
    running,
    runtime_folder,
    shown,
    target_states,
    until_shown,
    until_states,
)

APP = """\
import time
import views

while True:
    print(views.greet(), flush=True)
    time.sleep(0.01)
"""
VIEWS = "def greet():\n    return '{}'\n"

SLOTS = """\
class Greeter:
    __slots__ = ({},)

greeter = Greeter()

def greet():
    return '{}'
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        yield folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "views.py").write_text(VIEWS.format("one"))
    return tmp_path


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_save_goes_live_and_a_bad_one_is_shown_at_its_line(
    project: Path, runtime: Path, transport: Transport
) -> None:
    views = project / "views.py"
    async with serving(project, transport=transport) as client, running(project) as program:
        await until_states(client, {program.pid: "live"})
        views.write_text(VIEWS.format("two"))
        await program.until_says("two")
        report = await client.wait_for("reload/didReload")
        assert (report["target"], report["status"]) == (str(program.pid), "reloaded")
        assert [module["uri"] for module in report["modules"]] == [to_uri(os.fspath(views))]
        assert report["modules"][0]["changed"] == ["greet"]
        views.write_text("def greet():\n    return 'three\n")
        status = await until_states(client, {program.pid: "failed"})
        assert status["targets"][0]["lastReport"]["error"]["type"] == "SyntaxError"
        await until_shown(client, views)
        (failure,) = shown(client)[to_uri(os.fspath(views))]
        assert (failure["range"]["start"]["line"], failure["code"], failure["severity"]) == (1, "SyntaxError", 1)
        assert await program.says_again() == "two"
        views.write_text(VIEWS.format("four"))
        await program.until_says("four")
        await until_shown(client)
        await until_states(client, {program.pid: "live"})


async def test_a_reverted_edit_is_no_longer_shown(project: Path, runtime: Path) -> None:
    views = project / "views.py"
    async with serving(project) as client, running(project) as program:
        await until_states(client, {program.pid: "live"})
        views.write_text("def greet(:\n")
        await until_shown(client, views)
        views.write_text(VIEWS.format("one"))
        await until_shown(client)
        await until_states(client, {program.pid: "live"})


async def test_nothing_goes_live_while_it_is_paused(project: Path, runtime: Path) -> None:
    views = project / "views.py"
    async with serving(project, debounceMs=20) as client, running(project) as program:
        await until_states(client, {program.pid: "live"})
        assert target_states(await client.request("reload/pause")) == {program.pid: "paused"}
        views.write_text(VIEWS.format("two"))
        (report,) = await client.request("reload/trigger", {"uris": [to_uri(os.fspath(project / "nowhere.py"))]})
        assert report["target"] == str(program.pid)
        assert await program.says_again() == "one"
        await client.request("reload/resume")
        await program.until_says("two")
        await until_states(client, {program.pid: "live"})


async def test_a_pause_ends_with_the_service(project: Path, runtime: Path) -> None:
    async with running(project) as program:
        async with serving(project) as client:
            await until_states(client, {program.pid: "live"})
            await client.request("reload/pause")
            (project / "views.py").write_text(VIEWS.format("two"))
            assert await program.says_again() == "one"
            os.kill(pid_of(client), 9)
            await client.peer.wait()
        await program.until_says("two")


async def test_a_trigger_reloads_files(project: Path, runtime: Path) -> None:
    async with serving(project) as client, running(project) as program:
        await until_states(client, {program.pid: "live"})
        uri = to_uri(os.fspath(project / "views.py"))
        (report,) = await client.request("reload/trigger", {"uris": [uri]})
        assert report["target"] == str(program.pid)
        assert report["status"] in ("reloaded", "unchanged")


async def test_processes_of_one_program_are_several(project: Path, runtime: Path) -> None:
    async with serving(project) as client, running(project) as one, running(project) as two:
        await until_states(client, {one.pid: "live", two.pid: "live"})
        (project / "views.py").write_text("def greet(:\n")
        await until_states(client, {one.pid: "failed", two.pid: "failed"})
        await until_shown(client, project / "views.py")
        assert len(shown(client)[to_uri(os.fspath(project / "views.py"))]) == 1
        two.process.kill()
        await until_states(client, {one.pid: "failed"})
        await until_shown(client, project / "views.py")
        await one.end()
        await until_states(client, {})
        await until_shown(client)
    assert list(made_targets_folder(runtime).iterdir()) == []


async def test_what_needs_a_restart_is_a_warning(project: Path, runtime: Path) -> None:
    views = project / "views.py"
    views.write_text(SLOTS.format("'a'", "one"))
    async with serving(project) as client, running(project) as program:
        await until_states(client, {program.pid: "live"})
        views.write_text(SLOTS.format("'a', 'b'", "two"))
        report = await client.wait_for("reload/didReload")
        assert report["status"] == "restartRequired"
        await until_shown(client, views)
        (warning,) = shown(client)[to_uri(os.fspath(views))]
        assert (warning["severity"], warning["code"]) == (2, "restartRequired")
        assert warning["message"].startswith("restart app.py to apply this change: ")
        assert await program.says_again() == "one"
        views.write_text(SLOTS.format("'a'", "three"))
        await program.until_says("three")
        await until_shown(client)


async def test_a_program_that_is_started_anew_is_another(project: Path, runtime: Path) -> None:
    views = project / "views.py"
    views.write_text(SLOTS.format("'a'", "one"))
    async with serving(project) as client, running(project, "--restart-on-required") as program:
        status = await client.wait_for(
            "reload/didChangeStatus", lambda it: list(target_states(it).values()) == ["live"]
        )
        (before,) = target_states(status)
        views.write_text(SLOTS.format("'a', 'b'", "two"))
        await program.until_says("two")
        status = await client.wait_for(
            "reload/didChangeStatus",
            lambda it: list(target_states(it).values()) == ["live"] and before not in target_states(it),
        )
        await until_shown(client)
        await client.wait_for("reload/didReload", lambda report: report["status"] == "restarted")
