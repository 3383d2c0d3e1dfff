"""Workers of one program: one process watches for all, and the others continue without it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.cli.running import until
from tests.reload.runtime.programs import Program, interactive, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts inotify instances by /proc")

_SAYS = """
import os, sys, threading
import word
def work(name):
    last = None
    while True:
        if word.word() != last:
            last = word.word()
            sys.stdout.write(f"{name} {os.getpid()} {last}\\n")
            sys.stdout.flush()
        threading.Event().wait(0.01)
"""
_FORKS = """
import os, says
def main():
    for _ in range(20):
        if not os.fork():
            says.work("worker")
    says.work("first")
main()
"""
_WORD = 'def word(): return "{}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, word=_WORD.format("one"), says=_SAYS)
    return tmp_path


def edit(folder: Path, word: str, name: str = "word") -> None:
    """Save atomically, as an editor does."""
    (folder / "new").write_text(_WORD.format(word))
    (folder / "new").replace(folder / f"{name}.py")


def saying(running: Program, name: str, word: str) -> set[int]:
    """Return the processes of this name that have printed this word."""
    found = (re.fullmatch(rf"{name} (\d+) {word}", line) for line in list(running.running.out))
    return {int(each[1]) for each in found if each}


def wait_for(running: Program, name: str, word: str, count: int) -> set[int]:
    running.running.until(lambda: len(saying(running, name, word)) == count, f"{count} times {name} {word}")
    return saying(running, name, word)


def instances(pids: Iterable[int]) -> int:
    """Return how many inotify instances these processes hold."""
    return sum("inotify" in target for pid in pids for target in _descriptors(pid))


def _descriptors(pid: int) -> Iterator[str]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield os.readlink(entry)
        except FileNotFoundError:
            continue


def wait_until_live(running: Program, pids: Iterable[int]) -> None:
    for pid in pids:
        running.connect(pid)


@contextlib.contextmanager
def app(folder: Path) -> Iterator[Program]:
    """Run `app.py`, and end all processes that have printed something."""
    with interactive(folder, "-m", "reloadls", "run", "app.py") as running:
        try:
            yield running
        finally:
            pids = {int(each[1]) for line in running.running.out if (each := re.fullmatch(r"\w+ (\d+) \w+", line))}
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_twenty_forked_workers_share_one_inotify_instance_and_outlive_their_parent(folder: Path) -> None:
    """They are forked at the start, while the runtime's thread imports its modules."""
    write(folder, app=_FORKS)
    with app(folder) as running:
        workers = wait_for(running, "worker", "one", 20)
        wait_until_live(running, [running.pid, *workers])
        assert instances([running.pid, *workers]) == 1
        for word in ("two", "three"):
            edit(folder, word)
            assert wait_for(running, "worker", word, 20) == workers
            assert wait_for(running, "first", word, 1) == {running.pid}
        assert instances([running.pid, *workers]) == 1
        running.running.signal(signal.SIGKILL)
        for word in ("four", "five"):
            edit(folder, word)
            assert wait_for(running, "worker", word, 20) == workers


def test_changes_before_a_worker_notices_its_parents_end_are_applied(folder: Path) -> None:
    write(folder, app=_FORKS.replace("20", "1"))
    with app(folder) as running:
        workers = wait_for(running, "worker", "one", 1)
        wait_until_live(running, [running.pid, *workers])
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        edit(folder, "two")
        running.running.signal(signal.SIGKILL)
        running.running.process.wait()
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        wait_for(running, "worker", "two", 1)


def test_a_stopped_parent_does_not_block_its_workers(folder: Path) -> None:
    write(folder, app=_FORKS.replace("20", "2"))
    with app(folder) as running:
        workers = wait_for(running, "worker", "one", 2)
        wait_until_live(running, [running.pid, *workers])
        running.running.signal(signal.SIGSTOP)
        edit(folder, "two")
        wait_for(running, "worker", "two", 2)
        assert saying(running, "first", "two") == set()
        running.running.signal(signal.SIGCONT)
        wait_for(running, "first", "two", 1)


