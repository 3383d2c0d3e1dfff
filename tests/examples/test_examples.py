"""Every file of examples/ does what it says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.cli.running import DEADLINE_S, environment, finish, until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


class Example:
    """A process of an example, with its output as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def send(self, line: str) -> None:
        """Write a line to its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(DEADLINE_S)


@contextlib.contextmanager
def started(*command: str, cwd: Path) -> Iterator[Example]:
    """A process, in a group of its own that is gone in the end."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(PATH=path, PYTHONUNBUFFERED="1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        try:
            yield Example(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_script_prints_each_change(tmp_path: Path) -> None:
    with started(sys.executable, str(EXAMPLES / "watch_script.py"), ".", cwd=tmp_path) as example:
        assert example.line() == "watching"
        (tmp_path / "a.txt").write_text("a")
        assert example.line() == "created a.txt"
        (tmp_path / "a.txt").unlink()
        assert example.line() == "deleted a.txt"
        example.process.send_signal(signal.SIGINT)
        assert example.wait() == 0


def test_a_stream_waits_for_a_file(tmp_path: Path) -> None:
    with started(sys.executable, str(EXAMPLES / "watch_stream.py"), ".", "b.txt", cwd=tmp_path) as example:
        assert example.line() == "watching"
        (tmp_path / "a.txt").write_text("a")
        (tmp_path / "b.txt").write_text("it is here")
        assert example.line() == "it is here"
        assert example.wait() == 0


def test_a_client_is_notified_by_the_service(tmp_path: Path) -> None:
    with started(sys.executable, str(EXAMPLES / "service_client.py"), str(tmp_path), "1", cwd=tmp_path) as example:
        assert example.line() == "watching"
        (tmp_path / "a.txt").write_text("a")
        assert example.line() == "created a.txt"
        assert example.wait() == 0


def test_a_loop_keeps_its_total(tmp_path: Path) -> None:
    path = Path(shutil.copy(EXAMPLES / "live_loop.py", tmp_path))
    with started("reloadls", "run", "--quiet", "live_loop.py", cwd=tmp_path) as example:
        assert example.line() == "ready"
        example.send("2")
        assert example.line() == "2"
        path.write_text(path.read_text("utf-8").replace("return number", "return number * 10"), "utf-8")
        assert example.line() == "reloaded"
        example.send("3")
        assert example.line() == "32"
        assert example.process.stdin is not None
        example.process.stdin.close()
        assert example.wait() == 0


def test_open_rooms_follow_an_edit(tmp_path: Path) -> None:
    path = Path(shutil.copy(EXAMPLES / "chat_rooms.py", tmp_path))
    with started("reloadls", "run", "--quiet", "chat_rooms.py", cwd=tmp_path) as example:
        assert example.line() == "ready"
        for name in ("ann", "bob"):
            example.send(f"{name} hi")
            assert example.line() == f"hello {name}, you said hi"
        example.send("eve hi")
        assert example.line() == "all 2 places are taken"
        path.write_text(path.read_text("utf-8").replace('"hello"', '"welcome"'), "utf-8")
        assert [example.line() for _ in range(2)] == ["reloaded"] * 2
        example.send("ann ho")
        assert example.line() == "welcome ann, you said ho"
        assert example.process.stdin is not None
        example.process.stdin.close()
        assert example.wait() == 0


def test_a_server_keeps_its_counter(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    path = Path(shutil.copy(EXAMPLES / "counter_server.py", tmp_path))
    port = free_port()
    answers: list[str] = []

    def asked() -> str:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE_S) as response,
        ):
            answers.append(response.read().decode().strip('"'))
        return answers[-1] if answers else ""

    command = ("reloadls", "run", "--quiet", "uvicorn", "counter_server:app", "--port", str(port))
    with started(*command, cwd=tmp_path):
        until(lambda: asked().startswith("hello"), "response")
        path.write_text(path.read_text("utf-8").replace('"hello"', '"welcome"'), "utf-8")
        until(lambda: asked().startswith("welcome"), "new response")
    counts = [int(answer.split()[1]) for answer in answers]
    assert counts == sorted(set(counts))
    assert counts[0] == 1


