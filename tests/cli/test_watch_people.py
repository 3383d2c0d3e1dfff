"""`reloadls watch` for people: a line per change, in colour on a terminal, and nothing raw from a file's name."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.running import environment, finish, start, until

_LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3}  (created |modified|deleted )  (.*)")


def test_prints_what_is_watched_then_each_change(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.py").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with start("watch", ".", os.fspath(elsewhere), cwd=tmp_path / "sub") as running:
        running.until_watching()
        assert running.err == [f"Watching this folder, {elsewhere}: 1 file, native notifications"]
        (tmp_path / "sub" / "a.py").write_text("x")
        running.until(lambda: len(running.out) == 1, "change")
        (elsewhere / "b.py").write_text("x")
        running.until(lambda: len(running.out) == 2, "change")
        (tmp_path / "sub" / "a.py").unlink()
        running.until(lambda: len(running.out) == 3, "change")
        told = [match.groups() for line in running.out if (match := _LINE.fullmatch(line))]
    assert told == [("modified", "a.py"), ("created ", f"{elsewhere}/b.py"), ("deleted ", "a.py")]


def test_a_renamed_file_is_reported_with_its_old_name(tmp_path: Path) -> None:
    (tmp_path / "old\x1b.py").write_text("1")
    with start("watch", cwd=tmp_path) as running:
        running.until_watching()
        (tmp_path / "old\x1b.py").rename(tmp_path / "new.py")
        running.until(lambda: len(running.out) == 2, "changes")
        told = {match.groups() for line in running.out if (match := _LINE.fullmatch(line))}
    assert told == {("deleted ", r"old\x1b.py"), ("created ", r"new.py  (was old\x1b.py)")}


def test_a_root_that_goes_and_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").touch()
    with start("watch", "root", cwd=tmp_path) as running:
        running.until_watching()
        shutil.rmtree(root)
        running.until(lambda: running.err[1:] == ["reloadls: root does not exist; waiting for it"], "problem")
        running.until(lambda: len(running.out) == 1, "deletion")
        root.mkdir()
        (root / "b").touch()
        running.until(lambda: running.err[2:] == ["reloadls: root exists again"], "end of the problem")
        running.until(lambda: len(running.out) == 2, "creation")
        assert [line.split("  ", 1)[1] for line in running.out] == ["deleted   root/a", "created   root/b"]


def on_terminal(tmp_path: Path, *, change: Path, **env: str) -> bytes:
    """What a terminal receives when `change` is made."""
    master, slave = pty.openpty()
    received = bytearray()

    def pump() -> None:
        try:
            while data := os.read(master, 4096):
                received.extend(data)
        except OSError:
            return

    command = [sys.executable, "-m", "reloadls", "watch", "--once"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(**env), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    thread = threading.Thread(target=pump)
    thread.start()
    with process:
        try:
            until(lambda: b"Watching" in received, "Watching line", lambda: repr(received))
            change.touch()
            assert process.wait(20) == 0
        finally:
            process.kill()
    thread.join(20)
    os.close(master)
    return bytes(received)


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)]
)
def test_colour_on_a_terminal_unless_not_wanted(tmp_path: Path, env: dict[str, str], coloured: bool) -> None:
    received = on_terminal(tmp_path, change=tmp_path / "a.py", **env)
    assert b"a.py" in received
    assert (b"\x1b[32mcreated \x1b[0m" in received) == coloured
    assert (b"\x1b" in received) == coloured


def test_no_colour_into_a_pipe(tmp_path: Path) -> None:
    with start("watch", "--once", cwd=tmp_path, env={"FORCE_COLOR": "1"}) as running:
        running.until_watching()
        (tmp_path / "a").touch()
        assert running.wait() == 0
    assert "\x1b" not in running.out[0]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        (b"two\nlines\r\t", r"two\nlines\r\t"),
        (b"not utf-8 \xff\xfe", r"not utf-8 \xff\xfe"),
        ("\u202egnp.exe\u2066\u200b".encode(), r"\u202egnp.exe\u2066\u200b"),
        ("c1 \x9b31m\x7f".encode(), r"c1 \x9b31m\x7f"),
        ("naïve 日本語 🐍".encode(), "naïve 日本語 🐍"),
    ],
    ids=["escape", "newline", "bytes", "bidi", "c1", "plain"],
)
def test_names_are_never_sent_raw(tmp_path: Path, name: bytes, shown: str) -> None:
    received = on_terminal(tmp_path, change=Path(tmp_path, os.fsdecode(name)), NO_COLOR="1")
    last = received.removesuffix(b"\r\n").split(b"\r\n")[-1].decode()
    match = _LINE.fullmatch(last)
    assert match is not None, last
    assert match[2] == shown


def test_names_in_error_messages_are_never_sent_raw() -> None:
    done = finish("status", "--json", b"\x1b[31m\xff\n\xe2\x80\xae")
    assert done.returncode == 2
    assert r"'PATH': '\x1b[31m\xff\n\u202e'" in done.stderr
    assert "\x1b" not in done.stderr
    unknown = finish(b"watch", b"--\x1b[31m\xff")
    assert unknown.returncode == 2
    assert "\x1b" not in unknown.stderr


def test_ascii_terminals_get_ascii(tmp_path: Path) -> None:
    """What the terminal's encoding lacks is escaped, and never ends the watching."""
    with start("watch", "--once", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"}) as running:
        running.until_watching()
        (tmp_path / "日本.py").touch()
        assert running.wait() == 0
    assert running.out[0].endswith(("日本.py", r"\u65e5\u672c.py"))
