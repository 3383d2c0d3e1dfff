"""Run programs under hot reload as real processes, with a client of their socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cli.running import DEADLINE_S, Running, environment, start, until

__all__ = ["Client", "Json", "Program", "has_ended", "program", "runtime_folder", "interactive", "until_ended", "write"]

Json = dict[str, Any]

TICKING = """
import sys, threading
import word
sys.stdout.reconfigure(line_buffering=True)
turn = threading.Event()
while True:
    print(word.word())
    turn.wait(0.005)
"""
"""A program that keeps printing what its module returns."""


def write(folder: Path, **files: str) -> None:
    """Write modules: name → source."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


@contextlib.contextmanager
def runtime_folder() -> Iterator[Path]:
    """A folder for XDG_RUNTIME_DIR, with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="rt-") as name:
        yield Path(name)


class Client:
    """A client of a program's socket; keeps what it receives."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE_S)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.received: list[Json] = []
        self._rest = b""
        self._last = 0

    def close(self) -> None:
        self.socket.close()

    def send(self, message: Json) -> None:
        body = json.dumps(message).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def read(self) -> Json | None:
        """Return the next message; None at the end."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0 or len(self._rest) < end + 4 + self._length(end):
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._rest += data
        start, length = end + 4, self._length(end)
        message: Json = json.loads(self._rest[start : start + length])
        self._rest = self._rest[start + length :]
        self.received.append(message)
        return message

    def _length(self, end: int) -> int:
        return int(self._rest[:end].split(b":")[1])

    def until(self, condition: Callable[[Json], bool]) -> Json:
        """Read until a message meets a condition, and return it."""
        while True:
            message = self.read()
            assert message is not None, f"the program closed the connection after {self.received[-5:]}"
            if condition(message):
                return message

    def ask(self, method: str, params: object = None) -> Json:
        """Send a request and return the whole response."""
        self._last += 1
        number = self._last
        message: Json = {"jsonrpc": "2.0", "id": number, "method": method}
        self.send(message if params is None else {**message, "params": params})
        return self.until(lambda message: message.get("id") == number)

    def until_status(self, condition: Callable[[Json], bool]) -> Json:
        """Read until a status meets a condition, and return it."""
        message = self.until(
            lambda message: message.get("method") == "reload/didChangeStatus" and condition(message["params"])
        )
        status: Json = message["params"]
        return status

    def until_state(self, state: str) -> Json:
        return self.until_status(lambda status: status["targets"][0]["state"] == state)

    def until_last(self, status: str) -> Json:
        """Wait until the program's last report has this status, and return it."""

        def is_so(message: Json) -> bool:
            return bool(message["targets"][0].get("lastReport", {}).get("status") == status)

        known = [message["params"] for message in self.received if message.get("method") == "reload/didChangeStatus"]
        found = known[-1] if known and is_so(known[-1]) else self.until_status(is_so)
        report: Json = found["targets"][0]["lastReport"]
        return report

    def until_report(self) -> Json:
        report: Json = self.until(lambda message: message.get("method") == "reload/didReload")["params"]
        return report


class Program:
    """One program, its folder, and the folder of its socket."""

    def __init__(self, running: Running, folder: Path, runtime: Path) -> None:
        self.running = running
        self.folder = folder
        self.targets = runtime / "reloadls" / "targets"
        self._clients: list[Client] = []

    @property
    def pid(self) -> int:
        return self.running.process.pid

    def advert(self, pid: int | None = None) -> Json:
        """Return the content of its advert, once that exists."""
        name = str(pid or self.pid)
        # The name has a suffix if many processes start at once: the wait for the lock is bounded.
        files = [f"{name}.json", f"{name}-*.json"]
        self.running.until(
            lambda: any(next(self.targets.glob(file), None) for file in files), f"file of process {name}"
        )
        [file] = [found for file in files for found in self.targets.glob(file)]
        advert: Json = json.loads(file.read_text())
        return advert

    def connect(self, pid: int | None = None, *, state: str = "live") -> Client:
        """Return a client, once the program is in this state."""
        client = Client(self.advert(pid)["socket"])
        self._clients.append(client)
        client.until_state(state)
        return client

    def until_output(self, line: str) -> None:
        """Wait until its next output line is this one."""
        begin = len(self.running.out)
        self.running.until(lambda: line in self.running.out[begin:], f"line {line!r}")

    def until_stderr(self, text: str, *, times: int = 1) -> str:
        """Wait for lines on stderr that contain `text`, and return the first."""
        self.running.until(lambda: sum(text in line for line in self.running.err) >= times, f"{text!r} on stderr")
        return next(line for line in self.running.err if text in line)

    def write(self, **files: str) -> None:
        write(self.folder, **files)

    def enter(self, line: str = "") -> None:
        """Write a line to its stdin."""
        stdin = self.running.process.stdin
        assert stdin is not None
        stdin.write(line.encode() + b"\n")
        stdin.flush()

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextlib.contextmanager
def interactive(folder: Path, *command: str) -> Iterator[Program]:
    """Run a command of `python` in `folder`, with a pipe as its stdin."""
    pipe = subprocess.PIPE
    with runtime_folder() as runtime:
        env = environment(XDG_RUNTIME_DIR=os.fspath(runtime))
        with subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=env, stdin=pipe, stdout=pipe, stderr=pipe
        ) as process:
            started = Program(Running(process, reads=True), folder, runtime)
            try:
                yield started
            finally:
                started.close()
                process.kill()
                started.running.wait()


@contextlib.contextmanager
def program(
    folder: Path, *options: str, run: str = "app.py", args: tuple[str, ...] = (), env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run `app.py` in `folder` with `options` of `reloadls run`."""
    with runtime_folder() as runtime:
        more = {"XDG_RUNTIME_DIR": os.fspath(runtime), **(env or {})}
        with start("run", *options, run, *args, cwd=folder, env=more) as running:
            started = Program(running, folder, runtime)
            try:
                yield started
            finally:
                started.close()


def has_ended(pid: int) -> bool:
    """Return whether a process has ended."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def until_ended(pid: int) -> None:
    until(lambda: has_ended(pid), f"end of process {pid}")
