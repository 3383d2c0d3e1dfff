"""Restarts: the program is replaced without losing a connection."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reloadls.reload.runtime.supervision.backoff import Backoff
from reloadls.reload.runtime.supervision.source_changes import SourceChanges
from tests.cli.running import DEADLINE_S, until
from tests.reload.runtime.programs import TICKING, Program, program, until_ended, write

_RESTART = "--restart-on-required"
_MODEL = "class User:\n    __slots__ = ({!r},)\n\n\nuser = User()\nVALUE = {!r}\n"
"""A class whose `__slots__` can't be changed live."""

_ASYNCIO = """
import asyncio, os, sys
import model

async def handle(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    await asyncio.sleep(0.005)
    body = f"{os.getpid()} {model.VALUE}".encode()
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
    await writer.drain()
    writer.close()

async def main():
    server = await START
    print(server.sockets[0].getsockname(), flush=True)
    async with server:
        await server.serve_forever()

asyncio.run(main())
"""

_THREADED = """
import http.server, os
import model

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.getpid()} {model.VALUE}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

_BLOCKING = """
import os, socket
import model

listening = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listening.getsockname()[1], flush=True)
while True:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        body = f"{os.getpid()} {model.VALUE}".encode()
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
"""

_IN_A_WORKER = """
import multiprocessing, os, signal, socket
import model

def work(listening):
    listening.listen(64)
    while True:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            body = f"{os.getppid()} {model.VALUE}".encode()
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(body), body))

if __name__ == "__main__":
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.set_inheritable(True)
    print(listening.getsockname()[1], flush=True)
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(listening,), daemon=True)
    worker.start()
    signal.signal(signal.SIGTERM, lambda *_: worker.terminate())
    worker.join()
