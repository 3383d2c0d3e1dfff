"""Random operations on a real folder, and what is on it by an account of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Disk", "State", "state_of"]

State = dict[str, tuple[int, int, str]]
"""path → (mtime_ns, inode, digest of the content) of every file, and of every link that leads to one."""


def state_of(root: str) -> State:
    """What is on disk below `root`, links to folders not entered."""
    return {path: found for path in _entries(root) if (found := _file(path)) is not None}


def _entries(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            yield from _entries(path)
        else:
            yield path


def _file(path: str) -> tuple[int, int, str] | None:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        with open(path, "rb") as file:
            return status.st_mtime_ns, status.st_ino, hashlib.sha1(file.read()).hexdigest()
    except OSError:
        return None


class Disk:
    """The operations a person, an editor, git or a build does to files; each is real.

    Args:
        root: the watched folder.
        outside: another one beside it, from and to which things are moved.
    """

    def __init__(self, root: Path, outside: Path) -> None:
        self.root, self.outside = os.fspath(root), os.fspath(outside)
        self._count = 0

    def write(self, name: str, text: str) -> None:
        """Create or overwrite in place."""
        path = self._at(name)
        if not os.path.isdir(path):
            self._make_parent(path)
            if not self._blocked(path):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)

    def append(self, name: str, text: str) -> None:
        path = self._at(name)
        if os.path.isfile(path):
            with open(path, "a", encoding="utf-8") as file:
                file.write(text)

    def truncate(self, name: str) -> None:
        path = self._at(name)
        if os.path.isfile(path):
            os.truncate(path, 0)

    def chmod(self, name: str, mode: int) -> None:
        path = self._at(name)
        if os.path.isfile(path):
            os.chmod(path, mode)

    def touch(self, name: str, at: float | None) -> None:
        path = self._at(name)
        if os.path.isfile(path):
            os.utime(path, None if at is None else (at, at))

    def replace(self, name: str, text: str) -> None:
        """As most editors save: write beside it, rename over it."""
        path = self._at(name)
        if not os.path.isdir(path):
            self._make_parent(path)
            if not self._blocked(path):
                self._count += 1
                beside = os.path.join(os.path.dirname(path), f".save{self._count}")
                with open(beside, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(beside, path)

    def write_back(self, name: str) -> None:
        """Other content of the same size, in place, with the mtime put back: as `rsync --inplace --times` does it."""
        path = self._at(name)
        if os.path.isfile(path) and os.path.getsize(path):
            before = os.stat(path)
            with open(path, "r+b") as file:
                first = file.read(1)
                file.seek(0)
                file.write(b"y" if first == b"x" else b"x")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def unpack(self, name: str, text: str) -> None:
        """A file whose mtime is always the same, as reproducible archives have it, replaces what was there."""
        path = self._at(name)
        if not os.path.isdir(path):
            self._make_parent(path)
            if not self._blocked(path):
                self._count += 1
                beside = os.path.join(os.path.dirname(path), f".unpacked{self._count}")
                Path(beside).write_text(text)
                os.utime(beside, (1e9, 1e9))
                os.replace(beside, path)

    def hard_link(self, name: str, to: str, *, outside: bool) -> None:
        """Give a file of the folder, or one outside of it, another name."""
        path = self._at(name)
        target = os.path.join(self.outside, "target-" + to.replace("/", "_")) if outside else self._at(to)
        if os.path.isfile(target) and not os.path.islink(target) and not os.path.lexists(path):
            self._make_parent(path)
            if not self._blocked(path) and not self._blocked(target):
                os.link(target, path)

    def rename(self, old: str, new: str) -> None:
        """A file or a folder."""
        source, target = self._at(old), self._at(new)
        if os.path.lexists(source) and not target.startswith(source) and not source.startswith(target):
            self._make_parent(target)
            if not self._blocked(target) and not os.path.isdir(target):
                if os.path.isdir(source) and os.path.lexists(target):
                    return
                os.rename(source, target)

    def move_out(self, name: str) -> None:
        source = self._at(name)
        if os.path.lexists(source):
            self._count += 1
            os.rename(source, os.path.join(self.outside, f"moved{self._count}"))

    def move_in(self, name: str, files: int) -> None:
        """A folder with a tree in it, made elsewhere."""
        self._count += 1
        made = Path(self.outside, f"made{self._count}")
        for number in range(files):
            folder = made / f"d{number % 3}" / "deep"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"f{number}").write_text(str(number))
        made.mkdir(exist_ok=True)
        target = self._at(name)
        if not os.path.lexists(target):
            self._make_parent(target)
            if not self._blocked(target):
                os.rename(made, target)

    def delete(self, name: str) -> None:
        """A file, a link or a whole tree."""
        path = self._at(name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)

    def recreate(self, name: str, text: str) -> None:
        """Delete, then write anew."""
        self.delete(name)
        self.write(name, text)

    def make_folders(self, name: str, depth: int) -> None:
        """`mkdir -p` and a file in each, at once."""
        path = self._at(name)
        for number in range(depth):
            if self._blocked(os.path.join(path, "x")):
                return
            os.makedirs(path, exist_ok=True)
            Path(path, f"f{number}").write_text("x") if not os.path.isdir(os.path.join(path, f"f{number}")) else None
            path = os.path.join(path, f"n{number}")

    def link(self, name: str, to: str, *, outside: bool) -> None:
        """Make or retarget a link, atomically, to a file, a folder or nothing."""
        path = self._at(name)
        target = os.path.join(self.outside, "target-" + to.replace("/", "_")) if outside else self._at(to)
        if os.path.isdir(path) and not os.path.islink(path):
            return
        self._make_parent(path)
        if not self._blocked(path) and path != target:
            self._count += 1
            beside = os.path.join(os.path.dirname(path), f".link{self._count}")
            os.symlink(os.path.relpath(target, os.path.dirname(path)), beside)
            os.replace(beside, path)

    def write_outside(self, name: str, text: str) -> None:
        """What links may lead to."""
        Path(self.outside, "target-" + name.replace("/", "_")).write_text(text)

    def drop_outside(self, name: str) -> None:
        Path(self.outside, "target-" + name.replace("/", "_")).unlink(missing_ok=True)

    def delete_root(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def restore_root(self) -> None:
        os.makedirs(self.root, exist_ok=True)

    def _at(self, name: str) -> str:
        return os.path.join(self.root, name)

    def _make_parent(self, path: str) -> None:
        parent = os.path.dirname(path)
        if not self._blocked(path):
            os.makedirs(parent, exist_ok=True)

    def _blocked(self, path: str) -> bool:
        """Whether something on the way to `path` is no folder, or a link that leads outside the tree."""
        parent = os.path.dirname(path)
        while len(parent) >= len(self.root):
            if os.path.lexists(parent) and (not os.path.isdir(parent) or os.path.islink(parent)):
                return True
            parent = os.path.dirname(parent)
        return False
