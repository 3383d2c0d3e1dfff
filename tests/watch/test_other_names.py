"""What is written through another name of the file: hard links, bind mounts, and files that had no name at first."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.flush import Pacing
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.folder import Folder
from reloadls.watch.snapshot.snapshot import Snapshot
from reloadls.watch.sources.choose import SourceName
from reloadls.watch.sources.linux.calls import ATTRIB, CLOSE_WRITE, CREATE, DELETE, MODIFY
from reloadls.watch.sources.linux.unwritten import UnwrittenPaths
from tests.support.watching import SOURCES, piping

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="other names are of POSIX systems")

Step = Callable[[Path], object]


def write(name: str) -> Step:
    """Write in place, every time something longer."""

    def act(base: Path) -> None:
        with (base / name).open("a") as file:
            file.write("more")

    return act


def write_back(name: str) -> Step:
    """Write in place, and put the mtime back."""

    def act(base: Path) -> None:
        before = (base / name).stat()
        with (base / name).open("r+") as file:
            file.write("X")
        os.utime(base / name, ns=(before.st_atime_ns, before.st_mtime_ns))

    return act


def link(old: str, new: str) -> Step:
    return lambda base: os.link(base / old, base / new)


def move(old: str, new: str) -> Step:
    return lambda base: os.rename(base / old, base / new)


def replace(name: str) -> Step:
    def act(base: Path) -> None:
        (base / "outside" / "new").write_text("replaced")
        os.replace(base / "outside" / "new", base / name)

    return act


def remove(name: str) -> Step:
    return lambda base: (base / name).unlink()


def chmod(name: str) -> Step:
    return lambda base: (base / name).chmod(0o640)


async def check(base: Path, source: SourceName, roots: str, *steps: tuple[Step, str]) -> None:
    """Each step, then a sync, reports just ``"path:c …"``."""
    pacing = Pacing(debounce=0.02, max_wait=0.2, poll_delay=0.02, use=source)
    async with piping([base / root for root in roots.split()], pacing=pacing) as (reported, pipeline):
        for step, expected in steps:
            step(base)
            await pipeline.sync()
            found = {os.path.relpath(path, base): kind[0] for path, kind in reported.net().items()}
            assert found == dict(item.split(":") for item in expected.split())
            reported.clear()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("root/a/f", "root/b/other", "outside/f", "outside/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
        os.utime(path, (1e9, 1e9))
    return tmp_path


# -- hard links ----------------------------------------------------------------------------------------------------

_BOTH = "root/a/f:m root/b/g:m"
_LINKED: list[tuple[str, str, str, list[tuple[Step, str]]]] = [
    ("both names in one root", "root", "root/a/f root/b/g", [(write("root/a/f"), _BOTH), (write("root/b/g"), _BOTH)]),
    ("two roots", "root/a root/b", "root/a/f root/b/g", [(write("root/a/f"), _BOTH), (write("root/b/g"), _BOTH)]),
    ("the other outside", "root", "outside/f root/b/g", [(write("outside/f"), "root/b/g:m")] * 2),
    ("a file as root", "root/b/g", "outside/f root/b/g", [(write("outside/f"), "root/b/g:m")] * 2),
    ("the mtime is put back", "root", "outside/f root/b/g", [(write_back("outside/f"), "root/b/g:m")]),
    ("a chmod is silent", "root", "outside/f root/b/g", [(chmod("outside/f"), ""), (write("outside/f"), "root/b/g:m")]),
    (
        "the other name goes",
        "root",
        "outside/f root/b/g",
        [(remove("outside/f"), ""), (write("root/b/g"), "root/b/g:m")],
    ),
    (
        "replaced: no other name any more",
        "root",
        "outside/f root/b/g",
        [(replace("root/b/g"), "root/b/g:m"), (write("outside/f"), ""), (write("root/b/g"), "root/b/g:m")],
    ),
    (
        "moved with its folder",
        "root",
        "outside/f root/b/g",
        [
            (move("root/b", "root/c"), "root/b/g:d root/b/other:d root/c/g:c root/c/other:c"),
            (write("outside/f"), "root/c/g:m"),
        ],
    ),
    (
        "moved itself",
        "root",
        "outside/f root/b/g",
        [(move("root/b/g", "root/h"), "root/b/g:d root/h:c"), (write("outside/f"), "root/h:m")],
    ),
    (
        "moved out",
        "root",
        "outside/f root/b/g",
        [(move("root/b/g", "outside/h"), "root/b/g:d"), (write("outside/f"), "")],
    ),
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", _LINKED, ids=lambda case: case[0])
async def test_a_hard_link_from_the_start(case: tuple[str, str, str, Any], source: SourceName, base: Path) -> None:
    _, roots, names, steps = case
    os.link(*(base / name for name in names.split()))
    await check(base, source, roots, *steps)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("roots", "steps"),
    [
        (
            "root",
            [(link("root/a/f", "root/b/g"), "root/b/g:c"), (write("root/a/f"), _BOTH), (write("root/b/g"), _BOTH)],
        ),
        ("root", [(link("outside/f", "root/b/g"), "root/b/g:c"), (write("outside/f"), "root/b/g:m")]),
        ("root/a root/b", [(link("root/a/f", "root/b/g"), "root/b/g:c"), (write("root/b/g"), _BOTH)]),
        ("root/a/f", [(link("root/a/f", "outside/g"), ""), (write("outside/g"), "root/a/f:m")]),
    ],
)
async def test_a_hard_link_made_later(roots: str, steps: Any, source: SourceName, base: Path) -> None:
    await check(base, source, roots, *steps)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_link_to_a_file_with_a_hard_link(source: SourceName, base: Path) -> None:
    os.link(base / "outside/f", base / "outside/g")
    (base / "elsewhere").mkdir()
    os.rename(base / "outside/g", base / "elsewhere/g")
    (base / "root/link").symlink_to(base / "outside/f")
    await check(base, source, "root", (write("elsewhere/g"), "root/link:m"), (write("outside/f"), "root/link:m"))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel reports it")
async def test_without_a_sync_too(base: Path) -> None:
    os.link(base / "outside/f", base / "root/b/g")
    async with piping([base / "root"], pacing=Pacing(0.02, 0.2, use="inotify")) as (reported, _):
        write("outside/f")(base)
        await reported.until({str(base / "root/b/g"): "modified"})


# -- a file that had no name ---------------------------------------------------------------------------------------


def name(descriptor: int, path: Path) -> None:
    """`linkat` of an open file; `os.link` makes that call only if a folder's descriptor is given."""
    folder = os.open("/proc/self/fd", os.O_RDONLY)
    os.link(str(descriptor), path, src_dir_fd=folder, follow_symlinks=True)
    os.close(folder)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has O_TMPFILE")
