"""Save → live: from the write of a file to the first answer that is a new one.

A server is asked over HTTP again and again, and a refused connection counts as waiting. An engine's figures are found
by `reload_measure`, in the engine's own environment.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.reload_roster import Contender, python_of
from tests.benchmarks.roster import REPOSITORY

__all__ = ["of_engine", "of_server"]

APP = '''"""A small web application."""

from __future__ import annotations


def version():
    return b"{number}"


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]}})
        await send({{"type": "http.response.body", "body": version()}})
'''
DEADLINE = 20.0


def of_server(contender: Contender, edits: int) -> list[float]:
    """Milliseconds of each edit, of an application served by uvicorn.

    Raises:
        Missing: it is not installed.
        TimeoutError: an edit did not come within the deadline.
    """
    python = python_of(contender)
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="reloadls-bench-") as folder:
        path = Path(folder) / "app.py"
        path.write_text(APP.format(number=0), encoding="utf-8")
        filled = {"port": port, "python": python, "folder": os.path.dirname(python)}
        command = [word.format(**filled) for word in contender.command]
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(lambda: _answer(port) == b"0", process)
            _settle(port, path, process)
            return [_server_edit(port, path, number, process) for number in range(2, edits + 2)]
        finally:
            _end(process)


def _settle(port: int, path: Path, process: subprocess.Popen[bytes]) -> None:
    """Write until the first edit is taken up: some serve before they watch."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        path.write_text(APP.format(number=1), encoding="utf-8")
        again = time.monotonic() + 2
        while time.monotonic() < again:
            if _answer(port) == b"1":
                return
            time.sleep(0.01)
        if process.poll() is not None:
            break
    raise TimeoutError("the first edit did not come")


def _server_edit(port: int, path: Path, number: int, process: subprocess.Popen[bytes]) -> float:
    time.sleep(0.3)  # saves are apart from each other, as a person's are
    content, wanted = APP.format(number=number), str(number).encode()
    began = time.perf_counter()
    path.write_text(content, encoding="utf-8")
    _wait(lambda: _answer(port) == wanted, process)
    return (time.perf_counter() - began) * 1000


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if process.poll() is not None:
            raise TimeoutError(f"it has ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError("no new answer came")
        time.sleep(0.0005)


def _answer(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            content = b""
            while piece := connection.recv(4096):
                content += piece
    except OSError:
        return b""
    body = content.partition(b"\r\n\r\n")[2]
    return body.split(b"\r\n")[1] if b"chunked" in content else body


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    process.wait()


def of_engine(contender: Contender, edits: int) -> dict[str, float]:
    """What `reload_measure` finds in the engine's own environment, by name.

    Raises:
        Missing: it is not installed.
    """
    command = [python_of(contender), "-W", "ignore", "-m", "tests.benchmarks.reload_measure", contender.id, str(edits)]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if found.returncode:
        print(found.stderr[-2000:], file=sys.stderr)
        return {}
    figures: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return figures
