"""When a change was made."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reloadls.watch.sources.timing import changed_at


@pytest.mark.parametrize("mtime", [None, 0.0, 1e9, 4e9, -1e6], ids=["now", "1970", "2001", "2096", "before 1970"])
def test_the_stamp_that_counts_can_not_be_set_by_hand(mtime: float | None, tmp_path: Path) -> None:
    path = tmp_path / "a"
    before = time.monotonic()
    path.write_text("1")
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    noticed = time.monotonic() + 0.5
    first, last = changed_at([str(path)], noticed, 1.0)
    assert first == last
    assert before - 0.1 <= first < noticed


def test_a_stamp_out_of_bounds_counts_as_noticed_now(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    for noticed in (time.monotonic() + 100, time.monotonic() - 100):
        assert changed_at([str(path)], noticed, 1.0) == (noticed, noticed)


def test_a_missing_path_has_its_folders_stamp(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "a").unlink()
    noticed = time.monotonic() + 0.5
    assert changed_at([str(tmp_path / "a")], noticed, 1.0)[1] < noticed


@pytest.mark.parametrize("paths", [["/nowhere/at/all"], ["a\0b"]])
def test_what_can_not_be_known_counts_as_noticed(paths: list[str]) -> None:
    assert changed_at(paths, 123.0, 1.0) == (123.0, 123.0)


@pytest.mark.parametrize("paths", [[], [f"/nowhere/{number}" for number in range(50)]], ids=["none", "many"])
def test_what_is_not_looked_at_may_have_happened_at_any_time_within_the_bound(paths: list[str]) -> None:
    assert changed_at(paths, 123.0, 1.0) == (122.0, 123.0)


def test_the_oldest_and_the_newest_count(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    noticed = time.monotonic() + 0.5
    first, last = changed_at([str(tmp_path / "a"), "/nowhere/x"], noticed, 1.0)
    assert noticed - 1.0 <= first < last == noticed
