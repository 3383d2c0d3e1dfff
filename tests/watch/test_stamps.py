"""Where a write always changes the mtime, and what follows from that."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from reloadls.watch.disk import timestamps as stamps
from reloadls.watch.disk.timestamps import exact
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.folder import RACY, entry_of
from reloadls.watch.snapshot.snapshot import Snapshot

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such stamps")

_LINE = "36 35 {} / /mnt/{} rw,noatime master:1 - {} /dev/x rw\n"


def mounts(*items: str) -> bytes:
    """``"8:1 ext4"``: the list of mounts with these."""
    return "".join(_LINE.format(item.split()[0], number, item.split()[1]) for number, item in enumerate(items)).encode()


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of mounts that is read."""
    path = tmp_path / "mounts"
    monkeypatch.setattr(stamps, "_MOUNTS", os.fspath(path))
    monkeypatch.setattr(stamps, "_devices", stamps._Devices())
    release(monkeypatch, "6.13.0-1-generic")
    return path


def release(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "h", text, "v", "m")))


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["8:1 ext4"], True),
        (["8:1 xfs"], True),
        (["8:1 tmpfs"], True),
        (["8:1 btrfs"], True),
        (["8:1 ext4", "8:1 ext4"], True),
        (["8:1 ext4", "8:1 fuse.x"], False),
        (["8:1 ext3"], False),
        (["8:1 overlay"], False),
        (["8:1 nfs4"], False),
        (["8:1 ext4x"], False),
        (["8:2 ext4"], False),
        (["0:8:1 ext4"], False),
        ([], False),
    ],
)
def test_the_file_system_decides(mounted: Path, listed: list[str], expected: bool) -> None:
    mounted.write_bytes(mounts(*listed))
    assert exact(os.makedev(8, 1)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("6.13.0", True), ("6.13", True), ("7.0.1-x", True), ("6.12.9", False), ("5.15.0", False), ("?", False)],
)
def test_the_kernel_decides(mounted: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: bool) -> None:
    mounted.write_bytes(mounts("8:1 ext4"))
    release(monkeypatch, text)
    assert exact(os.makedev(8, 1)) == expected


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"36 35", b"36 35 8:1", b"36 35 8:1 / /mnt rw", b"\xff - ext4", b" - "]
)
def test_a_list_that_is_none_is_harmless(mounted: Path, content: bytes) -> None:
    mounted.write_bytes(content)
    assert not exact(os.makedev(8, 1))


def test_without_a_list_nothing_is_exact(mounted: Path) -> None:
    assert not exact(os.makedev(8, 1))


def test_mounts_may_change(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    mounted.write_bytes(mounts("8:1 ext4"))
    assert exact(os.makedev(8, 1)) and not exact(os.makedev(8, 2))
    mounted.write_bytes(mounts("8:1 vfat", "8:2 xfs"))
    now += 1.1
    assert not exact(os.makedev(8, 1)) and exact(os.makedev(8, 2))


@pytest.mark.parametrize("known", [True, False])
def test_only_where_it_is_not_exact_an_entry_is_racy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    monkeypatch.setattr("reloadls.watch.snapshot.folder.exact", lambda _: known)
    monkeypatch.setattr("reloadls.watch.snapshot.folder._TICK", 10_000_000_000)
    path = tmp_path / "a"
    path.touch()
    os.utime(path, ns=(1, time.time_ns() // 1_000_000_000 * 1_000_000_000 + 5))
    assert bool(entry_of(path.stat())[3] & RACY) != known
    os.utime(path, ns=(1, time.time_ns() // 1_000_000_000 * 1_000_000_000))
    assert entry_of(path.stat())[3] & RACY, "whole seconds: stamps may be coarse all the same"


def test_the_kernel_keeps_its_word(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    if not exact(path.stat().st_dev):
        pytest.skip("the temporary folder's file system makes no such promise")
    last, same = path.stat().st_mtime_ns, 0
    with path.open("r+b", buffering=0) as file:
        for number in range(20_000):
            file.seek(0)
            file.write(b"%06d" % number)
            now = path.stat().st_mtime_ns
            same += now == last
            last = now
    assert same == 0


def test_what_was_reported_is_not_reported_again_for_a_late_hint(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    if not exact(path.stat().st_dev):
        pytest.skip("the temporary folder's file system makes no such promise")
    snapshot = Snapshot(Scope([tmp_path]))
    snapshot.begin()
    for number in range(1000):
        path.write_text(str(number % 10))
        assert [change.change_type for change in snapshot.reconcile([str(path)])] == ["modified"]
        assert snapshot.reconcile([str(path)]) == []
