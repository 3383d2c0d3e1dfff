"""`reloadls watch --json`: first what is there, then every change, and nothing lost in between."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from reloadls.protocol import to_uri
from tests.cli.running import Running, finish, start


def picture(running: Running) -> set[str]:
    """Every file that is there, by what was told; refuses what does not fit."""
    files: set[str] = set()
    for line in running.objects():
        assert (line["uri"] in files) == (line["type"] in ("modified", "deleted")), line
        files ^= {line["uri"]} if line["type"] != "modified" else set()
    return files


def on_disk(folder: Path) -> set[str]:
    return {to_uri(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names}


def test_the_snapshot_is_sorted_and_comes_first(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "sub/c.py"):
        Path(tmp_path, name).parent.mkdir(exist_ok=True)
        Path(tmp_path, name).touch()
    with start("watch", "--json", cwd=tmp_path) as running:
        running.until_watching()
        running.until(lambda: len(running.out) == 3, "snapshot")
        (tmp_path / "b.py").write_text("changed")
        running.until(lambda: len(running.out) == 4, "change")
        lines = running.objects()
    assert lines[:3] == [
        {"type": "snapshot", "path": os.fspath(path), "uri": path.as_uri()}
        for path in (tmp_path / "a.py", tmp_path / "b.py", tmp_path / "sub" / "c.py")
    ]
    at = lines[3].pop("at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert lines[3] == {"type": "modified", "path": f"{tmp_path}/b.py", "uri": (tmp_path / "b.py").as_uri()}


def test_a_renamed_file_is_reported_with_its_old_uri(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("1")
    with start("watch", "--json", cwd=tmp_path) as running:
        running.until_watching()
        running.until(lambda: len(running.out) == 1, "snapshot")
        (tmp_path / "old.py").rename(tmp_path / "new.py")
        running.until(lambda: len(running.out) == 3, "changes")
        told = {line["type"]: line for line in running.objects()}
    assert told["created"]["path"] == f"{tmp_path}/new.py"
    assert told["created"]["renamedFrom"] == told["deleted"]["uri"] == (tmp_path / "old.py").as_uri()
    assert "renamedFrom" not in told["deleted"]


def test_each_line_can_be_read_at_once(tmp_path: Path) -> None:
    with start("watch", "--json", os.fspath(tmp_path), "--debounce-ms", "5") as running:
        running.until_watching()
        for number in range(5):
            (tmp_path / f"f{number}").touch()
            running.until(lambda: len(running.out) == number + 1, f"line {number}")  # noqa: B023 - awaited here
    assert running.changes() == [("created", f"f{number}") for number in range(5)]


def test_a_slow_reader_loses_nothing(tmp_path: Path) -> None:
    """The snapshot alone is more than a pipe holds; all this changes while nobody reads it."""
    root = tmp_path / "root"
    for number in range(2000):
        path = root / f"folder{number % 20}" / f"{'long' * 20}{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with start("watch", "--json", os.fspath(root), "--debounce-ms", "5", reads=False) as running:
        running.until_watching()
        for number in range(0, 2000, 3):
            (root / f"folder{number % 20}" / f"{'long' * 20}{number}").unlink()
            (root / f"folder{number % 20}" / f"new{number}").touch()
        shutil.rmtree(root / "folder7")
        (root / "folder3").rename(root / "renamed")
        running.read()
        running.until(lambda: picture(running) == on_disk(root), "picture that equals the disk")


@pytest.mark.parametrize(
    ("name", "shown", "uri"),
    [
        (b"caf\xc3\xa9.py", "café.py", "caf%C3%A9.py"),
        (b"\xff\xfe.py", "\ufffd\ufffd.py", "%FF%FE.py"),
        (b"two\nlines", "two\nlines", "two%0Alines"),
        (b"\x1b[31m", "\x1b[31m", "%1B%5B31m"),
        (b'a "b" \\ #?%41', 'a "b" \\ #?%41', "a%20%22b%22%20%5C%20%23%3F%2541"),
    ],
    ids=["unicode", "bytes", "newline", "escape", "quotes"],
)
def test_every_name_is_valid_unicode_and_has_an_exact_uri(tmp_path: Path, name: bytes, shown: str, uri: str) -> None:
    Path(tmp_path, os.fsdecode(name)).touch()
    with start("watch", "--json", os.fspath(tmp_path), "--debounce-ms", "5") as running:
        running.until(lambda: len(running.out) == 1, "snapshot")
        Path(tmp_path, os.fsdecode(name)).write_text("changed")
        running.until(lambda: len(running.out) == 2, "change")
        for line in running.objects():
            assert line["path"] == f"{tmp_path}/{shown}"
            assert line["uri"] == f"{tmp_path.as_uri()}/{uri}"
        assert all(line.isascii() and line.isprintable() for line in running.out)


def test_one_line_per_path_and_window(tmp_path: Path) -> None:
    with start("watch", "--json", os.fspath(tmp_path)) as running:
        running.until_watching()
        for text in ("one", "two", "three"):
            (tmp_path / "a").write_text(text)
        (tmp_path / "gone").touch()
        (tmp_path / "gone").unlink()
        running.until(lambda: len(running.out) >= 1, "change")
        (tmp_path / "last").touch()
        running.until(lambda: ("created", "last") in running.changes(), "last change")
        assert running.changes() == [("created", "a"), ("created", "last")]


def test_a_root_that_is_a_file_survives_being_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.touch()
    with start("watch", "--json", os.fspath(file), "--debounce-ms", "5") as running:
        running.until_watching()
        for number in range(2):
            (tmp_path / "new").write_text(str(number))
            os.replace(tmp_path / "new", file)
            running.until(lambda: len(running.changes()) == number + 1, "change")  # noqa: B023 - awaited here
        assert running.changes() == [("modified", "a.py")] * 2


@pytest.mark.parametrize("more", [(), ("--poll", "--poll-delay-ms", "50")], ids=["native", "poll"])
def test_what_counts(tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("ignored\n")
    args = ("watch", "--json", os.fspath(tmp_path), "--include", "*.py", "--exclude", "test_*", *more)
    with start(*args) as running:
        running.until_watching()
        for name in ("a.txt", "test_a.py", "a.py"):
            (tmp_path / name).touch()
        running.until(lambda: bool(running.out), "change")
        assert running.changes() == [("created", "a.py")]


def test_gitignore_can_be_left_aside(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "ignored").touch()
    without = finish("watch", "--json", os.fspath(tmp_path), "--timeout", "0.01")
    with_them = finish("watch", "--json", os.fspath(tmp_path), "--timeout", "0.01", "--no-gitignore")
    assert [line.count("ignored") > 0 for line in without.stdout.splitlines()] == [False, False]
    assert [line.count("ignored") > 0 for line in with_them.stdout.splitlines()] == [False, True, False]
    assert json.loads(with_them.stdout.splitlines()[-1]) == {"type": "ready"}
