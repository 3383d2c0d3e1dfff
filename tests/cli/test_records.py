"""`reloadls records`: its lines, its limits, its errors, and everything that a pipe or a terminal may do."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Running, environment, finish, start
from tests.records.support import Picture, put

FOLDER = "records.d"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def names(text: str) -> list[tuple[str, str]]:
    return [(line["event_type"], f"{line['kind']}/{line['id']}") for line in lines(text)]


def seen(running: Running) -> list[tuple[str, str]]:
    return [(line["event_type"], f"{line['kind']}/{line['id']}") for line in running.objects()]


def check_clean_end(running: Running) -> None:
    assert running.wait() == 0
    assert [line for line in running.err if not line.startswith("Watching ")] == []


def test_a_line_has_exactly_these_fields(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {"status": "open", "é": [1, None]})
    done = finish("records", FOLDER, "--json", "--once", cwd=tmp_path)
    (line,) = lines(done.stdout)
    assert list(line) == ["schema_version", "event_type", "kind", "id", "timestamp", "data"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "schema_version": "1", "event_type": "snapshot", "kind": "tasks", "id": "a",
        "data": {"status": "open", "é": [1, None]},
    }  # fmt: skip
    done = finish("records", FOLDER, "--json", "--once", "--clock", cwd=tmp_path)
    assert list(lines(done.stdout)[0])[-1] == "clock"


def test_events_follow_the_snapshot(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {"n": 1})
    with start("records", FOLDER, "--json", cwd=tmp_path) as running:
        running.until(lambda: len(running.out) == 1, "snapshot")
        put(tmp_path / FOLDER, "tasks", "b", {"n": 1})
        running.until(lambda: len(running.out) == 2, "added")
        (tmp_path / FOLDER / "tasks/a.json").unlink()
        running.until(lambda: len(running.out) == 3, "removed")
        running.signal(signal.SIGINT)
        check_clean_end(running)
    assert seen(running) == [("snapshot", "tasks/a"), ("added", "tasks/b"), ("removed", "tasks/a")]


def test_a_broken_document_is_reported_with_its_place(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", '{"n": 1,\n "n": 2}')
    with start("records", FOLDER, "--json", "--max-events", "1", cwd=tmp_path) as running:
        check_clean_end(running)
    (line,) = running.objects()
    assert line["data"] == {"file": "tasks/a.json", "line": 2, "column": 2, "reason": 'the key "n" is there twice'}


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ("", ["claims/c", "tasks/a", "tasks/b"]),
        ("--kind task", ["tasks/a", "tasks/b"]),
        ("--kind tasks --kind claim", ["claims/c", "tasks/a", "tasks/b"]),
        ("--id c --id b", ["claims/c", "tasks/b"]),
        ("--where n>1", ["claims/c", "tasks/b"]),
        ("--where n>1 --where n<3", ["tasks/b"]),
        ("--run-id r1", ["tasks/a"]),
        ("--branch main", ["claims/c"]),
        ("--run-id =odd", ["tasks/b"]),
        ("--max-events 2", ["claims/c", "tasks/a"]),
        ("--type added", []),
    ],
)
def test_filters(tmp_path: Path, args: str, found: list[str]) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {"n": 1, "run_id": "r1"})
    put(tmp_path / FOLDER, "tasks", "b", {"n": 2, "run_id": "=odd"})
    put(tmp_path / FOLDER, "claims", "c", {"n": 3, "branch": "main"})
    done = finish("records", FOLDER, "--json", "--timeout", "0", *args.split(), cwd=tmp_path)
    assert done.returncode == 0
    assert [name for _, name in names(done.stdout)] == found


def test_max_events_counts_what_is_printed(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {})
    with start("records", FOLDER, "--json", "--type", "added", "--max-events", "2", cwd=tmp_path) as running:
        running.until_watching()
        for number in range(5):
            put(tmp_path / FOLDER, "tasks", f"b{number}", {})
        check_clean_end(running)
    assert len(running.out) == 2
    assert {kind for kind, _ in seen(running)} == {"added"}


def test_a_later_run_continues_from_the_clock(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {"n": 1})
    clock = lines(finish("records", FOLDER, "--json", "--once", "--clock", cwd=tmp_path).stdout)[-1]["clock"]
    put(tmp_path / FOLDER, "tasks", "b", {"n": 1})
    (tmp_path / FOLDER / "tasks/a.json").unlink()
    args = ("records", FOLDER, "--json", "--once")
    assert names(finish(*args, "--since", clock, cwd=tmp_path).stdout) == [("added", "tasks/b"), ("removed", "tasks/a")]
    done = finish(*args, "--since", "c:0123abcd:5", cwd=tmp_path)
    assert names(done.stdout) == [("reset", "/"), ("snapshot", "tasks/b")]


def test_a_killed_run_is_continued_and_nothing_is_missed(tmp_path: Path) -> None:
    folder, picture = tmp_path / FOLDER, Picture()
    for number in range(300):
        put(folder, "tasks", f"t{number}", {"n": number})
    args = ("records", FOLDER, "--json", "--clock")
    for round_ in range(3):
        since = [] if picture.clock is None else ["--since", picture.clock]
        with start(*args, *since, cwd=tmp_path) as running:
            running.until_watching()
            for number in range(40):
                put(folder, "tasks", f"r{round_}-{number}", {"n": number})
                (folder / f"tasks/t{round_ * 40 + number}.json").unlink()
            running.until(lambda: len(running.out) > 20, "some events")
            running.process.kill()
            running.process.wait()
        for line in running.out:
            try:
                picture.apply([json.loads(line)])
            except ValueError:  # half a line
                break
    since = ["--since", picture.clock or ""]
    picture.apply(lines(finish(*args, "--once", *since, cwd=tmp_path).stdout))
    assert {f"{name}.json" for _, name in picture.records} == set(os.listdir(folder / "tasks"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("args", [(), ("--json",)], ids=["people", "json"])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals, args: tuple[str, ...]) -> None:
    with start("records", FOLDER, *args, cwd=tmp_path) as running:
        running.until_watching()
        running.signal(number)
        assert running.wait() == 0
    assert "Traceback" not in "".join(running.err)


def test_head_ends_it(tmp_path: Path) -> None:
    for number in range(1000):
        put(tmp_path / FOLDER, "tasks", f"{number}", {"text": "long " * 30})
    script = f"set -o pipefail; {shlex.quote(sys.executable)} -m reloadls records {FOLDER} --json | head -1"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_it_ends_when_its_reader_leaves_though_nothing_happens(tmp_path: Path) -> None:
    with start("records", FOLDER, "--json", cwd=tmp_path, reads=False) as running:
        running.until_watching()
        assert running.process.stdout is not None
        running.process.stdout.close()
        assert running.wait() == 0


def test_a_reader_that_sleeps_receives_the_net_changes(tmp_path: Path) -> None:
    folder, picture = tmp_path / FOLDER, Picture()
    text = "x" * 1000
    for number in range(400):
        put(folder, "tasks", f"t{number}", {"text": text, "n": 0})
    with start("records", FOLDER, "--json", cwd=tmp_path, reads=False) as running:
        running.until_watching()  # its pipe is full now: it holds 64 KiB
        for n in range(1, 30):
            for number in range(0, 400, 40):
                put(folder, "tasks", f"t{number}", {"text": text, "n": n})
        put(folder, "tasks", "last", {})
        running.read()
        running.until(lambda: '"last"' in "".join(running.out[-20:]), "last record")
        marks = {f"t{number}" for number in range(0, 400, 40)}

        def newest() -> bool:
            picture.apply([line | {"clock": None} for line in running.objects()])
            return all(picture.records[("tasks", name)]["n"] == 29 for name in marks)

        running.until(newest, "newest content of all")
        running.signal(signal.SIGTERM)
        check_clean_end(running)
    assert len(running.out) < 400 + 29 * 10


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_reported_as_an_error(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {})
    with open("/dev/full", "w") as full:
        done = finish("records", FOLDER, "--json", cwd=tmp_path, stdout=full)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_state_that_can_not_be_kept_is_a_line_and_no_end(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {"text": "x" * 100_000})
    script = f"ulimit -f 50; exec {shlex.quote(sys.executable)} -m reloadls records {FOLDER} --json"
    with subprocess.Popen(
        ["bash", "-c", f"trap '' XFSZ; {script}"], cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        running = Running(process, reads=True)
        running.until(lambda: len(running.out) == 1, "snapshot")
        put(tmp_path / FOLDER, "tasks", "b", {})
        running.until(lambda: len(running.out) == 2, "added")
        running.until(lambda: any("not kept for later streams" in line for line in running.err), "problem")
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
    assert "Traceback" not in "".join(running.err)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can enter."""
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="must become another user")
def test_what_can_not_be_read_is_read_once_it_can(public: Path) -> None:
    folder = public / FOLDER
    put(folder, "tasks", "a", {"n": 1})
    shut = put(folder, "tasks", "shut", {"n": 1})
    shut.chmod(0)
    # All of it is imported before the right to read it is given up, by a run that ends at once.
    args = ["records", os.fspath(folder), "--json"]
    command = [
        "import os, sys; from reloadls.cli import main; out = os.dup(1); os.dup2(os.open(os.devnull, os.O_WRONLY), 1);"
        f"main({[*args, '--once']}); os.dup2(out, 1); os.setgid(65534); os.setuid(65534); os.chdir('/');"
        f"sys.exit(main({args}))"
    ]
    env = environment(HOME="/")
    with subprocess.Popen(
        [sys.executable, "-c", *command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        running = Running(process, reads=True)
        running.until(lambda: len(running.out) == 2, "snapshot and invalid")
        (folder / "tasks").chmod(0)
        put(folder, "tasks", "b", {"n": 1})
        (folder / "tasks/a.json").unlink()
        shut.chmod(0o644)
        (folder / "tasks").chmod(0o755)
        running.until(lambda: len(running.out) == 5, "what happened behind the door")
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
    assert seen(running)[:2] == [("snapshot", "tasks/a"), ("invalid", "tasks/shut")]
    assert sorted(seen(running)[2:]) == [("added", "tasks/b"), ("added", "tasks/shut"), ("removed", "tasks/a")]
    assert "Permission denied" in running.objects()[1]["data"]["reason"]


# -- the coordination folder -----------------------------------------------------------------------------------------


def test_without_a_folder_the_next_coordination_upwards_is_used(tmp_path: Path) -> None:
    coordination, deep = tmp_path / ".muse/coordination", tmp_path / "a/b"
    deep.mkdir(parents=True)
    put(coordination, "tasks", "t", {"title": "do", "status": "open"})
    put(coordination, "others", "x", {})
    done = finish("records", "--once", "--kind", "dependency", "--kind", "task", cwd=deep)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}  = snapshot  tasks/t  title=do  status=open\n", done.stdout)
    assert sorted(os.listdir(coordination)) == sorted(
        ["reservations", "intents", "releases", "heartbeats", "tasks", "claims", "dependencies", "others"]
    )


def test_a_reservation_expires_on_the_command_line(tmp_path: Path) -> None:
    coordination = tmp_path / ".muse/coordination"
    put(coordination, "reservations", "past", {"expires_at": "2020-01-01T00:00:00Z"})
    put(coordination, "reservations", "held", {"expires_at": "2020-01-01T00:00:00Z"})
    put(coordination, "heartbeats", "h", {"reservation_id": "held", "extended_expires_at": "2999-01-01T00:00:00Z"})
    with start("records", "--json", "--kind", "reservation", cwd=tmp_path) as running:
        running.until(lambda: len(running.out) == 2, "snapshot")
        put(coordination, "releases", "r", {"reservation_id": "held"})
        running.until(lambda: len(running.out) == 3, "expired")
        running.signal(signal.SIGTERM)
        check_clean_end(running)
    assert seen(running) == [
        ("snapshot", "reservations/held"), ("snapshot", "reservations/past"), ("expired", "reservations/held")
    ]  # fmt: skip
    assert [line["data"].get("expired") for line in running.objects()] == [None, True, True]


# -- errors ----------------------------------------------------------------------------------------------------------

BAD = {
    "records": ["'FOLDER'", ".muse/coordination"],
    "records a.file": ["'FOLDER'", "'a.file'", "is not a folder"],
    "records x --where status": ["'--where'", "'status' has no operator"],
    "records x --where n<=5": ["'--where'", "'<='", "= != < > ~ :"],
    "records x --where .=5": ["'--where'", "the field '.'"],
    "records x --kind task --layout coordnation": ["'--layout'", "'coordnation'", "coordination"],
    "records x --layout bad.toml": ["'--layout'", "bad.toml", "'kind' is not a known field"],
    "records x --kind taks --layout coordination": ["'--kind'", "'taks'", "tasks"],
    "records x --timeout -1": ["'--timeout'", "is not a number of seconds"],
    "records x --max-events 0": ["'--max-events'", "x>=1"],
    "records x --type gone": ["'--type'", "'gone'", "snapshot, added"],
    "records x y": ["y"],
    "records x --unknown": ["--unknown"],
}


@pytest.mark.parametrize("line", BAD)
def test_bad_arguments(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.file").touch()
    (tmp_path / "bad.toml").write_text("kind = ['a']")
    done = finish(*line.split(), "--json", cwd=tmp_path)
    assert done.returncode == 2
    message, hint = done.stderr.splitlines()
    for part in BAD[line]:
        assert part in message
    assert hint == "Try 'reloadls records --help'."
    assert json.loads(done.stdout) == {"error": message.removeprefix("reloadls: "), "status": "bad_args"}


# -- a terminal ------------------------------------------------------------------------------------------------------


def on_terminal(folder: Path, *args: str, **env: str) -> str:
    """What a terminal receives of a run that ends by itself."""
    master, slave = pty.openpty()
    received = bytearray()

    def pump() -> None:
        try:
            while data := os.read(master, 65536):
                received.extend(data)
        except OSError:
            return

    thread = threading.Thread(target=pump)
    with subprocess.Popen(
        [sys.executable, "-m", "reloadls", "records", *args],
        cwd=folder, env=environment(**env), stdin=slave, stdout=slave, stderr=slave,
    ) as process:  # fmt: skip
        os.close(slave)
        thread.start()
        try:
            assert process.wait(120) == 0
        finally:
            process.kill()
    thread.join(20)
    os.close(master)
    return received.decode()


def without_progress(received: str) -> str:
    """The text without the line that a slow machine shows while it reads, and erases."""
    return re.sub(r"\r(Reading [^\r\n]*)?\x1b\[K", "", received)


def test_colours_are_for_terminals_and_control_characters_for_nobody(tmp_path: Path) -> None:
    put(tmp_path / FOLDER, "tasks", "a", {"te\x1bxt": "\x1b]0;title\x07\u202e\x9b31m", "list": ["\x1b"]})
    coloured = on_terminal(tmp_path, FOLDER, "--once")
    assert "\x1b[2m= snapshot\x1b[0m" in coloured
    plain = without_progress(on_terminal(tmp_path, FOLDER, "--once", NO_COLOR="1"))
    assert "\x1b" not in plain
    assert r"te\x1bxt=\x1b]0;title\x07\u202e\x9b31m" in plain
    assert "\x1b" not in without_progress(on_terminal(tmp_path, FOLDER, "--once", "--json"))


def test_many_records_show_their_progress(tmp_path: Path) -> None:
    (tmp_path / FOLDER / "tasks").mkdir(parents=True)
    for number in range(8_000):
        (tmp_path / FOLDER / f"tasks/{number}.json").write_text('{"status": "open"}')
    received = on_terminal(tmp_path, FOLDER, "--json", "--max-events", "1", "--type", "snapshot")
    assert re.search(r"\rReading [\d,]+ of 8,000 records\x1b\[K", received)
    assert received.count('"schema_version"') == 1
    assert received.index("\r\x1b[K") < received.index("schema_version")