"""

_SERVERS = {
    "asyncio": _ASYNCIO.replace("START", "asyncio.start_server(handle, '127.0.0.1', 0)"),
    "asyncio on a path": _ASYNCIO.replace("START", "asyncio.start_unix_server(handle, 'here.sock')"),
    "http.server": _THREADED,
    "a plain socket": _BLOCKING,
}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=DEADLINE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Load:
    """Requests from several threads, each on a new connection, until it is stopped."""

    def __init__(self, connect: Callable[[], http.client.HTTPConnection]) -> None:
        self.answers: list[tuple[int, str]] = []
        self.failures: list[str] = []
        self._connect = connect
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._ends.is_set():
            connection = self._connect()
            try:
                connection.request("GET", "/")
                pid, value = connection.getresponse().read().decode().split()
                self.answers.append((int(pid), value))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
            finally:
                connection.close()

    def stop(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(DEADLINE_S)


@pytest.mark.parametrize("name", _SERVERS)
def test_no_connection_is_lost_over_several_restarts(tmp_path: Path, name: str) -> None:
    write(tmp_path, app=_SERVERS[name], model=_MODEL.format("a", 0))
    with program(tmp_path, _RESTART) as running:
        running.running.until(lambda: bool(running.running.out), "server")
        connect = _connector(tmp_path, running)
        first = _pid(connect)
        running.connect(first)
        load = _Load(connect)
        try:
            pid = first
            for number in range(1, 4):
                before = pid
                running.write(model=_MODEL.format(f"a{number}", number))
                running.running.until(
                    lambda number=number: any(value == str(number) for _, value in load.answers[-20:]),  # type: ignore[misc]
                    f"answer {number}",
                )
                pid = next(pid for pid, value in reversed(load.answers) if value == str(number))
                until_ended(before)
                running.connect(pid).until_last("restarted")
        finally:
            load.stop()
        assert load.failures == []
        assert {value for _, value in load.answers} == {"0", "1", "2", "3"}

        def words() -> list[str]:  # a slow start also prints what is watched
            return [word for line in running.running.err if (word := line.split()[0]) != "following"]

        running.running.until(lambda: len(words()) == 6, "six lines")
        assert words() == ["restart", "restarted"] * 3


def _connector(folder: Path, running: Program) -> Callable[[], http.client.HTTPConnection]:
    said = running.running.out[0]
    if said == "here.sock":
        return lambda: _UnixConnection(str(folder / said))
    port = int(said.strip("()").split()[-1])
    return lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)


def _pid(connect: Callable[[], http.client.HTTPConnection]) -> int:
    connection = connect()
    connection.request("GET", "/")
    pid = int(connection.getresponse().read().split()[0])
    connection.close()
    return pid


def test_a_socket_on_which_only_workers_listen_is_handed_over(tmp_path: Path) -> None:
    write(tmp_path, app=_IN_A_WORKER, model=_MODEL.format("a", 0))
    with program(tmp_path, _RESTART) as running:
        running.running.until(lambda: bool(running.running.out), "server")
        connect = _connector(tmp_path, running)
        running.running.until(lambda: _answers(connect), "worker")
        running.connect(_pid(connect))
        load = _Load(connect)
        try:
            running.write(model=_MODEL.format("b", 1))
            running.running.until(lambda: any(value == "1" for _, value in load.answers), "the new worker's answer")
        finally:
            load.stop()
        # A worker that is terminated may have accepted a connection: those are not refused, but closed.
        assert not [each for each in load.failures if "refused" in each.lower()]


def _answers(connect: Callable[[], http.client.HTTPConnection]) -> bool:
    try:
        return _pid(connect) > 0
    except OSError:
        return False


def test_a_request_in_flight_is_answered_by_the_old_process(tmp_path: Path) -> None:
    slow = _THREADED.replace("body = f", "import time; time.sleep(1.5)\n        body = f")
    write(tmp_path, app=slow, model=_MODEL.format("a", "old"))
    with program(tmp_path, _RESTART) as running:
        running.running.until(lambda: bool(running.running.out), "server")
        connect = _connector(tmp_path, running)
        pid = _only_child(running)
        running.connect(pid)
        connection = connect()
        connection.request("GET", "/")
        running.write(model=_MODEL.format("b", "new"))
        running.until_stderr("restarted")
        assert connection.getresponse().read() == f"{pid} old".encode()
        until_ended(pid)


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[Program]:
    write(tmp_path, app=TICKING, word="def word():\n    return 'one'\n", model=_MODEL.format("a", 1))
    write(tmp_path, app="import model\n" + TICKING)
    with program(tmp_path, _RESTART) as running:
        running.until_output("one")
        yield running


def _only_child(running: Program) -> int:
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    running.running.until(lambda: len(children.read_text().split()) == 1, "one child")
    return int(children.read_text())


def test_a_program_without_sockets_ends_before_the_next_begins(ticking: Program) -> None:
    pid = _only_child(ticking)
    client = ticking.connect(pid)
    assert ticking.advert(pid)["supervised"] is True
    ticking.write(model=_MODEL.format("b", 1))
    assert client.until_report()["status"] == "restartRequired"
    client.until_state("restarting")
    until_ended(pid)
    ticking.until_stderr("restarted")
    report = ticking.connect(_only_child(ticking)).until_last("restarted")
    assert [module["name"] for module in report["modules"]] == ["model"]
    assert ticking.until_stderr("restarted").startswith("restarted model.py  ")


def test_a_client_can_request_a_restart(ticking: Program) -> None:
    pid = _only_child(ticking)
    answer = ticking.connect(pid).ask("reload/restart")
    assert answer["result"]["targets"][0]["state"] == "restarting"
    until_ended(pid)
    ticking.until_stderr("restarted")
    ticking.until_output("one")


def test_a_program_that_closes_all_low_descriptors_can_be_restarted(tmp_path: Path) -> None:
    write(tmp_path, app="import os\nos.closerange(3, 256)\n" + _SERVERS["asyncio"], model=_MODEL.format("a", 0))
    with program(tmp_path, _RESTART) as running:
        running.running.until(lambda: bool(running.running.out), "server")
        connect = _connector(tmp_path, running)
        for number in (1, 2):
            pid = _pid(connect)
            running.connect(pid)
            running.write(model=_MODEL.format(f"a{number}", number))
            until_ended(pid)
        assert _pid(connect) != pid


def test_a_program_that_closes_our_descriptor_continues(tmp_path: Path) -> None:
    first = "import os\nos.closerange(3, 4096)\nfor fd in range(900, 1024):\n    os.dup2(0, fd)\n"
    write(tmp_path, app=first + TICKING.replace("import word", "import word, model"), model=_MODEL.format("a", 0))
    write(tmp_path, word="def word():\n    return 'one'\n")
    with program(tmp_path, _RESTART) as running:
        pid = _only_child(running)
        client = running.connect(pid)
        running.write(model=_MODEL.format("b", 1))
        assert client.until_report()["status"] == "restartRequired"
        running.write(model=_MODEL.format("a", 0))
        running.write(word="def word():\n    return 'two'\n")
        running.until_output("two")
        assert _only_child(running) == pid
        running.running.signal(signal.SIGKILL)
        until_ended(pid)


def test_the_program_does_not_outlive_its_supervisor(ticking: Program) -> None:
    pid = _only_child(ticking)
    ticking.running.signal(signal.SIGKILL)
    until_ended(pid)


def test_a_program_that_ignores_sigterm_does_not_outlive_its_supervisor(tmp_path: Path) -> None:
    write(tmp_path, app="import signal\nsignal.signal(15, signal.SIG_IGN)\nprint('here', flush=True)\nsignal.pause()\n")
    with program(tmp_path, _RESTART, "--drain-seconds", "0.2") as running:
        running.running.until(lambda: bool(running.running.out), "program")
        pid = _only_child(running)
        running.running.signal(signal.SIGKILL)
        until_ended(pid)


def test_a_supervisor_ends_as_its_program_does(ticking: Program) -> None:
    os.kill(_only_child(ticking), signal.SIGKILL)
    assert ticking.running.wait() == -signal.SIGKILL


def test_a_program_that_ignores_sigterm_is_killed_in_the_end(tmp_path: Path) -> None:
    write(
        tmp_path,
        app="import signal\nsignal.signal(15, signal.SIG_IGN)\nimport model\n" + TICKING,
        word="word = lambda: 1\n",
    )
    write(tmp_path, model=_MODEL.format("a", 1))
    with program(tmp_path, _RESTART, "--drain-seconds", "0.3") as running:
        running.until_output("1")
        pid = _only_child(running)
        running.connect(pid)
        running.write(model=_MODEL.format("b", 1))
        until_ended(pid)
        running.until_stderr("restarted")


def test_both_end_with_ctrl_c(ticking: Program) -> None:
    pid = _only_child(ticking)
    ticking.running.signal(signal.SIGINT)
    assert ticking.running.wait() == -signal.SIGINT
    until_ended(pid)
    assert ticking.running.err[-1] == "KeyboardInterrupt"
    assert ticking.running.err.count("KeyboardInterrupt") == 1


def test_a_crash_is_reported_and_the_next_change_retries_at_once(tmp_path: Path) -> None:
    write(tmp_path, app="import model\n" + TICKING, word="word = lambda: 'one'\n", model=_MODEL.format("a", 1))
    with program(tmp_path, _RESTART) as running:
        running.until_output("one")
        running.connect(_only_child(running))
        running.write(model=_MODEL.format("b", 1) + "if __import__('os').environ: raise SystemExit(7)\n")
        for wait in ("0.5", "1", "2"):
            line = running.until_stderr(f"retrying in {wait} s")
            assert line.startswith("crashed   the program ended with exit status 7; ")
        running.write(model=_MODEL.format("b", 1))
        running.until_output("one")
        running.until_stderr("restarted")


def test_a_supervisor_without_a_program_ends_by_a_signal(tmp_path: Path) -> None:
    write(tmp_path, app="import model\n" + TICKING, word="word = lambda: 'one'\n", model=_MODEL.format("a", 1))
    with program(tmp_path, _RESTART) as running:
        running.until_output("one")
        running.connect(_only_child(running))
        running.write(model=_MODEL.format("b", 1) + "raise SystemExit(7)\n")
        running.until_stderr("retrying in 4 s")
        running.running.signal(signal.SIGTERM)
        assert running.running.wait() == -signal.SIGTERM


@pytest.mark.parametrize(
    ("app", "word"),
    [
        ("import word\nword.begin()\n", "def begin(:\n"),
        ("import word\nword.begin()\n", "import nowhere_at_all\n"),
        ("import word\nword.begin()\n", "1 / 0\n"),
        ("import other\nimport word\nword.begin()\n", "other = 1\n"),
    ],
    ids=["syntax", "nowhere", "raises", "missing"],
)
def test_a_first_start_that_fails_in_an_import_is_retried_at_the_next_change(
    tmp_path: Path, app: str, word: str
) -> None:
    write(tmp_path, app=app, word=word)
    with program(tmp_path, "--restart-on-required") as running:
        assert "the program could not be imported; retrying when a file changes" in running.until_stderr("crashed")
        right = "import signal\n\n\ndef begin():\n    print('begun', flush=True)\n    signal.pause()\n"
        write(tmp_path, other="", word=right)
        running.running.until(lambda: "begun" in running.running.out, "the program")
        running.running.signal(signal.SIGTERM)
        assert running.running.wait() == -signal.SIGTERM


def test_the_running_program_serves_while_its_replacement_crashes(tmp_path: Path) -> None:
    write(tmp_path, app=_SERVERS["asyncio"], model=_MODEL.format("a", 0))
    with program(tmp_path, _RESTART) as running:
        running.running.until(lambda: bool(running.running.out), "server")
        connect = _connector(tmp_path, running)
        pid = _pid(connect)
        client = running.connect(pid)
        load = _Load(connect)
        try:
            running.write(model=_MODEL.format("b", 1) + "raise OSError('no')\n")
            line = running.until_stderr("crashed")
            assert "exit status 1; the previous one keeps running; retrying in 0.5 s" in line
            status = client.until_state("failed")
            assert status["targets"][0]["lastReport"]["error"]["type"] == "RestartFailed"
            running.write(model=_MODEL.format("b", 2))
            running.running.until(lambda: any(value == "2" for _, value in load.answers), "answer 2")
            until_ended(pid)
        finally:
            load.stop()
        assert load.failures == []
        assert {value for _, value in load.answers} == {"0", "2"}


def test_a_socket_that_the_program_closes_is_closed(tmp_path: Path) -> None:
    write(
        tmp_path,
        app="import socket, sys\n"
        "listening = socket.create_server(('127.0.0.1', 0))\n"
        "print(listening.getsockname()[1], flush=True)\n"
        "import time\n"
        "while not __import__('os').path.exists('close'): time.sleep(0.005)\n"
        "listening.close()\n"
        "while True: time.sleep(1)\n",
    )
    with program(tmp_path, _RESTART) as running:
        running.running.until(lambda: bool(running.running.out), "port")
        port = int(running.running.out[0])
        socket.create_connection(("127.0.0.1", port)).close()
        (tmp_path / "close").touch()

        def refused() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                return True
            return False

        until(refused, "refusal")


def test_backoff_doubles_up_to_30_seconds_and_resets() -> None:
    backoff = Backoff()
    assert [backoff.crashed(0.1) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.crashed(11) == 0.5
    assert backoff.crashed(1) == 1
    backoff.reset()
    assert backoff.crashed(1) == 0.5


def test_source_changes_ignores_other_files(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / ".venv").mkdir()
    changes = SourceChanges([str(tmp_path)])
    assert not changes.changed()
    (tmp_path / ".venv" / "x.py").touch()
    (tmp_path / "app.log").touch()
    assert not changes.changed()
    (tmp_path / "pkg" / "a.py").touch()
    assert changes.changed()
    assert not changes.changed()
    (tmp_path / "pkg" / "a.py").unlink()
    assert changes.changed()


_SIGNALLED = """
import os
import signal
import time

