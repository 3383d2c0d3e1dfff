"""Servers with workers, started and edited again and again beside a load on all cores: do all workers live, and reload?

Prints one line for each server and asserts nothing: run ``python -m tests.benchmarks.workers`` from the repository's
top; ``--times`` says how often each is started, and names of servers which. The servers are installed into the user's
cache.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.cli.running import environment
from tests.programs.environment import python_of
from tests.programs.web import ENVIRONMENT, PACKAGES
from tests.reload.runtime.programs import runtime_folder

WORKERS = 4
SERVERS = {
    "gunicorn": (
        "-m",
        "gunicorn",
        "-w",
        str(WORKERS),
        "--bind",
        "127.0.0.1:{port}",
        "--log-level",
        "warning",
        "app:app",
    ),
    "uvicorn": ("-m", "uvicorn", "--workers", str(WORKERS), "--port", "{port}", "--log-level", "warning", "app:web"),
}
DEADLINE_S = 60.0

APP = """\
import os

STATE = {restart}


def said():
    return {number}


def app(environ, start_response):
    start_response("200 OK", [("Connection", "close")])
    return [f"{{os.getpid()}} {{said()}}".encode()]


async def web(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]}})
        await send({{"type": "http.response.body", "body": f"{{os.getpid()}} {{said()}}".encode()}})
"""


@dataclass
class Result:
    """What became of one server's starts."""

    starts: int = 0
    hung: int = 0
    stale: int = 0
    edits: int = 0
    restarts: int = 0
    lost: int = 0
    took: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        live = f"save to live in all workers p50 {statistics.median(self.took):.0f} ms" if self.took else ""
        return (
            f"{self.starts} starts, {self.hung} with a worker that did not come up, {self.edits} edits, "
            f"{self.stale} not live in all workers, {live}"
        )


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="*", choices=[*SERVERS, []], help="which servers; all if left out")
    parser.add_argument("--times", type=int, default=200, help="how often each is started")
    parser.add_argument("--edits", type=int, default=2, help="how often it is edited after each start")
    parser.add_argument("--no-load", action="store_true", help="without a load beside")
    asked = parser.parse_args()
    python = python_of(ENVIRONMENT, PACKAGES)
    with _load(0 if asked.no_load else os.cpu_count() or 1):
        for name in asked.servers or list(SERVERS):
            result = Result()
            for number in range(asked.times):
                once(python, SERVERS[name], result, asked.edits)
                if number % 20 == 19:
                    print(f"{name}: {result}", file=sys.stderr, flush=True)
            print(f"{name} with {WORKERS} workers: {result}", flush=True)


def once(python: str, command: tuple[str, ...], result: Result, edits: int) -> None:
    """Start a server, edit its file at once and again, and end it."""
    with tempfile.TemporaryDirectory(prefix="reloadls-bench-") as name, runtime_folder() as runtime:
        folder, port = Path(name), _free_port()
        file = folder / "app.py"
        file.write_text(APP.format(number=0, restart=0))
        environ = environment(XDG_RUNTIME_DIR=os.fspath(runtime))
        arguments = [each.format(port=port) for each in command]
        log = open(folder / "log", "wb")  # noqa: SIM115 - it is the program's, too
        process = subprocess.Popen(
            [python, "-m", "reloadls", "run", *arguments],
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        result.starts += 1
        try:
            if not _until_all_say(process.pid, port, 0):
                result.hung += 1
                print((folder / "log").read_text(), file=sys.stderr)
                return
            for number in range(1, edits + 1):
                begun = time.monotonic()
                file.write_text(APP.format(number=number, restart=0))
                result.edits += 1
                if _until_all_say(process.pid, port, number):
                    result.took.append((time.monotonic() - begun) * 1000)
                else:
                    result.stale += 1
                    print((folder / "log").read_text(), file=sys.stderr)
                    break
        finally:
            log.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _until_all_say(pid: int, port: int, number: int) -> bool:
    """Wait until all workers that a server has have answered with the number; whether they have."""
    end = time.monotonic() + DEADLINE_S
    said: dict[int, int] = {}
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                worker, now = map(int, answer.read().split())
            said[worker] = now
        alive = {each.pid for each in psutil.Process(pid).children(recursive=True)} | {pid}
        done = [each for each, now in said.items() if each in alive and now == number]
        if len(done) >= WORKERS:
            return True
        if not said:
            time.sleep(0.02)
    print(f"{number} wanted, said: {said}", file=sys.stderr)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _compute() -> None:
    while True:
        pass


@contextlib.contextmanager
def _load(cores: int) -> Iterator[None]:
    processes = [multiprocessing.get_context("spawn").Process(target=_compute, daemon=True) for _ in range(cores)]
    for each in processes:
        each.start()
    try:
        yield
    finally:
        for each in processes:
            each.kill()


if __name__ == "__main__":
    main()
