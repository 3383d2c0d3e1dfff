"""A program that runs: asked for its answer, and read for what reloadls says of it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from .environment import python_of
from .program import Program

__all__ = ["RELOADLS", "Running"]

RELOADLS = ("-m", "reloadls", "run")
"""What comes before a program that reloads itself."""

_START_S = 60.0
_WATCHED_S = 10.0
_ASK_S = 5.0
_STEP_S = 0.02
_ASKS_PER_WORKER = 6
_SAID = re.compile(r"^(?:\x1b\[\d+m)?(reloaded|failed|restart|restarted|unchanged|crashed|waiting|reloadls|note)\b")
_TOKEN = re.compile(r"\b[A-Za-z0-9]{64}\b")
_NOTE = re.compile(r"^ {10}[a-z]\w+: ")


class Running:
    """From `with` to its end; the program, and all that it started, is ended then.

    Args:
        program: what to run.
        folder: where its files are.
        under: what comes between ``python`` and the program.
        command: what to run instead of `program.run`.
    """

    def __init__(
        self, program: Program, folder: Path, under: tuple[str, ...] = (), command: tuple[str, ...] = ()
    ) -> None:
        self._program = program
        self._folder = folder
        self._port = _free_port()
        self._python = python_of(program.environment, program.packages)
        self._under = under
        self._command = command or program.run
        self._lock = threading.Condition()
        self._lines: list[str] = []
        self._errors: list[str] = []
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        arguments = [each.format(port=self._port, folder=self._folder) for each in self._command]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PORT": str(self._port), **self._program.variables}
        environment.pop("PYTHONPATH", None)
        environment["PATH"] = os.path.dirname(self._python) + os.pathsep + environment["PATH"]
        self._process = subprocess.Popen(
            [self._python, *self._under, *arguments],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        for stream, kept in ((self._process.stdout, self._lines), (self._process.stderr, self._errors)):
            assert stream is not None
            reader = threading.Thread(target=self._read, args=(stream, kept), daemon=True)
            reader.start()
            self._readers.append(reader)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.5)
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join()

    def _read(self, stream: IO[str], kept: list[str]) -> None:
        with stream:
            for line in stream:
                with self._lock:
                    kept.append(line.rstrip("\n"))
                    self._lock.notify_all()

    @property
    def ended(self) -> bool:
        """Whether it runs no longer."""
        return self._process.poll() is not None

    @property
    def errors(self) -> str:
        """What it and reloadls have written to standard error."""
        with self._lock:
            return "\n".join(self._errors)

    def said(self) -> list[str]:
        """The lines of reloadls so far, notes among them."""
        with self._lock:
            return [line for line in self._errors if _SAID.match(line) or _NOTE.match(line)]

    def wait_until_up(self, seconds: float = _START_S) -> bool:
        """Wait until it answers; false if it has ended before. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ended:
                return False
            if self.answer():
                return True
            time.sleep(_STEP_S)
        raise TimeoutError(f"{self._program.name} does not answer:\n{self.errors}\n" + "\n".join(self._lines[-20:]))

    def wait_until_watched(self) -> None:
        """Wait until a change is taken up: until each of its processes listens to editors."""
        deadline = time.monotonic() + _WATCHED_S
        while time.monotonic() < deadline and not self.ended:
            if len(_targets(self._process.pid)) >= self._program.workers:
                return
            time.sleep(_STEP_S)

    def answer(self) -> list[str]:
        """What it answers, once for each way to ask it; empty if it does not answer."""
        try:
            if self._program.asks:
                return [self._same(path) for path in self._program.asks]
            if self._program.asker:
                return self._from_asker()
        except OSError:
            return []
        return self._from_output()

    def number(self) -> int:
        """The number that grows as long as it lives."""
        return int(_get(self._port, self._program.state).split()[-1])

    def _same(self, path: str) -> str:
        """What all workers answer; if they don't agree, all answers."""
        times = 1 if self._program.workers == 1 else _ASKS_PER_WORKER * self._program.workers
        return " | ".join(sorted({_get(self._port, path).replace(str(self._port), "PORT") for _ in range(times)}))

    def _from_asker(self) -> list[str]:
        asked = subprocess.run(
            [self._python, self._program.asker, str(self._port)],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return [asked.stdout.strip()] if asked.returncode == 0 and asked.stdout.strip() else []

    def _from_output(self) -> list[str]:
        """The second line from now on: the first may have been begun before."""
        with self._lock:
            begin = len(self._lines)
            self._lock.wait_for(lambda: len(self._lines) >= begin + 2 or self.ended, _ASK_S)
            return self._lines[-1:] if len(self._lines) >= begin + 2 else []


def _get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ASK_S)
    try:
        method, _, target = path.rpartition(" ")
        connection.request(method or "GET", target)
        answer = connection.getresponse()
        text = _TOKEN.sub("token", answer.read().decode("utf-8", "replace"))
        return text if answer.status == 200 else f"{answer.status} {text}"
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _targets(session: int) -> list[str]:
    """The files by which editors find the program's processes."""
    from reloadls.reload.runtime.endpoint.folder import targets_folder

    found = []
    for name in os.listdir(targets_folder()):
        pid, _, kind = name.partition(".")
        if kind == "json" and pid.isdigit():
            with contextlib.suppress(OSError):
                if os.getsid(int(pid)) == session:
                    found.append(name)
    return found
