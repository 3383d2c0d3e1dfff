"""A running program applies edits and reports to its clients."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reloadls.protocol import ReloadStatus, make_converter, structure_params, to_uri
from tests.cli.running import DEADLINE_S, environment
from tests.reload.runtime.programs import (
    TICKING,
    Client,
    Program,
    interactive,
    program,
    runtime_folder,
    until_ended,
    write,
)

_WORD = "def word():\n    return {!r}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, app=TICKING, word=_WORD.format("one"))
    return tmp_path


def test_a_save_is_applied(folder: Path) -> None:
    with program(folder) as running:
        client = running.connect()
        running.until_output("one")
        running.write(word=_WORD.format("two"))
        report = client.until_report()
        assert (report["status"], report["target"]) == ("reloaded", str(running.pid))
        assert report["modules"] == [
            {"name": "word", "uri": to_uri(str(folder / "word.py")), "status": "reloaded", "changed": ["word"]}
        ]
        running.until_output("two")
        line = running.until_stderr("reloaded")
        assert line.startswith("reloaded  word.py: word  ")
        assert line.endswith(" ms")
        assert "\x1b" not in line


def test_a_file_that_is_emptied_is_waited_for_and_then_applied(folder: Path) -> None:
    write(folder, app="import other\n" + TICKING, other="VALUE = 1\n")
    with program(folder) as running:
        client = running.connect()
        running.until_output("one")
        (folder / "other.py").write_text("")
        assert client.until_report()["modules"][0]["name"] == "other"


def test_a_bad_save_is_rolled_back_and_a_good_one_applied(folder: Path) -> None:
    with program(folder) as running:
        client = running.connect()
        running.write(word="def word(:\n")
        report = client.until_report()
        assert report["status"] == "failed"
        assert report["error"]["type"] == "SyntaxError"
        assert report["error"]["uri"] == to_uri(str(folder / "word.py"))
        assert report["error"]["range"]["start"] == {"line": 0, "character": 9}
        client.until_state("failed")
        running.until_output("one")
        line = running.until_stderr("failed")
        assert line == "failed    word.py:1: SyntaxError: invalid syntax (nothing changed in the program)"
        running.write(word=_WORD.format("one"))
        assert client.until_report()["status"] == "unchanged"  # the file matches the running program again
        assert client.until_state("live")["targets"][0]["lastReport"]["status"] == "unchanged"


def test_changes_before_watching_begins_are_applied(folder: Path) -> None:
    # The program computes, so that the runtime does not start before the change.
    write(
        folder,
        app="import word\nopen('loaded', 'w').close()\nimport os\nwhile not os.path.exists('go'): pass\n" + TICKING,
    )
    with program(folder) as running:
        running.running.until((folder / "loaded").exists, "program")
        running.write(word=_WORD.format("two"))
        (folder / "go").touch()
        running.until_output("two")


def test_the_advert_and_socket_are_private(folder: Path) -> None:
    with program(folder, "--debounce-ms", "40") as running:
        client = running.connect()
        advert = running.advert()
        assert advert["id"] == str(running.pid)
        assert (advert["pid"], advert["name"], advert["roots"]) == (running.pid, "app.py", [str(folder)])
        assert advert["supervised"] is False
        for path, mode in ((running.targets, 0o700), (running.targets.parent, 0o700), (Path(advert["socket"]), 0o600)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
        status = client.ask("reload/status")["result"]
        message = structure_params(make_converter(), status, ReloadStatus)
        assert (message.state, message.backend, message.debounce_ms) == ("watching", "native", 40)
        assert [root.uri for root in message.roots] == [to_uri(str(folder))]
        assert [target.state for target in message.targets] == ["live"]
        running.running.signal(signal.SIGINT)
        running.running.wait()
        assert list(running.targets.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_owned_by_another_user_is_refused(folder: Path) -> None:
    with runtime_folder() as runtime:
        theirs = runtime / "reloadls"
        theirs.mkdir(mode=0o700)
        os.chown(theirs, 12345, 12345)
        with program(folder, env={"XDG_RUNTIME_DIR": str(runtime)}) as running:
            line = running.until_stderr("editors can't connect to this program")
            assert f"{theirs}: belongs to user 12345, not to user 0" in line
            running.write(word=_WORD.format("two"))
            running.until_output("two")  # it continues without a socket
        assert list(theirs.iterdir()) == []


def test_a_folder_accessible_to_others_is_refused(folder: Path) -> None:
    with runtime_folder() as runtime:
        (runtime / "reloadls").mkdir()
        (runtime / "reloadls").chmod(0o755)
        with program(folder, env={"XDG_RUNTIME_DIR": str(runtime)}) as running:
            assert "accessible to other users (mode 0755)" in running.until_stderr(
                "editors can't connect to this program"
            )


def test_a_long_runtime_path_gets_a_short_socket(folder: Path) -> None:
    with runtime_folder() as runtime:
        deep = runtime / ("x" * 100)
        deep.mkdir(mode=0o700)
        with program(folder, env={"XDG_RUNTIME_DIR": str(deep), "TMPDIR": str(runtime)}) as running:
            running.targets = deep / "reloadls" / "targets"
            running.connect()
            advert = Path(running.advert()["socket"])
            assert len(os.fsencode(advert)) <= 107
            assert stat.S_IMODE(advert.parent.stat().st_mode) == 0o700
            running.running.signal(signal.SIGINT)
            running.running.wait()
            assert not advert.exists()


def test_pause_holds_changes_until_resume_as_one_batch(folder: Path) -> None:
    write(folder, other="x = 1\n", app="import other\n" + TICKING)
    with program(folder) as running:
        client, second = running.connect(), running.connect()
        assert client.ask("reload/pause")["result"]["state"] == "paused"
        assert second.until_state("paused")["state"] == "paused"
        running.write(word=_WORD.format("two"))
        running.write(other="x = 2\n")
        running.write(word=_WORD.format("three"))
        assert second.ask("reload/trigger", {"uris": []})["result"][0]["status"] == "unchanged"
        running.until_output("one")
        assert second.ask("reload/resume")["result"]["targets"][0]["state"] == "live"
        report = client.until_report()
        assert {module["name"] for module in report["modules"]} == {"word", "other"}
        running.until_output("three")


def test_disconnecting_ends_a_clients_pause(folder: Path) -> None:
    with program(folder) as running:
        client, second = running.connect(), running.connect()
        client.ask("reload/pause")
        second.until_state("paused")
        running.write(word=_WORD.format("two"))
        client.close()
        second.until_state("live")
        running.until_output("two")


def test_trigger_reloads_the_named_files(folder: Path) -> None:
    (folder / "stray.py").write_text("import nothing")
    with program(folder) as running:
        client = running.connect()
        client.ask("reload/pause")
        running.write(word=_WORD.format("two"))
        uris = [to_uri(str(folder / "word.py")), to_uri(str(folder / "stray.py")), "file:///etc/passwd"]
        reports = client.ask("reload/trigger", {"uris": uris})["result"]
        assert [report["status"] for report in reports] == ["reloaded"]
        assert {module["name"]: module["status"] for module in reports[0]["modules"]} == {
            "word": "reloaded",
            "stray.py": "skipped",
            "passwd": "skipped",
        }
        running.until_output("two")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"method": "reload/frobnicate"}, -32601),
        ({"method": "reload/exec", "params": {"code": "1"}}, -32601),
        ({"method": "reload/restart"}, -32803),
        ({"method": "reload/trigger", "params": [1]}, -32602),
        ({"method": "reload/trigger", "params": {"uris": "x"}}, -32602),
        ({"method": "reload/trigger", "params": {"uris": [1]}}, -32602),
        ({"method": "reload/trigger", "params": {"uris": ["http://x/y"]}}, -32602),
        ({"method": "reload/trigger", "params": {"code": "1"}}, -32602),
        ({"method": "reload/pause", "params": {"x": 1}}, -32602),
        ({"method": 1}, -32600),
    ],
    ids=str,
)
def test_invalid_requests_get_an_error(ticking: Program, message: dict[str, object], code: int) -> None:
    client = ticking.connect()
    client.send({"jsonrpc": "2.0", "id": "x", **message})
    answer = client.until(lambda message: message.get("id") == "x")
    assert answer["error"]["code"] == code
    client.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"Content-Length: 1\r\n\r\n{", -32700),
        (b"Content-Length: 2\r\n\r\n[]", -32600),
        (b"Content-Length: 2000000\r\n\r\n", -32700),
        (b"GET / HTTP/1.1\r\n\r\n", -32700),
    ],
)
def test_invalid_messages_get_an_error(ticking: Program, data: bytes, code: int) -> None:
    client = ticking.connect()
    client.socket.sendall(data)
    answer = client.until(lambda message: "error" in message)
    assert (answer["id"], answer["error"]["code"]) == (None, code)
    client.close()


@pytest.fixture(scope="module")
def ticking(tmp_path_factory: pytest.TempPathFactory) -> object:
    folder = tmp_path_factory.mktemp("ticking")
    write(folder, app=TICKING, word=_WORD.format("one"))
    with program(folder) as running:
        yield running


def test_a_client_that_does_not_read_is_disconnected(folder: Path) -> None:
    with program(folder) as running, contextlib.ExitStack() as stack:
        client = running.connect()
        lazy = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(running.advert()["socket"])
        lazy.setblocking(False)
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "reload/status"}).encode()
        framed = b"Content-Length: %d\r\n\r\n%b" % (len(request), request)
        unsent = bytearray()

        def dropped() -> bool:
            if len(unsent) < len(framed):
                unsent.extend(100 * framed)
            try:
                del unsent[: lazy.send(unsent)]
            except BlockingIOError:
                return False
            except OSError:
                return True
            return False

        running.running.until(dropped, "end of the connection of who reads nothing")
        running.write(word=_WORD.format("two"))
        assert client.until_report()["status"] == "reloaded"


def test_a_gitignored_file_that_the_program_has_read_is_watched(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text(".env\n")
    (folder / ".env").write_text("one")
    write(
        folder,
        word="WORD = open('.env').read()\n\n\ndef word():\n    return WORD\n",
    )
    with program(folder) as running:
        running.connect()
        running.until_output("one")
        (folder / ".env").write_text("two")
        running.until_output("two")


def test_ctrl_c_ends_the_program_as_usual(folder: Path) -> None:
    with program(folder) as running:
        running.connect()
        running.running.signal(signal.SIGINT)
        assert running.running.wait() == -signal.SIGINT
        assert running.running.err[-1] == "KeyboardInterrupt"


@pytest.mark.parametrize("moment", [0.0, 0.04, 0.06, 0.08, 0.1])
def test_ctrl_c_during_the_runtimes_start_ends_the_program_as_usual(folder: Path, moment: float) -> None:
    with program(folder) as running:
        running.until_output("one")
        time.sleep(moment)
        running.running.signal(signal.SIGINT)
        assert running.running.wait() == -signal.SIGINT
        assert running.running.err[-1] == "KeyboardInterrupt"


def test_a_container_keeps_what_the_running_statement_has_put_into_it(folder: Path) -> None:
    text = (
        "import sys, time\n"
        'def make(): return {"limit": 1, "seen": []}\n'
        "CACHE = make()\n"
        "while True:\n"
        '    CACHE["seen"] = (*CACHE["seen"], "x")[:3]\n'
        '    CACHE["run"] = True\n'
        "    print(sorted(CACHE.items()), flush=True)\n"
        "    time.sleep(0.01)\n"
    )
    seen = "('run', True), ('seen', ('x', 'x', 'x'))]"
    write(folder, app=text)
    with interactive(folder, "-m", "reloadls", "run", "app.py") as running:
        running.connect()
        running.until_output(f"[('limit', 1), {seen}")
        running.write(app=text.replace('"limit": 1', '"limit": 2'))
        running.until_output(f"[('limit', 2), {seen}")
        assert not any(line.startswith("[('limit', 2)") and seen not in line for line in running.running.out)


def test_a_forked_child_is_a_separate_target(folder: Path) -> None:
    write(
        folder,
        app="import os, sys, threading, warnings, word\n"
        "sys.stdout.reconfigure(line_buffering=True)\n"
        "sys.stdin.readline()\n"
        "child = not os.fork()\n"
        "while True:\n"
        '    sys.stdout.write(f\'{"child" if child else "parent"} {os.getpid()} {word.word()}\\n\')\n'  # in one write
        "    threading.Event().wait(0.005)\n",
    )
    with interactive(folder, "-m", "reloadls", "run", "app.py") as running:
        parent = running.connect()
        running.enter()
        forked = re.compile(r"child (\d+) \w+$")
        running.running.until(lambda: any(map(forked.match, list(running.running.out))), "child")
        [pid] = {int(found[1]) for line in list(running.running.out) if (found := forked.match(line))}
        child = running.connect(pid)
        running.write(word=_WORD.format("two"))
        assert parent.until_report()["target"] == str(running.pid)
        assert child.until_report()["target"] == str(pid)
        for who, number in (("child", pid), ("parent", running.pid)):
            running.until_output(f"{who} {number} two")
        running.running.signal(signal.SIGKILL)
        while parent.read() is not None:  # ends, because the child closed its copy
            pass
        assert child.ask("reload/status")["result"]["targets"][0]["pid"] == pid
        assert not any("Warning" in line for line in running.running.err), running.running.err
        os.kill(pid, signal.SIGKILL)
        until_ended(pid)


_SPAWNS = """
import multiprocessing, os, sys, threading
import word

