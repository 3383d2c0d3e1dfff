"""A batch that fails in some workers of a server, and not in others, is reported as diverged, and mended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reload.runtime.programs import Program, program, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes follow the first one on Linux only")

_APP = """
import os
import pathlib
import word

MARKS = pathlib.Path(__file__).parent.parent / "marks"
(MARKS / f"worker-{os.getpid()}").touch()

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": word.WORD.encode()})
"""
_WSGI = """
import os
import pathlib
import word

MARKS = pathlib.Path(__file__).parent.parent / "marks"
(MARKS / f"worker-{os.getpid()}").touch()

def app(environ, start_response):
    start_response("200 OK", [])
    return [word.WORD.encode()]
"""
_GOOD = 'WORD = "one"\n'
_ODD = """import os
import pathlib

MARKS = pathlib.Path(__file__).parent.parent / "marks"
if (MARKS / f"bad-{os.getpid()}").exists():
    raise ValueError("this one")
WORD = "two"
"""
_SERVERS = {
    "uvicorn": (_APP, "uvicorn", ("app:app", "--workers", "4", "--port", "0", "--log-level", "warning")),
    "gunicorn": (_WSGI, "gunicorn", ("-w", "4", "-b", "127.0.0.1:0", "app:app")),
    "hypercorn": (_APP, "hypercorn", ("-w", "4", "-b", "127.0.0.1:0", "app:app")),
    "granian": (_APP, "granian", ("--interface", "asgi", "--workers", "4", "--port", "0", "app:app")),
}


@contextlib.contextmanager
def _served(folder: Path, server: str) -> Iterator[Program]:
    """Run four workers, and end them: some outlive the process above them."""
    pytest.importorskip(server)
    app, run, args = _SERVERS[server]
    (folder / "marks").mkdir()  # outside of what is watched
    (folder / "project").mkdir()
    write(folder / "project", app=app, word=_GOOD)
    with program(folder / "project", run=run, args=args) as running:
        try:
            yield running
        finally:
            for each in (folder / "marks").glob("worker-*"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(each.name.partition("-")[2]), signal.SIGKILL)
            running.running.process.kill()


def _workers(running: Program) -> list[int]:
    def pids() -> list[int]:
        return sorted(int(each.name.partition("-")[2]) for each in (running.folder.parent / "marks").glob("worker-*"))

    running.running.until(lambda: len(pids()) == 4, "all workers")
    return pids()


@pytest.mark.parametrize("server", _SERVERS)
def test_a_batch_that_fails_in_one_worker_only_is_diverged_until_it_is_mended(tmp_path: Path, server: str) -> None:
    with _served(tmp_path, server) as running:
        pids = _workers(running)
        clients = [running.connect(pid) for pid in pids]
        first = running.connect()
        bad, *good = pids
        (tmp_path / "marks" / f"bad-{bad}").touch()
        running.write(word=_ODD)
        [diverged] = first.until_status(lambda status: "diverged" in status["targets"][0])["targets"][0]["diverged"]
        assert diverged["uri"].endswith("/word.py")
        assert diverged["applied"] == good
        [failed] = diverged["failed"]
        assert (failed["pid"], failed["message"]) == (bad, "ValueError: this one")
        assert failed["range"]["start"]["line"] == 5
        line = running.until_stderr("diverged")
        assert line.startswith(
            f"diverged  word.py:6: applied in processes {', '.join(map(str, good))}, not in process {bad}: "
        )
        running.write(word=_GOOD)
        first.until_status(lambda status: "diverged" not in status["targets"][0])
        running.until_stderr("agreed    word.py: the same in all processes again")
        for client in clients:
            client.close()


def test_a_batch_that_fails_everywhere_is_not_diverged(tmp_path: Path) -> None:
    with _served(tmp_path, "gunicorn") as running:
        clients = [running.connect(pid) for pid in _workers(running)]
        first = running.connect()
        running.write(word="raise ValueError(1)\n")
        for client in clients:
            assert client.until_report()["status"] == "failed"
        running.write(word=_GOOD.replace("one", "two"))
        for client in clients:
            assert client.until_report()["status"] == "reloaded"
        assert not [message for message in first.received if "diverged" in str(message)]
        assert not [line for line in running.running.err if "diverged" in line]


def test_a_worker_that_is_replaced_has_not_diverged_any_more(tmp_path: Path) -> None:
    with _served(tmp_path, "gunicorn") as running:
        bad, *_ = _workers(running)
        for pid in _workers(running):
            running.connect(pid)
        first = running.connect()
        (tmp_path / "marks" / f"bad-{bad}").touch()
        running.write(word=_ODD)
        first.until_status(lambda status: "diverged" in status["targets"][0])
        os.kill(bad, signal.SIGKILL)
        first.until_status(lambda status: "diverged" not in status["targets"][0])
