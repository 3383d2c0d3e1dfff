"""A `reloadls` process: its lines as they come, waits with a deadline, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

__all__ = ["DEADLINE_S", "Running", "environment", "finish", "start", "until"]

DEADLINE_S = 40.0
"""Far more than anything takes."""

_SERVER = Path(__file__).parents[2] / "server"


def environment(**more: str) -> dict[str, str]:
    """Ours, with the package found from any folder and nothing that decides about colours."""
    path = os.pathsep.join(filter(None, [os.fspath(_SERVER), os.environ.get("PYTHONPATH", "")]))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return kept | {"PYTHONPATH": path, "PYTHONUTF8": "1", "TERM": "xterm"} | more


def command(*args: str | bytes) -> list[str | bytes]:
    return [sys.executable, "-m", "reloadls", *args]


def finish(
    *args: str | bytes, cwd: Path | None = None, stdout: IO[str] | int = subprocess.PIPE, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        command(*args),
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )


def until(condition: Callable[[], bool], what: str, describe: Callable[[], str] = str) -> None:
    """Wait for something that nobody announces."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {DEADLINE_S} s: {describe()}"
        threading.Event().wait(0.005)


class Running:
    """A process whose lines are kept as they come.

    Args:
        process: stdout and stderr are pipes.
        reads: whether to read stdout from the beginning; `read` begins later.
    """

    def __init__(self, process: subprocess.Popen[bytes], *, reads: bool) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self.ready = False
        """Whether the snapshot of `watch --json` has ended; that line is not among the others."""
        self._threads: list[threading.Thread] = []
        self._read(process.stderr, self.err)
        if reads:
            self.read()

    def read(self) -> None:
        """Begin to read stdout."""
        self._read(self.process.stdout, self.out)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something about the lines is so."""
        until(condition, what, lambda: f"stdout {self.out[-5:]}, stderr {self.err}")

    def until_watching(self) -> None:
        """Wait until a change made from now on is told."""
        self.until(lambda: any(line.startswith("Watching ") for line in self.err), "Watching line")

    def objects(self) -> list[dict[str, Any]]:
        """Every whole line of stdout as JSON."""
        return [json.loads(line) for line in list(self.out)]

    def changes(self) -> list[tuple[str, str]]:
        """(type, last name) of each change so far."""
        return [(line["type"], Path(line["path"]).name) for line in self.objects() if line["type"] != "snapshot"]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once all its output is read."""
        code = self.process.wait(DEADLINE_S)
        for thread in self._threads:
            thread.join(DEADLINE_S)
        return code

    def end_others(self) -> None:
        """Kill what the process has left behind with its pipes: their ends would not come otherwise."""
        streams = [each for each in (self.process.stdout, self.process.stderr) if each and not each.closed]
        pipes = {os.readlink(f"/proc/self/fd/{each.fileno()}") for each in streams}
        for folder in Path("/proc").glob("[0-9]*/fd"):
            pid = int(folder.parent.name)
            with contextlib.suppress(OSError):
                if pid != os.getpid() and any(os.readlink(each) in pipes for each in folder.iterdir()):
                    os.kill(pid, signal.SIGKILL)

    def _read(self, stream: IO[bytes] | None, lines: list[str]) -> None:
        def pump() -> None:
            assert stream is not None
            with contextlib.suppress(ValueError):
                for line in stream:
                    text = line.decode().removesuffix("\n")
                    if text == '{"type": "ready"}':
                        self.ready = True
                    else:
                        lines.append(text)

        thread = threading.Thread(target=pump, daemon=True)
        thread.start()
        self._threads.append(thread)


@contextlib.contextmanager
def start(
    *args: str | bytes, cwd: Path | None = None, reads: bool = True, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start a process, and see to it that it is gone in the end."""
    pipe = subprocess.PIPE
    full = environment(**(env or {}))
    with subprocess.Popen(
        command(*args), cwd=cwd, env=full, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
    ) as process:
        running = Running(process, reads=reads)
        try:
            yield running
        finally:
            process.kill()
            running.end_others()
            running.wait()