def work():
    while True:
        sys.stdout.write(f"worker {os.getpid()} {word.word()}\\n")
        sys.stdout.flush()
        threading.Event().wait(0.005)

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    worker.join()
"""


def test_a_spawned_process_is_a_separate_target(folder: Path) -> None:
    write(folder, app=_SPAWNS)
    with program(folder) as running:
        running.connect()
        line = re.compile(r"worker (\d+) one$")
        running.running.until(lambda: any(map(line.match, list(running.running.out))), "worker")
        [pid] = {int(found[1]) for each in list(running.running.out) if (found := line.match(each))}
        try:
            worker = running.connect(pid)
            advert = running.advert(pid)
            assert (advert["name"], advert["roots"]) == ("app.py", [str(folder)])
            running.write(word=_WORD.format("two"))
            report = worker.until_report()
            assert (report["target"], report["status"]) == (str(pid), "reloaded")
            running.until_output(f"worker {pid} two")
        finally:
            os.kill(pid, signal.SIGTERM)
        assert running.running.wait() == 0


_PINNED = """
import asyncio, sys
import word
from reloadls.reload.runtime.live.pin import pin_reload

sys.stdout.reconfigure(line_buffering=True)

async def main():
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with pin_reload():
        with pin_reload():
            print("pinned")
            while not lines._buffer:
                print(word.word())
                await asyncio.sleep(0.005)
            print("inner", word.word())
        await lines.readline()
        print("outer", word.word())
        await lines.readline()
    while True:
        print("free", word.word())
        await asyncio.sleep(0.005)