async def test_a_file_that_is_linked_while_it_is_open(source: SourceName, base: Path) -> None:
    try:
        descriptor = os.open(base / "root", os.O_TMPFILE | os.O_RDWR, 0o644)
    except OSError:
        pytest.skip("this file system has no O_TMPFILE")
    os.write(descriptor, b"1")
    with open(descriptor, "wb", buffering=0) as file:
        await check(
            base,
            source,
            "root",
            (
                lambda base: name(descriptor, base / "root/new"),
                "root/new:c",
            ),
            (lambda _: file.write(b"22"), "root/new:m"),
            (lambda _: file.write(b"333"), "root/new:m"),
            (chmod("root/new"), ""),
        )


# -- bind mounts ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def bound(place: Path, at: Path) -> Iterator[None]:
    """`place`, a folder or a file, is mounted at `at`, too."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount")
    if subprocess.run(["mount", "--bind", place, at], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", at], check=True)


_IN_A = "root/b/f:m"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("mount", "roots", "steps"),
    [
        ("outside root/b", "root", [(write("outside/f"), _IN_A), (write("root/b/f"), _IN_A)]),
        ("outside root/b", "root/b", [(write("outside/f"), _IN_A), (write("root/b/f"), _IN_A)]),
        ("outside root/b", "root/b/f", [(write("outside/f"), _IN_A), (replace("outside/f"), _IN_A)]),
        ("outside root/b", "root", [(remove("outside/f"), "root/b/f:d"), (write("outside/new"), "root/b/new:c")]),
        (
            "outside root/b",
            "root",
            [(lambda base: (base / "outside/d").mkdir(), ""), (write("outside/d/n"), "root/b/d/n:c")],
        ),
        (
            "root/a root/b",
            "root",
            [(write("root/a/f"), "root/a/f:m root/b/f:m"), (write("root/b/f"), "root/a/f:m root/b/f:m")],
        ),
        ("outside/x root/a/f", "root", [(write("outside/x"), "root/a/f:m"), (write("root/a/f"), "root/a/f:m")]),
        (
            "outside/x root/a/f",
            "root/a/f",
            [(write("outside/x"), "root/a/f:m"), (write_back("outside/x"), "root/a/f:m")],
        ),
    ],
)
async def test_a_bind_mount(mount: str, roots: str, steps: Any, source: SourceName, base: Path) -> None:
    place, at = mount.split()
    with bound(base / place, base / at):
        await check(base, source, roots, *steps)


@pytest.mark.parametrize("source", ["inotify", "polling"])
async def test_a_file_mounted_while_it_is_watched(source: SourceName, base: Path) -> None:
    pacing = Pacing(0.02, 0.2, poll_delay=0.02, use=source)
    async with piping([base / "root"], pacing=pacing) as (reported, _):
        with bound(base / "outside/x", base / "root/a/f"):
            await reported.until({str(base / "root/a/f"): "modified"})
            reported.clear()
            write("outside/x")(base)
            await reported.until({str(base / "root/a/f"): "modified"})


# -- a file that gets another name, looked at before it is watched itself --------------------------------------------


class _Watching:
    """Every folder is watched natively, and a file from when it is first looked at as one with other names."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    def enter(self, path: str, folder: Folder) -> None:
        folder.watch = self

    def leave(self, path: str, folder: Folder) -> None:
        pass

    def enter_file(self, path: str) -> bool:
        new = path not in self.files
        self.files.add(path)
        return new


