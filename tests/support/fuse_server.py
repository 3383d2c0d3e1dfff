"""A FUSE file system that passes everything to a backing folder, and misbehaves on command.

Runs as a program of its own, started by `tests.support.fuse`. Each line of standard input is one command in JSON, each
answered by a line on standard output; the file system ends with its input.
"""

from __future__ import annotations

import argparse
import errno
import functools
import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import mfusepy  # type: ignore[import-untyped]

_STAMPS = ("st_atime", "st_mtime", "st_ctime")
_UTIME_NOW, _UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
_INODE_STEP = 1 << 40


class _Gate:
    """Which operations block or fail now.

    Attributes:
        inodes: how often the inode numbers have changed.
    """

    def __init__(self) -> None:
        self.inodes = 0
        self._free = threading.Condition()
        self._blocked: set[str] | None = set()
        self._failing: dict[str | None, tuple[int, str]] = {}

    def enter(self, operation: str, paths: tuple[str, ...]) -> None:
        """Wait or raise, as was commanded for this operation."""
        with self._free:
            self._free.wait_for(lambda: self._blocked is not None and operation not in self._blocked)
            failure = self._failing.get(operation, self._failing.get(None))
        if failure is not None and any((path + "/").startswith(failure[1] + "/") for path in paths):
            raise OSError(failure[0], os.strerror(failure[0]))

    def obey(self, command: dict[str, Any]) -> None:
        """Carry out one command, of those that `tests.support.fuse.Fuse` sends."""
        with self._free:
            if "block" in command:
                operations = command["block"]
                self._blocked = None if operations is None else set(operations)
            if "fail" in command:
                failure = getattr(errno, command["fail"]), command["below"].rstrip("/")
                self._failing = dict.fromkeys(command["operations"] or [None], failure)
            if "heal" in command:
                self._failing = {}
            if "inodes" in command:
                self.inodes += 1
            self._free.notify_all()