asyncio.run(main())
"""


def test_nothing_is_applied_while_pinned(folder: Path) -> None:
    write(folder, app=_PINNED)
    with interactive(folder, "-m", "reloadls", "run", "app.py") as running:
        client = running.connect()
        running.write(word=_WORD.format("two"))
        (folder / "more.py").touch()
        client.until_status(lambda status: status["roots"][0]["files"] == 3)  # the change was received
        running.until_output("one")
        running.enter()
        running.running.until(lambda: "outer one" in running.running.out, "end of the inner pin")
        assert "inner one" in running.running.out
        assert "two" not in " ".join(running.running.out)
        running.enter()
        report = client.until_report()
        assert report["status"] == "reloaded"
        assert report["sessions"]["pinned"] in (1, 2)
        running.until_output("free two")


def test_quiet_prints_nothing(folder: Path) -> None:
    with program(folder, "--quiet") as running:
        client = running.connect()
        running.write(word=_WORD.format("two"))
        client.until_report()
        running.until_output("two")
        assert running.running.err == []


def test_a_module_under_the_runtime(folder: Path) -> None:
    (folder / "pkg").mkdir()
    write(
        folder / "pkg",
        __init__="",
        __main__=TICKING.replace("import word", "from pkg import word"),
        word=_WORD.format("one"),
    )
    with program(folder, "-m", run="pkg") as running:
        running.connect()
        assert running.advert()["name"] == "pkg"
        write(folder / "pkg", word=_WORD.format("two"))
        running.until_output("two")


def test_importing_auto_starts_hot_reload(folder: Path) -> None:
    write(folder, app="import reloadls.reload.auto\nimport reloadls.reload.auto as again\n" + TICKING)
    with interactive(folder, "app.py") as running:
        client = running.connect()
        assert (running.advert()["name"], running.advert()["roots"]) == ("app.py", [str(folder)])
        running.write(word=_WORD.format("two"))
        assert client.until_report()["status"] == "reloaded"
        running.until_output("two")


def test_auto_handles_a_script_with_two_names(folder: Path) -> None:
    write(folder, app="import multiprocessing\nimport reloadls.reload.auto\n" + TICKING)
    with interactive(folder, "app.py") as running:
        client = running.connect()
        for word in ("two", "three"):
            running.write(word=_WORD.format(word))
            assert client.until_report()["status"] == "reloaded"
            running.until_output(word)


def test_auto_reloads_statements_below_its_import(folder: Path) -> None:
    below = TICKING.replace("import word", "def word():\n    return 'one'\n").replace("word.word()", "word()")
    assert below != TICKING
    write(
        folder,
        app=f"def above():\n    return ''\n\n\nimport reloadls.reload.auto\n{below}".replace(
            "(word())", "(above() + word())"
        ),
    )
    with interactive(folder, "app.py") as running:
        client = running.connect()
        running.write(app=(folder / "app.py").read_text().replace("'one'", "'two'"))
        assert client.until_report()["status"] == "reloaded"
        running.until_output("two")
        running.write(app=(folder / "app.py").read_text().replace("''", "'and '"))
        assert client.until_report()["status"] == "reloaded"
        running.until_output("and two")


def test_auto_logs_a_warning_if_it_can_not_start(folder: Path) -> None:
    write(folder, app="import reloadls.reload.auto\nprint('fine')\n")
    ended = subprocess.run(
        [sys.executable, "app.py"],
        cwd=folder,
        env=environment(RELOADLS_ROOTS=str(folder / "nowhere")),
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "fine\n")
    assert ended.stderr.count("\n") == 1
    assert "RELOADLS_ROOTS contains" in ended.stderr


def test_two_clients_receive_the_same(folder: Path) -> None:
    with program(folder) as running:
        clients: list[Client] = [running.connect(), running.connect()]
        running.write(word=_WORD.format("two"))
        first, second = [client.until_report() for client in clients]
        assert first == second
