"""The work that every peer gets: trees, saves, storms, and the changes that watchers lose.

What should be told is never written down by hand: it is the difference between the disk before and after. Files are
looked at without being opened, since some watchers watch that, too.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.acts import Act, Place, all_of, copy, link, move, nested, pack, remove, replaced, tree, unpack, write

__all__ = ["CASES", "STORMS", "Case", "Sizes", "Storm", "differences", "files_below", "make_tree", "storm"]

Files = dict[str, tuple[int, int, int]]
"""path → (mtime_ns, size, inode) of every file, and of every link that leads to one."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    saves: int = 200
    storm_folders: int = 200
    storm_files: int = 20_000
    start_folders: int = 10_000
    start_files: int = 100_000
    idle_s: float = 20.0
    patience_s: float = 2.0
    """How long nothing has to come before no more is expected."""
    calm_s: float = 0.4
    """After a peer is ready, before work begins: what it does late about its start is not measured."""
    extra_s: float = 0.25
    """After all has been told: for what should not be told."""
    side_by_side: int = 1
    """How many of the cases of loss are tried at once."""
    scale: float = 1.0
    """Of the cases of loss."""

    def times(self, count: int) -> int:
        return max(2, int(count * self.scale))


FULL = Sizes()
QUICK = Sizes(
    saves=6,
    storm_folders=20,
    storm_files=1000,
    start_folders=200,
    start_files=2000,
    idle_s=1.0,
    patience_s=0.4,
    calm_s=0.1,
    extra_s=0.1,
    side_by_side=8,
    scale=0.1,
)


def make_tree(root: str, folders: int, files: int) -> list[str]:
    """Make `folders` two deep with `files` in all, and return the files."""
    made = []
    for number in range(folders):
        folder = f"{root}/d{number // 100}/s{number}"
        os.makedirs(folder)
        for file in range(number, files, folders):
            path = f"{folder}/f{file}.py"
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            made.append(path)
    return made


# -- storms

Storm = str
STORMS: dict[Storm, str] = {
    "create": "os.close(os.open(path, os.O_CREAT | os.O_WRONLY))",
    "modify": "file = os.open(path, os.O_WRONLY | os.O_TRUNC); os.write(file, b'x'); os.close(file)",
    "delete": "os.unlink(path)",
}
_STORM = """
import os, sys, time
root, folders, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
paths = [f"{{root}}/d{{number % folders // 100}}/s{{number % folders}}/storm{{number}}.py" for number in range(files)]
begun = time.monotonic_ns()
for path in paths:
    {act}
print(begun, time.monotonic_ns())
"""


def storm(kind: Storm, root: str, folders: int, files: int) -> tuple[int, int]:
    """Do one thing to many files, from a process of its own; return when it began and ended, in ns."""
    argv = [sys.executable, "-S", "-E", "-c", _STORM.format(act=STORMS[kind]), root, str(folders), str(files)]
    begun, ended = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    return int(begun), int(ended)


# -- what is lost


@dataclass(frozen=True)
class Case:
    """Something that watchers lose.

    Attributes:
        name: what is done.
        steps: what is done; each is told, or given up, before the next is taken.
        prepare: what is there before watching begins.
        root: what is watched, a name in the place.
        at_once: whether the first step is taken as soon as the watcher's start has given control back.
        paused: whether the watching processes stand still during the steps.
    """

    name: str
    steps: Callable[[Sizes], list[Act]]
    prepare: Callable[[Sizes], Act]
    root: str = "root"
    at_once: bool = False
    paused: bool = False


def _cases() -> Iterator[Case]:
    none: Act = lambda _: None  # noqa: E731
    yield Case(
        "`mkdir -p a/b/c` + 4 writes",
        lambda size: [nested("root", size.times(200))],
        lambda _: none,
    )
    yield Case(
        "`cp -r`",
        lambda _: [copy("outside/t", "root/t")],
        lambda size: tree("outside/t", size.times(40)),
    )
    yield Case(
        "`tar x`",
        lambda _: [unpack("root")],
        lambda size: all_of(tree("outside/t", size.times(40)), pack("outside/t")),
    )
    yield Case(
        "a folder moved in",
        lambda _: [move("outside/t", "root/t")],
        lambda size: tree("outside/t", size.times(40)),
    )
    yield Case(
        "a watched file replaced, 3 times",
        lambda _: [replaced("root/one.py")] * 3,
        lambda _: write("root/one.py"),
        "root/one.py",
    )
    yield Case(
        "the root deleted and back",
        lambda _: [remove("root"), write("root/a/one.py"), write("root/a/one.py")],
        lambda _: write("root/a/one.py", "root/two.py"),
    )
    yield Case(
        "a link retargeted (Kubernetes' `..data`)",
        lambda _: [
            all_of(
                write("root/..rev2/config", "root/..rev2/other"), link("root/..data", "..rev2"), remove("root/..rev1")
            )
        ],
        lambda _: all_of(
            write("root/..rev1/config", "root/..rev1/other"),
            link("root/..data", "..rev1"),
            link("root/config", "..data/config"),
            link("root/other", "..data/other"),
        ),
    )
    yield Case(
        "40 writes right after the start",
        lambda _: [write(*(f"root/t/d{n % 5}/e{n}/f/1.py" for n in range(40)))],
        lambda size: tree("root/t", 200, size.times(10)),
        at_once=True,
    )
    yield Case(
        "creates while it stood still",
        lambda size: [write_many(size.times(20_000))],
        lambda _: none,
        paused=True,
    )


def write_many(count: int) -> Act:
    def act(place: Place) -> None:
        for number in range(count):
            os.close(os.open(f"{place.root}/f{number}", os.O_CREAT | os.O_WRONLY))

    return act


CASES: tuple[Case, ...] = tuple(_cases())


def prepare(case: Case, base: Path, sizes: Sizes) -> Place:
    """Make what is there before watching begins, all of it old."""
    base.mkdir()
    place = Place(base)
    place.make()
    case.prepare(sizes)(place)
    place.age()
    return place


def files_below(root: str) -> Files:
    """What is on disk: links to folders are not entered, links to files are those files."""
    return dict(_files(root))


def _files(path: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            yield path, (status.st_mtime_ns, status.st_size, status.st_ino)
        names = os.listdir(path) if stat.S_ISDIR(status.st_mode) else []
    except OSError:
        return
    for name in names:
        below = os.path.join(path, name)
        if not (os.path.islink(below) and os.path.isdir(below)):
            yield from _files(below)


def differences(before: Files, after: Files) -> dict[str, str]:
    """What has to be told: path → created, modified or deleted."""
    changes = {path: "deleted" for path in before if path not in after}
    changes.update({path: "created" for path in after if path not in before})
    changes.update({path: "modified" for path in after if path in before and after[path] != before[path]})
    return changes


def settle_clock() -> None:
    """Let the clock tick on, so that what is written next is dated later than all before."""
    time.sleep(0.02)