def _operation(act: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(act)
    def through_gate(self: Passthrough, *args: Any) -> Any:
        paths = tuple(arg for arg in args[:2] if isinstance(arg, str))
        self.gate.enter(act.__name__, paths)
        return act(self, *args)

    return through_gate


class Passthrough:
    """What the kernel asks for, answered from a folder."""

    use_ns = True

    def __init__(self, backing: str, gate: _Gate, *, casefold: bool, coarse: int) -> None:
        self.gate = gate
        self._backing = backing
        self._casefold = casefold
        self._tick = coarse * 10**9

    def init_with_config(self, _connection: Any, config: Any) -> None:
        """Keep nothing in the kernel: the backing folder can change, too."""
        config.use_ino = config.hard_remove = 1
        config.attr_timeout = config.entry_timeout = config.negative_timeout = 0.0
        print(json.dumps("mounted"), flush=True)

    # -- names -------------------------------------------------------------------------------------------------

    def _at(self, path: str) -> str:
        if not self._casefold:
            return self._backing + path
        return functools.reduce(_as_spelled, path.strip("/").split("/"), self._backing)

    def _new(self, path: str) -> str:
        """Where `path` is made: spelled as it is given."""
        parent, name = os.path.split(path)
        return os.path.join(self._at(parent), name)

    # -- reading -----------------------------------------------------------------------------------------------

    @_operation
    def getattr(self, path: str, handle: int | None = None) -> dict[str, int]:
        """What `lstat` says, with this file system's inode numbers and stamps."""
        found = os.lstat(self._at(path)) if handle is None else os.fstat(handle)
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks", "st_rdev")
        attributes = {name: getattr(found, name) for name in names}
        for name in _STAMPS:
            stamp = getattr(found, name + "_ns")
            attributes[name] = stamp - stamp % self._tick if self._tick else stamp
        attributes["st_ino"] = self._inode(found.st_ino)
        return attributes

    def _inode(self, number: int) -> int:
        return number + _INODE_STEP * self.gate.inodes

    @_operation
    def opendir(self, path: str) -> int:
        os.close(os.open(self._at(path), os.O_RDONLY | os.O_DIRECTORY))
        return 0

    @_operation
    def readdir(self, path: str, _handle: int) -> Iterator[tuple[str, dict[str, int], int]]:
        entries: list[tuple[str, dict[str, int], int]] = [(name, {"st_mode": stat.S_IFDIR}, 0) for name in (".", "..")]
        with os.scandir(self._at(path)) as found:
            for entry in found:
                mode = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
                entries.append((entry.name, {"st_mode": mode, "st_ino": self._inode(entry.inode())}, 0))
        return iter(entries)

    @_operation
    def readlink(self, path: str) -> str:
        return os.readlink(self._at(path))

    @_operation
    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags)

    @_operation
    def read(self, _path: str, size: int, offset: int, handle: int) -> bytes:
        return os.pread(handle, size, offset)

    def release(self, _path: str, handle: int) -> int:
        os.close(handle)
        return 0

    @_operation
    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._at(path))
        return {name: getattr(found, name) for name in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail")}

    # -- writing -----------------------------------------------------------------------------------------------

    @_operation
    def create(self, path: str, mode: int, flags: int = os.O_WRONLY) -> int:
        return os.open(self._new(path), flags | os.O_CREAT, mode)

    @_operation
    def write(self, _path: str, data: bytes, offset: int, handle: int) -> int:
        return os.pwrite(handle, data, offset)

    @_operation
    def truncate(self, path: str, length: int, handle: int | None = None) -> None:
        os.truncate(self._at(path) if handle is None else handle, length)

    @_operation
    def mknod(self, path: str, mode: int, device: int) -> None:
        os.mknod(self._new(path), mode, device)

    @_operation
    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._new(path), mode)

    @_operation
    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    @_operation
    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))

    @_operation
    def symlink(self, path: str, target: str) -> None:
        os.symlink(target, self._new(path))

    @_operation
    def link(self, path: str, source: str) -> None:
        os.link(self._at(source), self._new(path))

    @_operation
    def rename(self, old: str, new: str) -> None:
        """The new name is spelled as it is given, whether it replaces another or is the old one in another case."""
        source, replaced = self._at(old), self._at(new)
        os.rename(source, replaced)
        os.rename(replaced, self._new(new))

    @_operation
    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), stat.S_IMODE(mode))

    @_operation
    def chown(self, path: str, uid: int, gid: int) -> None:
        os.chown(self._at(path), _signed(uid), _signed(gid), follow_symlinks=False)

    @_operation
    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        at = self._at(path)
        found = os.lstat(at)
        atime, mtime = times or (_UTIME_NOW, _UTIME_NOW)
        stamps = _stamp(atime, found.st_atime_ns), _stamp(mtime, found.st_mtime_ns)
        if _UTIME_NOW in (atime, mtime) and _UTIME_OMIT not in (atime, mtime):
            os.utime(at, follow_symlinks=False)
        else:
            os.utime(at, ns=stamps, follow_symlinks=False)


def _as_spelled(folder: str, name: str) -> str:
    """The entry of `folder` that `name` means whatever its case, or `name` itself."""
    if not os.path.lexists(os.path.join(folder, name)):
        names = os.listdir(folder) if os.path.isdir(folder) else []
        name = next((entry for entry in names if entry.casefold() == name.casefold()), name)
    return os.path.join(folder, name)


def _signed(number: int) -> int:
    return -1 if number == 2**32 - 1 else number


def _stamp(asked: int, now: int) -> int:
    return now if asked in (_UTIME_NOW, _UTIME_OMIT) else asked


def _obey_input(gate: _Gate) -> None:
    for line in sys.stdin:
        gate.obey(json.loads(line))
        print(json.dumps("done"), flush=True)
    os._exit(0)


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backing")
    parser.add_argument("mountpoint")
    parser.add_argument("--casefold", action="store_true")
    parser.add_argument("--coarse", type=int, default=0)
    options = parser.parse_args()
    gate = _Gate()
    threading.Thread(target=_obey_input, args=(gate,), daemon=True).start()
    operations = Passthrough(options.backing, gate, casefold=options.casefold, coarse=options.coarse)
    mfusepy.FUSE(operations, options.mountpoint, foreground=True, allow_other=True, max_threads=16)


if __name__ == "__main__":
    main()
