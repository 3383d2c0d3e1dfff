"""The names of programs in their shared folder, and the removal of files that ended ones left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.running import Running, environment, until
from tests.reload.runtime.programs import TICKING, interactive, program, runtime_folder, write

NAMESPACE = ("unshare", "-Urpf", "--mount-proc", "--kill-child")


def _can(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


in_namespaces = pytest.mark.skipif(not _can(*NAMESPACE, "true"), reason="no PID namespaces here")


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


def targets(runtime: Path) -> list[str]:
    folder = runtime / "reloadls" / "targets"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def seen(runtime: Path) -> list[tuple[str, int, str]]:
    """Return (id, pid, state) of each program in `reloadls status`."""
    command = [sys.executable, "-m", "reloadls", "status", "--json"]
    env = environment(XDG_RUNTIME_DIR=os.fspath(runtime))
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    return sorted((target["id"], target["pid"], target["state"]) for target in json.loads(done.stdout))


@in_namespaces
def test_two_processes_with_the_same_pid(tmp_path: Path, runtime: Path) -> None:
    write(tmp_path, app=TICKING, word='def word(): return "one"\n')
    env = environment(XDG_RUNTIME_DIR=os.fspath(runtime))
    command = [*NAMESPACE, sys.executable, "-m", "reloadls", "run", "app.py"]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        first, second = (
            Running(
                stack.enter_context(subprocess.Popen(command, cwd=tmp_path, env=env, stdout=pipe, stderr=pipe)),
                reads=True,
            )
            for _ in range(2)
        )
        stack.callback(first.process.kill)
        stack.callback(second.process.kill)
        until(lambda: len(targets(runtime)) == 4, "two programs with two files each")
        until(lambda: [each[1:] for each in seen(runtime)] == [(1, "live"), (1, "live")], "two live programs")
        names = [each[0] for each in seen(runtime)]
        assert names[0] == "1" and names[1].startswith("1-") and len(names[1]) == 10
        write(tmp_path, word='def word(): return "two"\n')
        for each in (first, second):
            each.until(lambda each=each: each.out[-1:] == ["two"], "new word")  # type: ignore[misc]
        second.process.kill()
        first.process.kill()
        for each in (first, second):
            each.wait()
        until(lambda: seen(runtime) == [], "end of both")
        until(lambda: targets(runtime) == [], "no files")


_FORKS = """
import os, sys, time
for number in range(3):
    if not os.fork():
        while not os.path.exists(f"{number}"):
            time.sleep(0.01)
        os._exit(0)
print("forked", flush=True)
for _ in range(3):
    os.wait()
print("ended", flush=True)
sys.stdin.readline()
"""


def test_files_of_forked_workers_that_end_by_os_exit_are_removed(tmp_path: Path) -> None:
    write(tmp_path, app=_FORKS)
    with interactive(tmp_path, "-m", "reloadls", "run", "app.py") as running:
        running.until_output("forked")
        until(lambda: len(list(running.targets.glob("*.json"))) == 4, "files of three workers")
        for number in range(3):
            (tmp_path / str(number)).touch()
        running.until_output("ended")
        until(lambda: sorted(path.stem for path in running.targets.iterdir()) == [str(running.pid)] * 2, "one program")


def ended() -> int:
    with subprocess.Popen(["true"]) as process:
        return process.pid


@pytest.mark.parametrize("listens", [False, True])
def test_a_starting_program_removes_files_of_ended_ones(tmp_path: Path, runtime: Path, listens: bool) -> None:
    """But not of one that listens: it may be in another PID namespace."""
    write(tmp_path, app="import threading; threading.Event().wait()\n")
    folder = runtime / "reloadls" / "targets"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        path.chmod(0o700)
    names = [str(ended()), f"{ended()}-0123abcd"]
    with ExitStack() as stack:
        for name in names:
            file = folder / f"{name}.sock"
            (folder / f"{name}.json").write_text(json.dumps({"id": name, "socket": os.fspath(file)}))
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(os.fspath(file))
            if listens:
                listening.listen()
        (folder / "notes.json").write_text("{}")
        env = {"XDG_RUNTIME_DIR": os.fspath(runtime)}
        with program(tmp_path, env=env) as running:
            until((folder / f"{running.pid}.json").exists, "program")
            expected = {"notes", str(running.pid), *(names if listens else ())}
            assert {path.stem for path in folder.iterdir()} == expected
            running.running.signal(signal.SIGINT)
            running.running.wait()


def test_a_permanently_locked_folder_blocks_nothing(tmp_path: Path, runtime: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    write(tmp_path, app="import threading; threading.Event().wait()\n")
    folder = runtime / "reloadls" / "targets"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        path.chmod(0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with program(tmp_path, env={"XDG_RUNTIME_DIR": os.fspath(runtime)}) as running:
            until(lambda: bool(list(folder.glob(f"{running.pid}-*.json"))), "program")
            [(name, pid, state)] = seen(runtime)
            assert (pid, state) == (running.pid, "live") and name.startswith(f"{running.pid}-")
            running.running.signal(signal.SIGINT)
            running.running.wait()
        assert list(folder.iterdir()) == []
    finally:
        os.close(descriptor)
        shutil.rmtree(folder)
