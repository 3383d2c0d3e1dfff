"""`reloadls watch -- COMMAND`: run at the start and after changes, ended as a whole, its exit code passed on."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.running import Running, finish, start, until

_SERVER = """
import os, pathlib, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(sys.argv[1], "a") as log:
    log.write(f"{os.getpid()} {child.pid}\\n")
def end(number, frame):
    pathlib.Path(sys.argv[1] + ".ended").write_text(str(number))
    sys.exit(7)
if "polite" in sys.argv:
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: pathlib.Path(sys.argv[1] + ".asked").touch())
print("up", flush=True)
while True:
    time.sleep(600)
"""
"""A program with a child; both must go."""


def _server(tmp_path: Path, *how: str) -> tuple[list[str], Path]:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "server.py").write_text(_SERVER)
    log = tmp_path / "tool" / "log"
    return [sys.executable, os.fspath(tmp_path / "tool" / "server.py"), os.fspath(log), *how], log


def _pids(log: Path) -> list[int]:
    return [int(word) for word in log.read_text().split()] if log.exists() else []


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _until_gone(pids: list[int]) -> None:
    until(lambda: all(map(_gone, pids)), f"end of {pids}")


@pytest.fixture
def src(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "a").write_text("1")
    return folder


def _shell(script: str) -> list[str]:
    return ["--", "sh", "-c", script]


def test_runs_at_the_start_and_after_each_batch_with_what_changed(src: Path) -> None:
    script = 'printf "<%s>\\n" "$RELOADLS_CHANGED"'
    with start("watch", os.fspath(src), "--debounce-ms", "20", *_shell(script)) as running:
        running.until(lambda: running.out == ["<>"], "first run")
        (src / "a").write_text("22")
        running.until(lambda: running.out[1:] == [f"<{src}/a>"], "second run")
        (src / "a").write_text("3")
        (src / "b").write_text("3")
        running.until(lambda: len(running.out) >= 4, "third run")
    assert sorted(line.strip("<>") for line in running.out[2:4]) == [f"{src}/a", f"{src}/b"]


def test_prints_what_it_runs_and_how_it_ended(src: Path) -> None:
    with start("watch", os.fspath(src), *_shell("exit 3"), cwd=src) as running:
        running.until(lambda: len(running.err) == 3, "end")
        (src / "a").unlink()
        running.until(lambda: len(running.err) == 5, "end")
    assert running.err == [
        "Watching this folder: 1 file, native notifications",
        "reloadls: running sh -c 'exit 3'",
        "reloadls: sh -c 'exit 3' ended with exit code 3",
        "reloadls: a changed; running sh -c 'exit 3'",
        "reloadls: sh -c 'exit 3' ended with exit code 3",
    ]


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137)])
def test_once_passes_the_exit_code_of_the_run_after_the_change(src: Path, script: str, code: int) -> None:
    script = f'[ -z "$RELOADLS_CHANGED" ] && exit 9; {script}'
    with start("watch", os.fspath(src), "--once", *_shell(script)) as running:
        running.until(lambda: any("exit code 9" in line for line in running.err), "first end")
        (src / "a").unlink()
        assert running.wait() == code


def test_the_timeout_passes_the_exit_code_of_the_last_run(src: Path) -> None:
    assert finish("watch", os.fspath(src), "--timeout", "1", *_shell("exit 5")).returncode == 5


def test_a_command_that_does_not_exist(src: Path) -> None:
    done = finish("watch", os.fspath(src), "--", "no-such\x1b-command", "x")
    assert done.returncode == 127
    assert done.stderr.splitlines()[-1] == r"reloadls: can't run no-such\x1b-command: No such file or directory"


def test_a_command_that_may_not_be_run(src: Path) -> None:
    done = finish("watch", os.fspath(src), "--", os.fspath(src))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (126, f"reloadls: can't run {src}: Permission denied")


def _up(running: Running, times: int) -> None:
    running.until(lambda: running.out.count("up") == times, f"start {times}")


def test_a_change_restarts_what_runs_and_all_that_it_started(src: Path, tmp_path: Path) -> None:
    command, log = _server(tmp_path)
    with start("watch", os.fspath(src), "--", *command) as running:
        _up(running, 1)
        first = _pids(log)
        (src / "a").write_text("22")
        _up(running, 2)
        _until_gone(first)
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        _until_gone(_pids(log))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_and_passes_the_code(src: Path, tmp_path: Path, number: signal.Signals) -> None:
    command, log = _server(tmp_path, "polite")
    with start("watch", os.fspath(src), "--", *command) as running:
        _up(running, 1)
        running.signal(number)
        assert running.wait() == 7
        _until_gone(_pids(log))
    assert Path(f"{log}.ended").read_text() == str(int(signal.SIGTERM))


def test_the_signal_can_be_chosen(src: Path, tmp_path: Path) -> None:
    command, log = _server(tmp_path, "polite")
    with start("watch", os.fspath(src), "--signal", "int", "--", *command) as running:
        _up(running, 1)
        running.signal(signal.SIGTERM)
        assert running.wait() == 7
    assert Path(f"{log}.ended").read_text() == str(int(signal.SIGINT))


def test_a_command_that_does_not_end_is_killed_and_reported(src: Path, tmp_path: Path) -> None:
    command, log = _server(tmp_path, "stubborn")
    with start("watch", os.fspath(src), "--stop-timeout", "0.2", "--", *command) as running:
        _up(running, 1)
        (src / "a").write_text("22")
        _up(running, 2)
        assert any("did not end within 0.2 s: killed" in line for line in running.err)
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        _until_gone(_pids(log))


def test_a_second_signal_does_not_wait(src: Path, tmp_path: Path) -> None:
    command, log = _server(tmp_path, "stubborn")
    with start("watch", os.fspath(src), "--stop-timeout", "600", "--", *command) as running:
        _up(running, 1)
        running.signal(signal.SIGINT)
        until(Path(f"{log}.asked").exists, "first signal")
        running.signal(signal.SIGINT)
        assert running.wait() == 0
        _until_gone(_pids(log))


def test_what_is_stopped_ends_too(src: Path, tmp_path: Path) -> None:
    command, log = _server(tmp_path)
    with start("watch", os.fspath(src), "--stop-timeout", "600", "--", *command) as running:
        _up(running, 1)
        os.kill(_pids(log)[0], signal.SIGSTOP)
        running.signal(signal.SIGTERM)
        assert running.wait() == 0


def test_the_command_does_not_outlive_a_killed_reloadls(src: Path, tmp_path: Path) -> None:
    command, log = _server(tmp_path)
    with start("watch", os.fspath(src), "--", *command) as running:
        _up(running, 1)
        running.signal(signal.SIGKILL)
        _until_gone(_pids(log)[:1])
        os.kill(_pids(log)[1], signal.SIGKILL)


_GATE = """
import os, pathlib, sys, time
print("begin", os.environ["RELOADLS_CHANGED"].replace(sys.argv[1], "").split(), flush=True)
gate = pathlib.Path(sys.argv[1], "..", "gate")
while not gate.exists():
    time.sleep(0.01)