_DAEMON = """
import os, says
def main():
    if os.fork():
        os._exit(0)
    if os.fork():
        os._exit(0)
    for _ in range(3):
        if not os.fork():
            if not os.fork():
                says.work("grandchild")
            says.work("child")
    says.work("daemon")
main()
"""


def test_workers_of_a_daemon_and_their_children_follow_it(folder: Path) -> None:
    """It was forked twice from a program that has ended, which it must not follow."""
    write(folder, app=_DAEMON)
    with app(folder) as running:
        names = {"daemon": 1, "child": 3, "grandchild": 3}
        pids = {name: wait_for(running, name, "one", count) for name, count in names.items()}
        every = set().union(*pids.values())
        wait_until_live(running, every)
        assert instances(every) == 1 == instances(pids["daemon"])
        edit(folder, "two")
        for name, count in names.items():
            assert wait_for(running, name, "two", count) == pids[name]


_LOADS = """
import os, says
def main():
    if os.fork():
        says.work("first")
    import generated
    says.word = generated
    says.work("worker")
main()
"""


def test_a_gitignored_file_loaded_only_by_a_worker_is_reloaded(folder: Path) -> None:
    write(folder, app=_LOADS, generated=_WORD.format("one"))
    (folder / ".gitignore").write_text("generated.py\n")
    (folder / ".git").mkdir()
    with app(folder) as running:
        workers = wait_for(running, "worker", "one", 1)
        wait_until_live(running, [running.pid, *workers])
        edit(folder, "two", "generated")
        wait_for(running, "worker", "two", 1)
        assert instances([running.pid, *workers]) == 1


_SPAWNS = """
import multiprocessing, says
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    for _ in range(3):
        context.Process(target=says.work, args=("worker",), daemon=True).start()
    says.work("first")
"""


def test_spawned_workers_use_no_inotify_instance(folder: Path) -> None:
    write(folder, app=_SPAWNS)
    with app(folder) as running:
        workers = wait_for(running, "worker", "one", 3)
        wait_until_live(running, [running.pid, *workers])
        assert instances([running.pid, *workers]) == 1
        edit(folder, "two")
        assert wait_for(running, "worker", "two", 3) == workers


def test_a_worker_reports_its_parents_watch_status(folder: Path) -> None:
    write(folder, app=_FORKS.replace("20", "1"))
    with app(folder) as running:
        [worker] = wait_for(running, "worker", "one", 1)
        first, second = (running.connect(pid).ask("reload/status")["result"] for pid in (running.pid, worker))
        for each in (first, second):
            del each["targets"], each["clock"]
        assert first == second
        assert first["roots"][0]["files"] == 3
        running.connect(running.pid).ask("reload/pause")
        child = running.connect(worker)
        edit(folder, "two")
        assert child.until_report()["status"] == "reloaded", "the worker is not paused"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"roots": ["file:///elsewhere"], "files": []}, -32803),
        ({}, -32803),
        ([], -32602),
        ({"roots": 3}, -32602),
        ({"roots": ["relative"]}, -32602),
        ({"roots": [], "more": 1}, -32602),
        ({"files": [7]}, -32602),
    ],
)
def test_following_other_folders_is_refused(folder: Path, params: object, code: int) -> None:
    write(folder, app="import says\nsays.work('first')\n")
    with app(folder) as running:
        client = running.connect()
        assert client.ask("reload/follow", params)["error"]["code"] == code
        edit(folder, "two")
        client.until_report()
        assert not any(message.get("method") == "reload/didChangeFiles" for message in client.received)


def test_followers_do_not_count_as_clients(folder: Path) -> None:
    """Sixty-four clients and sixty-four followers can connect at the same time."""
    write(folder, app="import says\nsays.work('first')\n")
    with app(folder) as running:
        roots = {"roots": [folder.resolve().as_uri()], "files": []}
        for _ in range(64):
            assert "result" in running.connect().ask("reload/follow", roots)
        clients = [running.connect() for _ in range(64)]
        edit(folder, "two")
        for client in clients:
            assert client.until_report()["status"] == "reloaded"
        until(lambda: saying(running, "first", "two") == {running.pid}, "word")