@pytest.mark.parametrize(("written", "expected"), [(False, "root/b/g:c"), (True, "root/a/f:m root/b/g:c")])
def test_a_file_with_a_new_name_has_not_changed(written: bool, expected: str, base: Path) -> None:
    snapshot = Snapshot(Scope((str(base / "root"),)), _Watching())
    snapshot.begin()
    link("root/a/f", "root/b/g")(base)
    if written:
        write_back("root/b/g")(base)
    new = str(base / "root/b/g")
    changes = snapshot.reconcile([new], metadata=frozenset() if written else frozenset({new}))
    found = {os.path.relpath(change.path, base): change.change_type[0] for change in changes}
    assert found == dict(item.split(":") for item in expected.split())


@pytest.mark.parametrize("source", SOURCES)
async def test_a_tree_of_hard_links_changes_nothing_in_its_source(source: SourceName, base: Path) -> None:
    def copy(base: Path) -> None:
        for name in ("f", "deep/f"):
            (base / "root/c" / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(base / "root/a" / name, base / "root/c" / name)

    (base / "root/a/deep").mkdir()
    (base / "root/a/deep/f").write_text("content")
    os.utime(base / "root/a/deep/f", (1e9, 1e9))
    both = "root/a/deep/f:m root/c/deep/f:m"
    await check(
        base,
        source,
        "root",
        (copy, "root/c/f:c root/c/deep/f:c"),
        (write_back("root/a/deep/f"), both),
        (write("root/c/deep/f"), both),
    )


@pytest.mark.parametrize(
    ("events", "unwritten"),
    [
        ([CREATE], True),
        ([CREATE | ATTRIB], True),
        ([CREATE, MODIFY], False),
        ([CREATE | CLOSE_WRITE], False),
        ([DELETE, CREATE], False),
    ],
)
def test_a_new_name_alone_is_no_write(events: list[int], unwritten: bool) -> None:
    one_read = UnwrittenPaths()
    for mask in events:
        one_read.note("name", mask, ())
    assert one_read.paths() == ({"name"} if unwritten else set())
