"""How `reloadls watch` ends: limits, signals, readers that leave. Always 0, never a traceback."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import Running, environment, start


def check_clean_end(running: Running) -> None:
    assert running.wait() == 0
    assert [line for line in running.err if not line.startswith("Watching ")] == []


def test_once_ends_after_the_first_batch_that_matches(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    args = ("watch", os.fspath(tmp_path), "--json", "--once", "--type", "deleted", "--debounce-ms", "5")
    with start(*args) as running:
        running.until(lambda: len(running.out) == 1, "snapshot")
        for number in range(20):  # none of these is a match, in however many batches they come
            (tmp_path / f"b{number}").touch()
        (tmp_path / "a").unlink()
        check_clean_end(running)
    assert running.changes() == [("deleted", "a")]


def test_once_prints_the_whole_batch(tmp_path: Path) -> None:
    with start("watch", os.fspath(tmp_path), "--json", "--once") as running:
        running.until_watching()
        for number in range(50):
            (tmp_path / f"f{number}").touch()
        check_clean_end(running)
    assert len(running.changes()) == 50


def test_max_events_ends_after_just_so_many(tmp_path: Path) -> None:
    with start("watch", os.fspath(tmp_path), "--json", "--max-events", "7") as running:
        running.until_watching()
        for number in range(50):
            (tmp_path / f"f{number}").touch()
        check_clean_end(running)
    assert len(running.changes()) == 7


def test_the_timeout_ends_it(tmp_path: Path) -> None:
    with start("watch", os.fspath(tmp_path), "--timeout", "0.05") as running:
        check_clean_end(running)
    assert running.out == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("json", [(), ("--json",)], ids=["people", "json"])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals, json: tuple[str, ...]) -> None:
    with start("watch", os.fspath(tmp_path), *json) as running:
        running.until_watching()
        running.signal(number)
        check_clean_end(running)


def test_a_signal_ends_it_without_a_reader(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{'long' * 30}{number}").touch()
    with start("watch", os.fspath(tmp_path), "--json", reads=False) as running:
        running.until_watching()
        running.signal(signal.SIGTERM)
        assert running.process.wait(20) == 0


def test_it_ends_when_its_reader_leaves_though_nothing_changes(tmp_path: Path) -> None:
    with start("watch", os.fspath(tmp_path), reads=False) as running:
        running.until_watching()
        assert running.process.stdout is not None
        running.process.stdout.close()
        check_clean_end(running)


def test_head_ends_it(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{'long' * 30}{number}").touch()
    script = f"set -o pipefail; {shlex.quote(sys.executable)} -m reloadls watch --json | head -1"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", ["--help", "--version", "watch --help"])
def test_a_closed_pipe_is_no_error_for_short_output(args: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "reloadls", *args.split()]
    done = subprocess.run(
        command, env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_standard_output_nothing_else_is_written_to(tmp_path: Path) -> None:
    script = f"exec {shlex.quote(sys.executable)} -m reloadls watch --once 1>&-"
    with subprocess.Popen(
        ["bash", "-c", script], cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"Watching ")
        (tmp_path / "a").touch()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_reported_as_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reloadls", "watch", "--json"],
            cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
