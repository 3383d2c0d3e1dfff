"""A real uvicorn with workers, and a server whose versions it follows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["Numbers", "Service", "served", "until"]

DEADLINE_S = 60.0


def until(condition: Any) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < end, "timed out"
        time.sleep(0.002)
    return found


class Numbers:
    """A configuration server: each answer is the next number."""

    def __init__(self) -> None:
        self.fetches: list[float] = []
        numbers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the one who asked was killed
                    self._answer()

            def _answer(self) -> None:
                numbers.fetches.append(time.monotonic())
                body = json.dumps({"number": len(numbers.fetches)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/config.json"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Service:
    """A running uvicorn."""

    def __init__(self, port: int, notes: Path, runtime: Path) -> None:
        self.port, self.notes, self.runtime = port, notes, runtime

    def ask(self) -> dict[str, Any] | None:
        """One request, to any worker; None if it was killed meanwhile."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError, HTTPException):
            return None

    def state(self) -> dict[str, Any]:
        """The group's state."""
        for path in self.runtime.glob("reloadls/config/app-*/state.json"):
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        return {}

    def noted(self) -> dict[int, list[tuple[int, int, int]]]:
        """For each worker: versions, numbers and times, as they took effect."""
        found = {}
        for path in self.notes.iterdir():
            lines = [line.split() for line in path.read_text().splitlines()]
            found[int(path.name)] = [(int(version), int(number), int(at)) for version, number, at in lines]
        return found

    def workers(self) -> dict[int, tuple[int, int, int]]:
        """The live workers with what they noted last."""
        return {pid: noted[-1] for pid, noted in self.noted().items() if noted and _lives(pid)}


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def served(tmp_path: Path, workers: int, **variables: str) -> Iterator[Service]:
    """Uvicorn with workers."""
    notes, runtime = tmp_path / "notes", tmp_path / "run"
    notes.mkdir()
    runtime.mkdir(mode=0o700)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(__file__).parent
    command = [sys.executable, "-m", "uvicorn", "worker_app:app", "--app-dir", str(folder), "--port", str(port)]
    environment = {**os.environ, "NOTES": str(notes), "XDG_RUNTIME_DIR": str(runtime), **variables}
    with subprocess.Popen(
        [*command, "--workers", str(workers), "--log-level", "warning"], env=environment, start_new_session=True
    ) as process:
        service = Service(port, notes, runtime)
        try:
            until(lambda: len(service.workers()) == workers and service.ask())
            yield service
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