gate.unlink()
print("end", flush=True)
"""
"""Runs until a file is there, which it takes away."""


def test_queued_changes_make_one_run_more(src: Path, tmp_path: Path) -> None:
    (tmp_path / "gate.py").write_text(_GATE)
    command = [sys.executable, os.fspath(tmp_path / "gate.py"), os.fspath(src)]
    quick = ("--debounce-ms", "1")
    with start("watch", os.fspath(src), *quick, "--on-busy", "queue", "--", *command) as running:
        running.until(lambda: running.out == ["begin []"], "first run")
        with start("watch", os.fspath(src), "--json", *quick) as other:  # says when each change was seen
            other.until(lambda: other.ready, "snapshot")
            for number, name in enumerate(("x", "y"), 1):
                (src / name).write_text("1")
                other.until(lambda number=number: len(other.changes()) >= number, "change")  # type: ignore[misc]
        (tmp_path / "gate").touch()
        running.until(lambda: len(running.out) >= 3, "second run")
        (tmp_path / "gate").touch()
        running.until(lambda: running.out[-1] == "end" and len(running.out) >= 4, "end")
        seen = [line for line in running.out if line.startswith("begin [")]
    assert "".join(seen).count("'/x'") == 1
    assert running.out[:3] == ["begin []", "end", seen[1]]


def test_ignored_changes_start_nothing(src: Path, tmp_path: Path) -> None:
    (tmp_path / "gate.py").write_text(_GATE)
    command = [sys.executable, os.fspath(tmp_path / "gate.py"), os.fspath(src)]
    args = ("watch", os.fspath(src), "--debounce-ms", "1", "--on-busy", "ignore")
    with start(*args, "--max-events", "1", "--", *command) as running:
        running.until(lambda: running.out == ["begin []"], "first run")
        (src / "x").write_text("1")  # the one event that it waits for
        (tmp_path / "gate").touch()
        running.wait()
    assert running.out == ["begin []", "end"] or running.out[2:] == ["begin ['/x']"]


def test_too_many_changed_paths_for_the_environment(src: Path) -> None:
    script = "import os; print(len(os.environ['RELOADLS_CHANGED'].split()), os.environ['RELOADLS_CHANGED'][:2000])"
    args = ("watch", os.fspath(src), "--debounce-ms", "500", "--", sys.executable, "-c", script)
    with start(*args) as running:
        running.until(lambda: running.out == ["0 "], "first run")
        for number in range(2000):
            (src / (f"{number:04}" + "x" * 100)).touch()
        running.until(lambda: len(running.out) == 2, "second run")
    assert running.out[1] == f"1 {src}"


def test_a_name_with_a_line_break(src: Path) -> None:
    script = "import os; print([os.environ['RELOADLS_CHANGED']])"
    with start("watch", os.fspath(src), "--", sys.executable, "-c", script) as running:
        running.until(lambda: running.out == ["['']"], "first run")
        (src / "a\nb").touch()
        running.until(lambda: len(running.out) == 2, "second run")
    assert running.out[1] == f"['{src}']"


def test_only_the_chosen_types_start_it(src: Path) -> None:
    with start("watch", os.fspath(src), "--type", "deleted", "--once", *_shell("echo run")) as running:
        running.until(lambda: running.out == ["run"], "first run")
        (src / "b").touch()
        (src / "a").unlink()
        assert running.wait() == 0
    assert running.out == ["run", "run"]


def test_the_command_reads_nothing_of_our_input(src: Path) -> None:
    done = finish("watch", os.fspath(src), "--timeout", "1", *_shell("cat; echo end"))
    assert (done.returncode, done.stdout) == (0, "end\n")


def test_output_into_the_watched_folder_is_not_reported(src: Path) -> None:
    with open(src / "out", "w", encoding="utf-8") as out:
        done = finish("watch", os.fspath(src), "--json", "--timeout", "1.5", "--debounce-ms", "5", stdout=out)
    lines = (src / "out").read_text().splitlines()
    assert done.returncode == 0
    assert len(lines) == 2, lines
    assert '"ready"' in lines[-1]


def test_a_path_that_does_not_exist_yet(tmp_path: Path) -> None:
    with start("watch", "later/src", "--once", *_shell("echo run"), cwd=tmp_path) as running:
        running.until(lambda: running.out == ["run"], "first run")
        running.until(lambda: "reloadls: later/src does not exist; waiting for it" in running.err, "line")
        (tmp_path / "later").mkdir()
        (tmp_path / "later" / "src").mkdir()
        (tmp_path / "later" / "src" / "a").write_text("1")
        assert running.wait() == 0
    assert running.out == ["run", "run"]
