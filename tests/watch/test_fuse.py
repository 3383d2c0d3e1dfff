"""The file system of `tests.support.fuse` does what the tests rely on."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.fuse import mounted, needs_fuse

pytestmark = needs_fuse


def is_mounted(root: Path) -> bool:
    return f" {root} " in Path("/proc/self/mountinfo").read_text()


def listed_inode(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return next(entries).inode()


def listing_in_thread(folder: Path) -> threading.Thread:
    thread = threading.Thread(target=lambda: os.path.exists(folder) and os.listdir(folder), daemon=True)
    thread.start()
    return thread


def test_written_state_is_read_back(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        root = fuse.root
        (root / "a").mkdir()
        (root / "a" / "file").write_text("1" * 100_000)
        (root / "a" / "file").rename(root / "moved")
        (root / "link").symlink_to("moved")
        os.utime(root / "moved", ns=(5, 7))
        assert (root / "link").read_text() == (fuse.backing / "moved").read_text() == "1" * 100_000
        assert (root / "moved").stat().st_mtime_ns == 7
        assert sorted(os.listdir(root)) == ["a", "link", "moved"]
        (fuse.backing / "behind").write_text("2")
        assert (root / "behind").read_text() == "2"
        (root / "moved").unlink()
        with (root / "behind").open("a") as file:
            file.write("3")
        (root / "behind").touch()
        assert (fuse.backing / "behind").read_text() == "23"
        assert not (root / "moved").exists()
    assert not is_mounted(fuse.root)


def test_it_hangs_and_comes_back(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        fuse.hang()
        thread = listing_in_thread(fuse.root)
        thread.join(0.05)
        assert thread.is_alive()
        fuse.resume()
        thread.join(5)
        assert not thread.is_alive()
        fuse.block("readdir")
        assert fuse.root.is_dir()
        thread = listing_in_thread(fuse.root)
        thread.join(0.05)
        assert thread.is_alive()
        fuse.block()
        thread.join(5)
        assert not thread.is_alive()
        fuse.hang()
        thread = listing_in_thread(fuse.root)
    thread.join(5)
    assert not thread.is_alive()


def test_operations_fail_where_they_shall(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "a").mkdir()
        fuse.fail("EIO", "opendir", below="/a")
        os.listdir(fuse.root)
        with pytest.raises(OSError) as caught:
            os.listdir(fuse.root / "a")
        assert caught.value.errno == errno.EIO
        fuse.heal()
        os.listdir(fuse.root / "a")
        fuse.kill()
        with pytest.raises(OSError) as caught:
            os.stat(fuse.root)
        assert caught.value.errno == errno.ENOTCONN


def test_names_keep_their_case_but_it_does_not_count(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount", casefold=True) as fuse:
        (fuse.root / "Folder").mkdir()
        (fuse.root / "Folder" / "File").write_text("1")
        assert (fuse.root / "FOLDER" / "file").read_text() == "1"
        (fuse.root / "Folder" / "file").rename(fuse.root / "folder" / "FILE")
        assert os.listdir(fuse.root / "Folder") == ["FILE"]
        (fuse.root / "Folder" / "other").write_text("2")
        (fuse.root / "Folder" / "other").rename(fuse.root / "Folder" / "file")
        assert (os.listdir(fuse.backing / "Folder"), (fuse.root / "Folder" / "FILE").read_text()) == (["file"], "2")


def test_inode_numbers_change_and_stamps_are_coarse(tmp_path: Path) -> None:
    with mounted(tmp_path / "mount", coarse=2) as fuse:
        file = fuse.root / "file"
        file.write_text("1")
        before = file.stat()
        assert before.st_ino == listed_inode(fuse.root)
        assert before.st_mtime_ns % 2_000_000_000 == 0
        fuse.change_inodes()
        assert file.stat().st_ino != before.st_ino
        assert file.stat().st_ino == listed_inode(fuse.root)


def test_the_mount_ends_with_a_process_that_waits_for_it(tmp_path: Path) -> None:
    """Even with one that is killed, and waits where no signal reaches it."""
    program = (
        "import os, sys, pathlib\n"
        "from tests.support.fuse import mounted\n"
        "with mounted(pathlib.Path(sys.argv[1])) as fuse:\n"
        "    fuse.hang()\n"
        "    print(flush=True)\n"
        "    os.stat(fuse.root / 'x')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "mount")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    with pytest.raises(OSError):
        while is_mounted(tmp_path / "mount"):
            os.stat(tmp_path / "mount" / "x")
        raise FileNotFoundError
