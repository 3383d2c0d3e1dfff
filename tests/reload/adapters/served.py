"""Edit a real server under `reloadls run`, and compare it with one that starts from the same files."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.cli.running import environment, until
from tests.reload.runtime.programs import Client, Json, Program, program

__all__ = ["Edit", "Outcome", "Served", "play", "served"]

Outcome = Literal["live", "noted", "restart", "failed"]
"""The outcomes of an edit: as a fresh start, different with a note, a restart with a reason, or the user's error."""
_TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)
_TOKEN = re.compile(r"\b[A-Za-z0-9]{64}\b")
Answer = tuple[int, str]


@dataclass(frozen=True)
class Edit:
    """A file, a text that occurs exactly once, and its replacement; "" for the end of a file."""

    path: str
    old: str
    new: str
    outcome: Outcome = "live"
    says: str = ""
    """A part of the report's message."""


class Served:
    """A server under `reloadls run`.

    Args:
        started: the program.
        port: where it answers.
        command: what `python` is given for a fresh start, with `{port}`.
        env: its environment.
    """

    def __init__(self, started: Program, port: int, command: Sequence[str], env: dict[str, str]) -> None:
        self.program = started
        self.folder = started.folder
        self._port = port
        self._command = command
        self._env = env
        self._client: Client | None = None

    def ask(self, path: str, port: int | None = None) -> Answer:
        # Other tests check that no request is lost. A reused port may once answer for its previous owner.
        for _ in range(3):
            with contextlib.suppress(ConnectionError):
                return self._ask_once(path, port)
        return self._ask_once(path, port)

    def _ask_once(self, path: str, port: int | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port or self._port, timeout=60)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            text = response.read().decode(errors="replace").replace(str(port or self._port), "PORT")
            if response.status >= 500 and (title := _TITLE.search(text)):
                text = title.group()  # the rest of such a page shows addresses and times
            return response.status, _TOKEN.sub("TOKEN", text)
        finally:
            connection.close()

    def ask_all(self, paths: Sequence[str]) -> dict[str, Answer]:
        return {path: self.ask(path) for path in paths}

    def afresh(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Return the answers of a server that starts from the current files."""
        port = free_port()
        command = [sys.executable, "-B", *(each.format(port=port) for each in self._command)]
        with subprocess.Popen(
            command, cwd=self.folder, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                until(lambda: accepts(port) or process.poll() is not None, "fresh start")
                assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
                return {path: self.ask(path, port) for path in paths}
            finally:
                process.kill()

    def save(self, path: str, text: str) -> Json:
        """Save a file, and wait for the report."""
        if self._client is None:
            self._client = self.program.connect()
            self._client.socket.settimeout(5)
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(target.name + "~")
        beside.write_text(text)
        os.replace(beside, target)
        try:
            return self._client.until_report()
        except TimeoutError:
            return {"status": "unreported"}

    def edit(self, edit: Edit) -> Json:
        target = self.folder / edit.path
        text = target.read_text() if target.exists() else ""
        assert not edit.old or text.count(edit.old) == 1, f"{edit.old!r} is there {text.count(edit.old)} times"
        return self.save(edit.path, text.replace(edit.old, edit.new) if edit.old else text + edit.new)


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def served(folder: Path, *command: str, libraries: Path) -> Iterator[Served]:
    """Run `python *command` in a folder under `reloadls run`; `{port}` is replaced by a free port."""
    port = free_port()
    path = os.pathsep.join([os.fspath(libraries), os.environ.get("PYTHONPATH", "")])
    env = environment() | {
        "PYTHONPATH": environment()["PYTHONPATH"] + os.pathsep + path,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    options = () if command[0] != "-m" else ("-m",)
    rest = command[1:] if options else command
    run, *args = [each.format(port=port) for each in rest]
    with program(folder, *options, run=run, args=tuple(args), env=env) as started:
        running = started.running
        running.until(lambda: accepts(port) or running.process.poll() is not None, "server")
        yield Served(started, port, command, env)


def play(server: Served, edits: Sequence[Edit], paths: Sequence[str]) -> None:
    """Make the edits in order; after each the program must answer as a fresh start, or its report must say why not.

    An edit that isn't live is reverted before the next. All failures are reported together.
    """
    server.ask_all(paths)
    wrong = [found for each in edits if (found := _wrong(server, each, paths))]
    assert not wrong, "\n".join(wrong)


def _wrong(server: Served, edit: Edit, paths: Sequence[str]) -> str:
    target = server.folder / edit.path
    before = target.read_text() if target.exists() else None
    answered = server.ask_all(paths)
    report = server.edit(edit)
    outcome, now = outcome_of(report), server.ask_all(paths)
    wrong = [] if outcome == edit.outcome and edit.says in str(report) else [str(report)]
    if outcome == "live":
        wrong += differences(now, server.afresh(paths))
    elif outcome != "noted":
        wrong += differences(now, answered)
    if edit.outcome != "live":
        if before is None:
            target.unlink()
        server.save(edit.path, before or "")
    return "\n    ".join([str(edit), *wrong]) if wrong else ""


def outcome_of(report: Json) -> Outcome:
    if report["status"] == "restartRequired":
        return "restart"
    if report["status"] == "failed":
        return "failed"
    return "noted" if report.get("notes") else report["status"] if report["status"] == "unreported" else "live"


def differences(one: dict[str, Answer], other: dict[str, Answer]) -> list[str]:
    return [f"{path}: {_apart(one[path], other[path])}" for path in one if one[path] != other[path]]


def _apart(one: Answer, other: Answer) -> str:
    """Return where two answers begin to differ."""
    same = next((at for at, (a, b) in enumerate(zip(one[1], other[1], strict=False)) if a != b), 0)
    begin = max(same - 60, 0)
    return f"{one[0]} {one[1][begin : begin + 300]!r} instead of {other[0]} {other[1][begin : begin + 300]!r}"
