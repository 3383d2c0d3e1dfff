"""A real FUSE file system for tests, that can hang, fail, fold case, and change its inode numbers.

    with mounted(tmp_path / "mount") as fuse:
        (fuse.root / "a.py").write_text("1")
        fuse.hang()
        ...
        fuse.resume()

`tests.support.fuse_server` serves it, in a process of its own. The mount ends with the `with`, and with the test's
process however that ends: a guard process sees to it, since a process that waits for a hung file system can't be
killed. What the test itself does below `root` blocks while the file system hangs, and `backing` is always reachable;
what is changed there gives no notification.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

__all__ = ["Fuse", "mounted", "needs_fuse"]

Operation = Literal[
    "chmod", "chown", "create", "getattr", "link", "mkdir", "mknod", "open", "opendir", "read", "readdir", "readlink",
    "rename", "rmdir", "statfs", "symlink", "truncate", "unlink", "utimens", "write",
]  # fmt: skip


def _lacking() -> str | None:
    """What this machine lacks."""
    if sys.platform != "linux" or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no /dev/fuse here"
    if os.geteuid() != 0:
        return "only root can mount"
    if ctypes.util.find_library("fuse3") is None:
        return "libfuse3 is not installed"
    return None if importlib.util.find_spec("mfusepy") else "mfusepy is not installed"


needs_fuse = pytest.mark.skipif(_lacking() is not None, reason=_lacking() or "")

_GUARD = """
while grep -q '^State:.[^ZX]' "/proc/$1/status" 2> /dev/null; do sleep 0.3; done
kill -9 "$2" 2> /dev/null
[ ! -e "$4/abort" ] || echo 1 > "$4/abort"
umount -l "$3" 2> /dev/null
"""


class Fuse:
    """A mounted file system.

    Attributes:
        root: where it is mounted.
        backing: the folder that holds its files.
    """

    def __init__(self, root: Path, backing: Path, server: subprocess.Popen[str]) -> None:
        self.root = root
        self.backing = backing
        self._server = server

    def hang(self) -> None:
        """Every operation blocks from now on, as if the server on the other end had died."""
        self._server.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._server.pid, os.WSTOPPED)

    def resume(self) -> None:
        """End what `hang` began."""
        self._server.send_signal(signal.SIGCONT)

    def block(self, *operations: Operation) -> None:
        """Just these operations block from now on; none, if none are given."""
        self._command({"block": operations})

    def fail(self, error: str, *operations: Operation, below: str = "/") -> None:
        """These operations, or all, fail from now on.

        Args:
            error: the name of the error, such as ``EIO`` or ``EMFILE``.
            operations: which ones.
            below: only for this path and what is below it, counted from the file system's root.
        """
        self._command({"fail": error, "operations": operations, "below": below})

    def heal(self) -> None:
        """Nothing fails any more."""
        self._command({"heal": True})

    def change_inodes(self) -> None:
        """Every file has another inode number from now on."""
        self._command({"inodes": True})

    def kill(self) -> None:
        """The server is killed: every operation fails with ENOTCONN, until `mounted` ends."""
        self._server.kill()
        self._server.wait()

    def _command(self, command: dict[str, object]) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        self._answer("done")

    def _answer(self, expected: str) -> None:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line and json.loads(line) == expected, f"the FUSE server answered {line!r}"


@contextlib.contextmanager
def mounted(root: Path, backing: Path | None = None, *, casefold: bool = False, coarse: int = 0) -> Iterator[Fuse]:
    """Mount a file system.

    Args:
        root: where; made if it is missing.
        backing: the folder of its files, beside `root` by default.
        casefold: whether names that differ only in case are the same; they keep the case that they were made with.
        coarse: the seconds to which its stamps are rounded down.
    """
    backing = backing or root.with_name(root.name + ".backing")
    for folder in (root, backing):
        folder.mkdir(parents=True, exist_ok=True)
    options = [*(["--casefold"] if casefold else []), "--coarse", str(coarse)]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fuse_server", str(backing), str(root), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={
            **os.environ,
            "FUSE_LIBRARY_NAME": "fuse3",
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        },
    )
    fuse = Fuse(root, backing, server)
    try:
        fuse._answer("mounted")
        with _guarded(server, root):
            yield fuse
    finally:
        server.kill()
        server.communicate()
        subprocess.run(["umount", "-l", root], capture_output=True, check=False)


@contextlib.contextmanager
def _guarded(server: subprocess.Popen[str], root: Path) -> Iterator[None]:
    connection = f"/sys/fs/fuse/connections/{_device(root)}"
    arguments = [str(os.getpid()), str(server.pid), str(root), connection]
    guard = subprocess.Popen(["sh", "-c", _GUARD, "sh", *arguments], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        guard.kill()
        guard.wait()


def _device(root: Path) -> str:
    """The minor number of the mount's device, without touching the mount: its connection has the same."""
    wanted = os.fsencode(root.parent.resolve() / root.name)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
            _, _, device, _, mountpoint, *_ = line.split()
            if mountpoint.decode("unicode_escape").encode("latin-1") == wanted:
                return device.decode().partition(":")[2]
    raise AssertionError(f"{root} is not mounted")