import model

names = [*"ALRM VTALRM PROF CONT WINCH TTIN USR1".split(), "RTMIN", "RTMAX"]
for name in names:
    signal.signal(getattr(signal, f"SIG{name}"), lambda number, _, name=name: print("got", name, flush=True))
print("safe", os.unlink in os.supports_dir_fd, os.remove in os.supports_dir_fd, flush=True)
while True:
    time.sleep(0.01)
"""


def test_signals_reach_the_program_and_rmtree_stays_safe(tmp_path: Path) -> None:
    write(tmp_path, app=_SIGNALLED, model=_MODEL.format("a", 1))
    with program(tmp_path, _RESTART) as running:
        running.until_output("safe True True")
        for name in ("ALRM", "VTALRM", "PROF", "CONT", "WINCH", "TTIN", "USR1", "RTMIN", "RTMAX"):
            os.kill(running.pid, getattr(signal, f"SIG{name}"))
            running.until_output(f"got {name}")


def test_old_code_that_ends_soon_causes_no_restart(tmp_path: Path) -> None:
    script = "import os, sys, time\nimport work\nsys.stdout.reconfigure(line_buffering=True)\nwhile True:\n"
    script += "    print(os.getpid(), work.work())\n"
    text = "import time\n\n\ndef work():\n    for _ in range({}):\n        time.sleep(0.01)\n    return {!r}\n"
    write(tmp_path, app=script, work=text.format(20, "one"))
    with program(tmp_path, _RESTART) as running:
        running.running.until(lambda: any(line.endswith(" one") for line in running.running.out), "works")
        first = running.running.out[-1].split()[0]
        client = running.connect(int(first))
        running.write(work=text.format(20, "two"))
        report = client.until_report()
        assert (report["status"], report.get("notes", [])) == ("reloaded", [])
        running.running.until(lambda: f"{first} two" in running.running.out, "continues")
        running.write(work=text.format(1_000_000, "three").replace("    for", "    print('long')\n    for"))
        assert client.until_report().get("notes", []) == []
        running.running.until(lambda: "long" in running.running.out, "enters the long loop")
        running.write(work=text.format(20, "four"))
        assert [note["code"] for note in client.until_report()["notes"]] == ["stillRunning"]
        running.running.until(lambda: any(line.endswith(" four") for line in running.running.out), "is another program")
        assert running.running.out[-1].split()[0] != first
