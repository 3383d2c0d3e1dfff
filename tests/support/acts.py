"""What is done to the disk in the loss tests: by editors, git, shells and programs; each is real."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Act",
    "Place",
    "all_of",
    "append",
    "copy",
    "empty_files",
    "git",
    "hard_link",
    "link",
    "make",
    "mode",
    "move",
    "nested",
    "overflow_by_creating",
    "overflow_by_reading",
    "pack",
    "read",
    "remove",
    "replace",
    "replaced",
    "sed",
    "touch",
    "tree",
    "truncate",
    "undecodable",
    "unpack",
    "vim_saves",
    "write",
]

_numbers = itertools.count()


@dataclass(frozen=True)
class Place:
    """Where a case happens: `root` is watched, `outside` is beside it."""

    base: Path

    @property
    def root(self) -> Path:
        return self.base / "root"

    @property
    def outside(self) -> Path:
        return self.base / "outside"

    def make(self) -> None:
        self.root.mkdir()
        self.outside.mkdir()

    def age(self) -> None:
        """Make all that is there old, so that what comes next differs from it whatever the clock's tick."""
        for folder, _, names in os.walk(self.base):
            for name in names:
                os.utime(os.path.join(folder, name), (1e9, 1e9), follow_symlinks=False)


Act = Callable[[Place], object]


def write(*names: str) -> Act:
    """Write each in place; every time something else, of another size."""

    def act(place: Place) -> None:
        for name in names:
            path = place.base / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x" * (next(_numbers) % 1000))

    return act


def append(name: str) -> Act:
    def act(place: Place) -> None:
        with (place.base / name).open("a") as file:
            file.write("more")

    return act


def replace(path: Path) -> None:
    """As most editors save: write beside it, rename over it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text("y" * (next(_numbers) % 1000))
    os.replace(beside, path)


def replaced(*names: str) -> Act:
    def act(place: Place) -> None:
        for name in names:
            replace(place.base / name)

    return act


def sed(name: str) -> Act:
    return lambda place: subprocess.run(
        ["sed", "-i", f"1i line {next(_numbers)}", os.fspath(place.base / name)], check=True
    )


def tree(name: str, folders: int = 20, files: int = 10) -> Act:
    """Make a tree of `folders` x `files`, three deep."""

    def act(place: Place) -> None:
        for folder in range(folders):
            at = place.base / name / f"d{folder % 5}" / f"e{folder}" / "f"
            at.mkdir(parents=True)
            for file in range(files):
                (at / f"{file}.py").write_text("x")

    return act


def nested(name: str, times: int) -> Act:
    """`mkdir -p a/b/c`, and a file in each folder at once, many times."""

    def act(place: Place) -> None:
        for number in range(times):
            at = place.base / name / f"a{number}"
            (at / "b" / "c").mkdir(parents=True)
            for folder in (at, at / "b", at / "b" / "c", at / "b" / "c"):
                (folder / f"f{next(_numbers)}").write_text("x")

    return act


def move(old: str, new: str) -> Act:
    return lambda place: os.rename(place.base / old, place.base / new)


def remove(*names: str) -> Act:
    def act(place: Place) -> None:
        for name in names:
            path = place.base / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    return act


def make(*names: str) -> Act:
    def act(place: Place) -> None:
        for name in names:
            (place.base / name).mkdir(parents=True)

    return act


def link(name: str, to: str) -> Act:
    """Make or retarget a link, atomically."""

    def act(place: Place) -> None:
        path = place.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name("..link_tmp")
        beside.symlink_to(to)
        os.replace(beside, path)

    return act


def copy(old: str, new: str) -> Act:
    return lambda place: subprocess.run(["cp", "-r", place.base / old, place.base / new], check=True)


def pack(name: str) -> Act:
    def act(place: Place) -> None:
        with tarfile.open(place.base / "outside.tar", "w") as tar:
            tar.add(place.base / name, "unpacked")

    return act


def unpack(to: str) -> Act:
    return lambda place: subprocess.run(["tar", "xf", place.base / "outside.tar", "-C", place.base / to], check=True)


def mode(name: str, *modes: int) -> Act:
    def act(place: Place) -> None:
        for mode in modes:
            os.chmod(place.base / name, mode)

    return act


def touch(name: str, at: float | None = None) -> Act:
    return lambda place: os.utime(place.base / name, None if at is None else (at, at))


def all_of(*acts: Act) -> Act:
    return lambda place: [act(place) for act in acts]


def git(*arguments: str) -> Act:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"]
    return lambda place: subprocess.run(
        ["git", *who, *arguments],
        cwd=place.root,
        check=True,
        capture_output=True,
        env={**os.environ, "HOME": "/nowhere"},
    )


def undecodable(place: Place) -> None:
    with open(os.fsencode(place.root) + b"/name-\xff\xfe.py", "wb") as file:
        file.write(b"x")


def vim_saves(name: str) -> Act:
    """The files that Vim makes for one `:w` with a backup: they come, and all but one go."""

    def act(place: Place) -> None:
        path = place.base / name
        probe, backup, swap = (
            path.with_name("4913"),
            path.with_name(path.name + "~"),
            path.with_name(f".{path.name}.swp"),
        )
        swap.write_text("swap")
        probe.touch()
        probe.unlink()
        os.rename(path, backup)
        path.write_text("v" * (next(_numbers) % 1000))

    return act


def _queue_length() -> int:
    try:
        return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    except OSError:
        return 16384


def overflow_by_creating(place: Place) -> None:
    for number in range(_queue_length() + 3616):  # 20,000 with the usual queue
        os.close(os.open(place.root / f"f{number}", os.O_CREAT | os.O_WRONLY))


def overflow_by_reading(place: Place) -> None:
    """As `grep -r` does; then an edit."""
    paths = [entry.path for entry in os.scandir(place.root / "many")]
    for path in itertools.islice(itertools.cycle(paths), _queue_length() + 4096):
        os.close(os.open(path, os.O_RDONLY))
    replace(place.root / "one.py")


def empty_files(name: str, count: int) -> Act:
    def act(place: Place) -> None:
        (place.base / name).mkdir()
        for number in range(count):
            (place.base / name / f"f{number}").touch()

    return act


def truncate(name: str) -> Act:
    return lambda place: os.truncate(place.base / name, 0)


def hard_link(old: str, new: str) -> Act:
    return lambda place: os.link(place.base / old, place.base / new)


def read(place: Place) -> None:
    """Open and read all that is watched."""
    for path in place.root.rglob("*.py"):
        path.read_text()
