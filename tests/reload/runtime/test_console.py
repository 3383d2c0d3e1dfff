"""What is printed at the start: reloaded and ignored files, and another reloader of the program."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.running import environment, until
from tests.reload.runtime.programs import TICKING, program, runtime_folder, write

_WORD = "def word():\n    return '{}'\n"


def test_start_line_names_reloaded_and_ignored_files(tmp_path: Path) -> None:
    write(tmp_path, word=_WORD.format("one"), other="x = 1\n")
    own = "import sys, types\nmodule = sys.modules['other'] = types.ModuleType('other')\n"
    own += "module.__file__ = 'other.py'\nexec(open('other.py').read(), vars(module))\n"
    write(tmp_path, app=own + TICKING)
    with program(tmp_path) as running:
        line = running.until_stderr("following")
    assert line == f"following {tmp_path}: 2 loaded files; ignored: other.py (not loaded by an ordinary import)"


def test_start_line_names_files_outside_of_the_roots(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    write(tmp_path, word=_WORD.format("one"), app=TICKING)
    with program(tmp_path, "--root", "lib") as running:
        line = running.until_stderr("following")
    assert "word.py (not below a root)" in line


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["-m", "flask", "--app", "app", "run", "--debug", "--port", "{port}"], "leave out --debug"),
        (["-m", "uvicorn", "app:asgi", "--reload", "--port", "{port}"], "leave out --reload"),
    ],
    ids=["flask", "uvicorn"],
)
def test_another_reloader_suspends_hot_reload(tmp_path: Path, arguments: list[str], advice: str) -> None:
    pytest.importorskip(arguments[1])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    text = (
        "import os, threading, time\nPARENT = os.getppid()\n\n\ndef follow_parent():\n"
        "    while os.getppid() == PARENT:\n        time.sleep(0.1)\n    os._exit(0)\n\n\n"
        "threading.Thread(target=follow_parent, daemon=True).start()\n"
        "from flask import Flask\napp = Flask(__name__)\n\n\nasync def asgi(scope, receive, send):\n    pass\n"
        "\n\nprint('loaded {}', flush=True)\n"
    )
    write(tmp_path, app=text.format("one"))
    options = [each.format(port=port) for each in arguments]
    with program(tmp_path, options[0], run=options[1], args=tuple(options[2:])) as running:
        running.until_output("loaded one")
        line = running.until_stderr("restarts the program at each save")
        assert advice in line
        write(tmp_path, app=text.format("two"))
        running.until_output("loaded two")
        assert not [line for line in running.running.err if line.startswith("reloaded")]


def test_prints_nothing_on_a_terminal_with_a_drawn_screen(tmp_path: Path) -> None:
    raw = "import tty, sys\ntty.setraw(0)\n"
    write(tmp_path, word=_WORD.format("one"), app=raw + TICKING)
    main, end = pty.openpty()
    with runtime_folder() as runtime:
        process = subprocess.Popen(
            [sys.executable, "-m", "reloadls", "run", "app.py"],
            cwd=tmp_path,
            env=environment(XDG_RUNTIME_DIR=os.fspath(runtime)),
            stdin=end,
            stdout=subprocess.PIPE,
            stderr=end,
        )
        try:
            until(lambda: not termios.tcgetattr(end)[3] & termios.ICANON, "raw terminal")
            until(lambda: any(runtime.rglob("*.json")), "the runtime")
            assert process.stdout is not None
            said = process.stdout.fileno()
            write(tmp_path, word=_WORD.format("two"))
            until(lambda: b"two" in os.read(said, 65536), "two")
            os.set_blocking(main, False)
            with pytest.raises(BlockingIOError):
                os.read(main, 1)
        finally:
            process.kill()
            process.communicate()
            os.close(main)
            os.close(end)


def test_prints_above_a_prompt(tmp_path: Path) -> None:
    write(tmp_path, word=_WORD.format("one"), app="import readline, word\nwhile input(word.word()): pass\n")
    main, end = pty.openpty()
    with runtime_folder() as runtime:
        process = subprocess.Popen(
            [sys.executable, "-m", "reloadls", "run", "app.py"],
            cwd=tmp_path,
            env=environment(XDG_RUNTIME_DIR=os.fspath(runtime), TERM="xterm"),
            stdin=end,
            stdout=end,
            stderr=end,
        )
        try:
            seen = b""

            def shows(text: bytes) -> bool:
                nonlocal seen
                if select.select([main], [], [], 0)[0]:
                    seen += os.read(main, 65536)
                return text in seen

            until(lambda: shows(b"one"), "the prompt")
            until(lambda: not termios.tcgetattr(end)[3] & termios.ICANON, "edited line")
            until(lambda: any(runtime.rglob("*.json")), "the runtime")
            write(tmp_path, word=_WORD.format("two"))
            until(lambda: shows(b"word.py: word"), "the report")
        finally:
            process.kill()
            process.wait()
            os.close(main)
            os.close(end)


def test_the_runtimes_loop_logs_nothing(tmp_path: Path) -> None:
    write(tmp_path, word=_WORD.format("one"), app="import logging\nlogging.basicConfig(level=10)\n" + TICKING)
    with program(tmp_path) as running:
        running.until_stderr("following")
        assert not [line for line in running.running.err if line.startswith("DEBUG:asyncio")]


def test_prints_that_hot_reload_is_off_with_gevent(tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    write(tmp_path, app="from gevent import monkey\nmonkey.patch_all()\n" + TICKING, word=_WORD.format("one"))
    with program(tmp_path) as running:
        running.until_output("one")
        running.until_stderr("gevent has replaced threads")
        assert not any("Traceback" in line for line in running.running.err)
