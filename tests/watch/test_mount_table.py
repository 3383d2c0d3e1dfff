"""The list of mounts is open only while a watcher runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reloadls.watch.disk.mounts import MountTable, mounts_that_may_hang
from tests.support.fuse import mounted, needs_fuse

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this list")

_TABLE = b"""22 1 254:0 / / rw - ext4 /dev/vda rw
23 22 0:5 / /proc rw shared:1 - proc proc rw
24 22 0:41 / /srv/a\\040b rw - nfs4 host:/x rw
25 22 0:42 / /mnt rw master:1 - 9p share rw
26 22 0:43 / /covered rw - cifs //host/x rw
27 26 0:44 / /covered rw - tmpfs tmpfs rw
28 22 0:45 / /ssh rw - fuse.sshfs me@host: rw
broken
"""


def _open_lists() -> int:
    links = (os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd"))
    return sum(os.path.lexists(link) and os.readlink(link).endswith("/mountinfo") for link in links)


def test_which_may_hang() -> None:
    assert {mount.point for mount in mounts_that_may_hang(_TABLE)} == {"/srv/a b", "/mnt", "/ssh"}
    assert mounts_that_may_hang(b"22 1 0:1 / / rw - 9p root rw\n") == frozenset()


def test_the_list_is_closed_with_the_last_user_even_if_a_thread_of_it_still_asks() -> None:
    before = _open_lists()
    table = MountTable()
    table.open()
    table.open()
    table.mounts()
    assert _open_lists() == before + 1
    table.close()
    table.mounts()
    assert _open_lists() == before + 1
    table.close()
    assert _open_lists() == before
    table.mounts()
    assert _open_lists() == before


_FORKING = """
import os, signal, threading
from reloadls.watch.disk.guarded import GuardedDisk

def ask():
    disk = GuardedDisk()
    while True:
        disk.refresh()

for _ in range(3):
    threading.Thread(target=ask, daemon=True).start()
for _ in range(100):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        GuardedDisk().refresh()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "a child hung"
os._exit(0)
"""


def test_a_child_that_is_forked_while_another_thread_asks_does_not_hang() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", _FORKING], check=True, timeout=300)


@needs_fuse
def test_a_mount_that_comes_and_goes_is_seen(tmp_path: Path) -> None:
    table = MountTable()
    for users in (0, 1):
        for _ in range(users):
            table.open()
        with mounted(tmp_path / "mount") as fuse:
            assert str(fuse.root) in {mount.point for mount in table.mounts()}
        assert str(fuse.root) not in {mount.point for mount in table.mounts()}
