"""`reloadls run`: the program sees, and ends, as under `python`."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
import warnings
import zipapp
from pathlib import Path

import pytest

from tests.cli.running import DEADLINE_S, environment, finish, start, until

_SEES = """
import json, os, sys
import __main__
seen = {
    "argv": sys.argv, "path0": sys.path[0], "name": __name__, "file": __file__, "package": __package__,
    "spec": getattr(__spec__, "name", None), "main": __main__.__dict__ is globals(), "cwd": os.getcwd(),
    "doc": __doc__, "names": sorted(n for n in globals() if n.startswith("__")),
    "orphans": [n for n in ("typer", "rich", "pygls") if n in sys.modules],
    "excepthook": sys.excepthook is sys.__excepthook__, "stdin": sys.stdin.read(),
}
print(json.dumps(seen, indent=1))
"""


def _python(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        input="in",
        check=False,
    )


def _run(*args: str, cwd: Path, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return _python(*flags, "-m", "reloadls", "run", *args, cwd=cwd)


@pytest.mark.parametrize(
    "args",
    [
        ["app.py", "a", "--quiet", "-m", "b"],
        ["sub/app.py"],
        ["-m", "app", "x"],
        ["-m", "pkg", "--help"],
        ["-m", "pkg.mod"],
        ["link.py"],
        ["folder", "y"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("flags", [(), ("-P",)], ids=["", "-P"])
def test_the_program_sees_the_same_as_under_python(tmp_path: Path, args: list[str], flags: tuple[str, ...]) -> None:
    (tmp_path / "app.py").write_text(_SEES)
    for folder in ("sub", "pkg", "folder", "elsewhere"):
        (tmp_path / folder).mkdir()
    for path in ("sub/app.py", "pkg/__main__.py", "pkg/mod.py", "folder/__main__.py", "elsewhere/real.py"):
        (tmp_path / path).write_text(_SEES)
    (tmp_path / "pkg" / "__init__.py").touch()
    (tmp_path / "link.py").symlink_to(tmp_path / "elsewhere" / "real.py")
    plain = _python(*flags, *args, cwd=tmp_path)
    ours = _run(*args, cwd=tmp_path, flags=flags)
    if flags and args[0] == "-m":  # the module is not found, under python neither
        assert ours.returncode == plain.returncode == 1
        return
    assert plain.returncode == 0, plain.stderr
    left_out = ('"__cached__"', '"__loader__"', *(('"package"', '"spec"') if args[0] == "folder" else ()))
    assert _but(ours.stdout, left_out) == _but(plain.stdout, left_out)
    assert (ours.stderr, ours.returncode) == (plain.stderr, 0)


def _but(text: str, left_out: tuple[str, ...]) -> list[str]:
    return [line for line in text.splitlines() if not line.strip().startswith(left_out)]


_ENDS = {
    "nothing": "pass",
    "code": "import sys; sys.exit(3)",
    "message": "import sys; sys.exit('sorry')",
    "exit in an atexit": "import atexit; atexit.register(print, 'bye')",
    "hard": "import os; os._exit(7)",
    "exception": "def f():\n    raise ValueError('x')\nf()",
    "chained": "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('k') from e",
    "group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "imported": "import broken",
    "imported wrongly": "import wrong",
    "imported from nowhere": "import nowhere",
    "syntax": "x = (",
    "recursion in a thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()",
    "its own hook": "import sys, traceback\n"
    "sys.excepthook = lambda k, e, t: print(k, [f.name for f in traceback.extract_tb(t)])\n1 / 0",
    "a broken hook": "import sys\nsys.excepthook = None\nraise SystemExit(4)",
    "thread that goes on": "import threading\n"
    "threading.Thread(target=lambda: (threading.Event().wait(0.05), print('done'))).start()",
    "interrupted": "raise KeyboardInterrupt",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "deprecated": "import warnings; warnings.warn('old', DeprecationWarning)",
    "forked": "import os\npid = os.fork()\nif not pid:\n    os._exit(5)\nprint(os.waitpid(pid, 0)[1])",
}


@pytest.mark.parametrize("name", _ENDS)
def test_ends_as_under_python(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text(_ENDS[name])
    (tmp_path / "broken.py").write_text("def g():\n    raise OSError('no')\n\ng()\n")
    (tmp_path / "wrong.py").write_text("def g(:\n    pass\n")
    plain, ours = _python("app.py", cwd=tmp_path), _run("app.py", cwd=tmp_path)
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout)
    assert ours.stderr == plain.stderr


@pytest.mark.parametrize("name", ["nothing", "code", "message", "exception", "interrupted", "killed", "hard"])
def test_ends_as_under_python_when_it_is_supervised(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text(_ENDS[name])
    plain, ours = _python("app.py", cwd=tmp_path), _run("--restart-on-required", "app.py", cwd=tmp_path)
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        ([], 2, "no program"),
        (["--debounce-ms", "0", "app.py"], 2, "--debounce-ms '0': must be a whole number, 1 to 60000"),
        (["--keep", "later", "app.py"], 2, "--keep 'later': must be one of notUndone, stillHeld, stillRunning"),
        (["--drain-seconds", "x", "app.py"], 2, "--drain-seconds 'x': must be a number of seconds"),
        (["--root", "nowhere", "app.py"], 2, "--root 'nowhere': must be an existing folder"),
        (["--frobnicate", "app.py"], 2, "no such option: --frobnicate"),
        (["-m"], 2, "-m needs the name of a module"),
        (["nowhere.py"], 2, "can't open file"),
        (["-m", "nowhere"], 1, "No module named nowhere"),
        (["-m", "email"], 1, "'email' is a package and can't be run directly"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_reports_what_can_not_be_run(tmp_path: Path, args: list[str], code: int, says: str) -> None:
    (tmp_path / "app.py").touch()
    ended = finish("run", *args, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("reloadls: ")
    assert says in ended.stderr


def test_help_names_every_option() -> None:
    ended = finish("run", "--help")
    assert ended.returncode == 0
    for option in ("-m", "--restart-on-required", "--root", "--debounce-ms", "--drain-seconds", "--keep", "--quiet"):
        assert option in ended.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=lambda number: number.name)
@pytest.mark.parametrize("options", [[], ["--restart-on-required"]], ids=["alone", "supervised"])
def test_gets_its_signals(tmp_path: Path, options: list[str], number: signal.Signals) -> None:
    (tmp_path / "app.py").write_text(
        f"import signal, sys\n"
        f"signal.signal({int(number)}, lambda n, f: (print('got', n, flush=True), sys.exit(9)))\n"
        "print('here', flush=True)\nsignal.pause()\n"
    )
    with start("run", *options, "app.py", cwd=tmp_path) as running:
        running.until(lambda: "here" in running.out, "program")
        running.signal(number)
        assert running.wait() == 9
        assert running.out == ["here", f"got {int(number)}"]


def _stands_by(group: int) -> bool:
    """Whether the process is there by which the supervisor knows of a group's signals: no child of another in it."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split() if name.isdigit() else []
            if state and int(state[2]) == group:
                parents[int(name)] = int(state[1])
    return any(pid != group and parent not in parents for pid, parent in parents.items())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_gets_a_signal_to_its_group_once(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "app.py").write_text(
        "import os, signal, sys\n"
        f"signal.signal({int(number)}, lambda n, f: print('got', n, flush=True))\n"
        "signal.signal(signal.SIGUSR2, lambda n, f: print('seen', flush=True))\n"
        "signal.signal(signal.SIGUSR1, lambda n, f: (print('end', flush=True), sys.exit(9)))\n"
        "print('here', flush=True)\nwhile True: signal.pause()\n"
    )
    # The first process of a group of its own, since the tests' own is not to be sent anything.
    leads = "import os, sys; os.setsid(); os.execv(sys.executable, sys.argv[1:])"
    command = [sys.executable, "-c", leads, sys.executable, "-m", "reloadls", "run", "--restart-on-required", "app.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        until(lambda: _stands_by(process.pid), "process that stands by")
        os.killpg(process.pid, number)
        assert process.stdout.readline() == f"got {int(number)}\n"
        process.send_signal(signal.SIGUSR2)  # once this has come, the supervisor has seen to the one before
        assert process.stdout.readline() == "seen\n"
        process.send_signal(number)  # to the supervisor alone, which passes it on
        assert process.stdout.readline() == f"got {int(number)}\n"
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.read() == "end\n"
        assert process.wait() == 9


def test_an_archive(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(_SEES + "import other\nprint(other.WORD, __file__)\n")
    (tmp_path / "app" / "other.py").write_text("WORD = 'one'\n")
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    for flags in ((), ("-P",)):
        plain, ours = _python(*flags, "app.pyz", "a", cwd=tmp_path), _run("app.pyz", "a", cwd=tmp_path, flags=flags)
        assert plain.returncode == 0, plain.stderr
        left_out = ('"__cached__"', '"__loader__"')
        assert _but(ours.stdout, left_out) == _but(plain.stdout, left_out)
        assert (ours.stderr, ours.returncode) == (plain.stderr, 0)


@pytest.mark.parametrize("options", [[], ["--restart-on-required"]], ids=["alone", "supervised"])
def test_has_its_terminal(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "app.py").write_text(
        "import os, sys\n"
        "print('tty', sys.stdin.isatty(), sys.stdout.isatty(), os.tcgetpgrp(0) == os.getpgrp())\n"
        "import signal, threading\n"
        "print('said', input('say: '))\n"
        "n = 0\n"
        "def interrupt(*_):\n"
        "    global n\n"
        "    n += 1\n"
        "    print('interrupted', n, flush=True)\n"
        "    if n == 2: sys.exit(6)\n"
        "signal.signal(signal.SIGINT, interrupt)\n"
        "print('ready', flush=True)\n"
        "def count():\n"
        "    while os.read(0, 100): print('counted', n, flush=True)\n"
        "threading.Thread(target=count, daemon=True).start()\n"
        "while True: threading.Event().wait(0.01)\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: this one runs a program at once
        pid, terminal = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        os.execve(
            sys.executable, [sys.executable, "-m", "reloadls", "run", *options, "app.py"], environment(NO_COLOR="1")
        )
    try:
        _expect(terminal, b"tty True True True")
        _expect(terminal, b"say: ")
        os.write(terminal, b"hello\n")
        _expect(terminal, b"said hello")
        _expect(terminal, b"ready")
        os.write(terminal, b"\x03")
        _expect(terminal, b"interrupted 1")
        os.write(terminal, b"count\n")
        _expect(terminal, b"counted 1")  # just once: the terminal tells the supervisor, too
        os.write(terminal, b"\x03")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 6
    finally:
        os.close(terminal)


def _expect(terminal: int, text: bytes) -> None:
    """Read until `text`, and not beyond."""
    seen = b""
    deadline = time.monotonic() + DEADLINE_S
    while not seen.endswith(text):
        assert select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0], f"no {text!r}: {seen!r}"
        seen += os.read(terminal, 1)


@pytest.mark.parametrize("args", [["--b\x1b[2Jad"], ["-m", "b\x1b[2Jad"], ["b\x9b31m"], ["--root", "\x1b[1m", "x.py"]])
def test_an_error_shows_no_terminal_codes(args: list[str], tmp_path: Path) -> None:
    done = _run(*args, cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.replace("\n", "").isprintable(), done.stderr