def test_open_websockets_follow_an_edit(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    path = Path(shutil.copy(EXAMPLES / "websocket_rooms.py", tmp_path))
    port = free_port()
    command = ("reloadls", "run", "--quiet", "uvicorn", "websocket_rooms:app", "--port", str(port))
    with started(*command, cwd=tmp_path), contextlib.ExitStack() as guests:

        def come(name: str) -> ClientConnection:
            return guests.enter_context(connect(f"ws://127.0.0.1:{port}/rooms/{name}", open_timeout=DEADLINE_S))

        def said(guest: ClientConnection, text: str) -> str:
            guest.send(text)
            return str(guest.recv(DEADLINE_S))

        until(lambda: is_open(port), "server")
        ann, bob = come("ann"), come("bob")
        assert said(ann, "hi") == "hello ann, line 1 was hi"
        assert said(bob, "ho") == "hello bob, line 1 was ho"
        with pytest.raises(InvalidStatus):
            come("eve")  # there are two places
        path.write_text(path.read_text("utf-8").replace('"hello"', '"welcome"'), "utf-8")
        answers = ["hello ann, line 1 was hi"]

        def follows() -> bool:
            answers.append(said(ann, "hm"))
            return answers[-1].startswith("welcome")

        until(follows, "new answer")
        assert [int(answer.split()[3]) for answer in answers] == list(range(1, len(answers) + 1))
        assert said(bob, "ho") == "welcome bob, line 2 was ho"
        done = finish("drain", "rooms", "--json")
        assert (done.returncode, json.loads(done.stdout)["status"]["active"]) == (0, 2)
        assert said(bob, "ho") == "welcome bob, line 3 was ho"


def test_tests_run_after_each_change(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a():\n    assert 1 == 2\n")
    with started(str(EXAMPLES / "run_tests.sh"), ".", "--once", cwd=tmp_path) as example:
        seen = ""
        while "1 failed" not in seen:
            seen = example.line()
        (tmp_path / "test_a.py").write_text("def test_a():\n    assert 1 == 1\n")
        while "1 passed" not in seen:
            seen = example.line()
        assert example.wait() == 0


def test_three_processes_hand_tasks_to_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with contextlib.ExitStack() as stack:
        command = (sys.executable, str(EXAMPLES / "hand_over.py"), "board")
        roles = ("reviewer", "planner", "worker")
        players = [stack.enter_context(started(*command, role, cwd=tmp_path)) for role in roles]
        said = [player.process.communicate(timeout=DEADLINE_S)[0].splitlines() for player in players]
        assert [player.wait() for player in players] == [0, 0, 0]
    assert sorted(said[1]) == [
        "planner: parser is done after 1 tries",
        "planner: printer is done after 2 tries",
        "planner: tests is done after 1 tries",
    ]
    assert sorted(said[2]) == [
        "worker: parser, try 1",
        "worker: printer, try 1",
        "worker: printer, try 2",
        "worker: tests, try 1",
    ]
    assert "reviewer: printer is handed back" in said[0]


@pytest.mark.parametrize(("name", "language"), [("languages.toml", "toml"), ("neovim.lua", "lua")])
def test_a_configuration_is_the_one_that_is_tested_in_the_editor(name: str, language: str) -> None:
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "editors.md").read_text("utf-8"), re.DOTALL)
    assert (EXAMPLES / name).read_text("utf-8").partition("\n")[2] in blocks


def test_the_list_of_examples_is_whole() -> None:
    listed = re.findall(r"^\| `([\w.]+)` \|", (EXAMPLES / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(
        path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".sh", ".toml", ".lua"}
    )
