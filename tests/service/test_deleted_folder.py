"""A process that is started in, or left in, a working directory that was deleted: everything absolute works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clients import RecordingClient
from tests.support.service import TRANSPORTS, Service, Transport, hello

_SCRIPT = os.fspath(Path(sys.executable).parent / "reloadls")
"""Not ``python -m``: Python itself does not start so there."""

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="a working directory can't be deleted"),
    pytest.mark.skipif(not os.path.exists(_SCRIPT), reason="reloadls is not installed beside this Python"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to watch."""
    made = tmp_path / "watched"
    made.mkdir()
    return made


def deleted_first(gone: Path) -> list[str]:
    """The prefix of a command that runs in `gone` after that was deleted."""
    gone.mkdir()
    return ["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", os.fspath(gone)]


def finish(gone: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `reloadls` to its end in a folder that was deleted."""
    argv = [*deleted_first(gone), _SCRIPT, *(os.fspath(arg) for arg in args)]
    return subprocess.run(argv, capture_output=True, encoding="utf-8", timeout=60, check=False)


async def check_changes(client: RecordingClient, folder: Path) -> None:
    (folder / "a").write_text("1")
    await client.request("reload/sync")
    batch = await client.wait_for("reload/didChange")
    assert [change["uri"] for change in batch["changes"]] == [(folder / "a").as_uri()]


@pytest.mark.parametrize("transport", [each for each in TRANSPORTS if each != "stdio"])
async def test_a_running_service_on_the_socket(transport: Transport, folder: Path, tmp_path: Path) -> None:
    command = [*deleted_first(tmp_path / "gone"), _SCRIPT, "serve"]
    async with (
        Service.start(transport, command=command, folder=tmp_path) as service,
        service.session(folder) as client,
    ):
        await check_changes(client, folder)


async def test_a_stale_socket_of_a_service(folder: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", os.fspath(gone), _SCRIPT, "serve"]
    async with Service.start("socket", command=command, folder=tmp_path) as service:
        gone.rmdir()
        async with service.session(folder) as client:
            await check_changes(client, folder)
            answer = await client.request("reload/refreshPaths", {"paths": [os.fspath(folder / "a"), "relative"]})
            assert [root["uri"] for root in answer["roots"]] == [
                (folder / "a").as_uri(),
                (folder / "relative").as_uri(),
            ]


async def test_over_stdio_without_a_folder_it_is_reported(folder: Path, tmp_path: Path) -> None:
    command = [*deleted_first(tmp_path / "gone"), _SCRIPT, "serve", "--stdio"]
    async with RecordingClient.start(*command) as client:
        await client.initialize(hello([], {"paths": ["relative", os.fspath(folder)]}))
        status = await client.wait_for("reload/didChangeStatus")
        assert [root["uri"] for root in status["roots"]] == [folder.as_uri()]
        assert "is relative" in status["problems"][0]["message"]
        await check_changes(client, folder)


async def test_without_any_path_nothing_is_watched_and_it_is_reported(tmp_path: Path) -> None:
    command = [*deleted_first(tmp_path / "gone"), _SCRIPT, "serve", "--stdio"]
    async with RecordingClient.start(*command) as client:
        await client.initialize(hello([], {}))
        status = await client.wait_for("reload/didChangeStatus")
        assert status["roots"] == []
        assert "working directory was deleted" in status["problems"][0]["message"]


def test_watch_shows_whole_paths(folder: Path, tmp_path: Path) -> None:
    (folder / "a").write_text("1")
    done = finish(tmp_path / "gone", "watch", folder, "--timeout", "0.1")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"Watching {folder}: 1 file")


def test_watch_refuses_a_relative_path(tmp_path: Path) -> None:
    done = finish(tmp_path / "gone", "watch", "there")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [[], ["--restart-on-required"]], ids=str)
def test_run_runs_an_absolute_script(options: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('it runs')")
    done = finish(tmp_path / "gone", "run", *options, script)
    assert (done.returncode, done.stdout) == (0, "it runs\n"), done.stderr


def test_the_other_commands_do_not_mind(tmp_path: Path) -> None:
    for args in (["status"], ["--help"], ["watch", "--help"], ["run", "--help"]):
        assert finish(tmp_path / "gone", *args).returncode == 0, args
