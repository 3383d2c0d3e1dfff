"""What is hard to watch, through each front door: the library, the command, and the service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from reloadls.protocol import from_uri
from reloadls.watch.change import ChangeType, FileChange, net_changes
from tests.cli.running import start
from tests.support.service import serving
from tests.support.watching import watching

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, and times that can be set, as POSIX has them")

Step = Callable[[Path], object]


def write(name: str, text: str = "longer than before") -> Step:
    def act(base: Path) -> None:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(text)

    return act


def write_back(name: str, first: str = "X") -> Step:
    """Other content of the same size, in place; the mtime is put back."""

    def act(base: Path) -> None:
        before = (base / name).stat()
        with (base / name).open("r+") as file:
            file.write(first)
        os.utime(base / name, ns=(before.st_atime_ns, before.st_mtime_ns))

    return act


def unpacked_again(name: str) -> Step:
    """Another file of the same size and mtime takes its place."""

    def act(base: Path) -> None:
        (base / "new").write_text("0" * (base / name).stat().st_size)
        os.utime(base / "new", (1e9, 1e9))
        os.replace(base / "new", base / name)

    return act


def folder_to_link(name: str, to: str) -> Step:
    def act(base: Path) -> None:
        (base / name).mkdir()
        (base / name).rmdir()
        (base / name).symlink_to(base / to)

    return act


@dataclass(frozen=True)
class Kind:
    """What is there at the start, the roots, what is done, and what becomes of which file."""

    roots: str
    act: Step
    expected: str
    before: tuple[Step, ...] = ()


KINDS = {
    "other content under the same stamps": Kind("ws", write_back("ws/a/f"), "ws/a/f:modified"),
    "unpacked again": Kind("ws", unpacked_again("ws/a/f"), "ws/a/f:modified"),
    "a .gitignore under the same stamps": Kind(
        "ws",
        lambda base: (write_back("ws/.gitignore", "*")(base), write("ws/a.log")(base), write("ws/b.py")(base)),
        "ws/.gitignore:modified ws/b.py:created",
        (write("ws/.gitignore", "X.log"), lambda base: os.utime(base / "ws/.gitignore", (1e9, 1e9))),
    ),
    "a root that is a link, in another root": Kind(
        "ws ws/node_modules/pk",
        write("pk/sub/f"),
        "ws/node_modules/pk/sub/f:modified",
        (
            write("pk/sub/f", "0"),
            write("ws/node_modules/x"),
            lambda b: os.symlink("../../pk", b / "ws/node_modules/pk"),
        ),
    ),
    "another name of the file": Kind(
        "ws", write("outside/f"), "ws/a/g:modified", (lambda base: os.link(base / "outside/f", base / "ws/a/g"),)
    ),
    ".gitignore above the root": Kind(
        "ws/a",
        lambda base: (write("ws/.gitignore", "*.py")(base), write("ws/a/x.py")(base), write("ws/a/y.txt")(base)),
        "ws/a/y.txt:created",
        (write("ws/.git/HEAD"), write("ws/.gitignore", "*.log")),
    ),
    "info/exclude": Kind(
        "ws",
        lambda base: (write("ws/.git/info/exclude", "*.log")(base), write("ws/x.log")(base), write("ws/y.py")(base)),
        "ws/y.py:created",
        (write("ws/.git/HEAD"),),
    ),
    "a line of stars": Kind(
        "ws",
        write("ws/" + "a" * 36),
        "ws/" + "a" * 36 + ":created",
        (write("ws/.gitignore", "/**************** Build files ****************/\n*a*a*a*a*a*a*a*b\n"),),
    ),
    "an honest 4913": Kind("ws", write("ws/4913"), "ws/4913:created"),
    "what Sublime Text writes": Kind(
        "ws", lambda base: (write("ws/.sublabc.tmp")(base), write("ws/z")(base)), "ws/z:created"
    ),
    "a folder that is left out, then a link": Kind(
        "ws", folder_to_link("ws/out", "outside/f"), "ws/out:created", (write("ws/.gitignore", "out/"),)
    ),
}


def sentinel(roots: list[Path]) -> Path:
    return roots[0] / "sentinel"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", ["library", "command", "service"])
async def test_it_is_reported(door: str, kind: str, tmp_path: Path) -> None:
    case = KINDS[kind]
    base = tmp_path.resolve()
    for name in ("ws/a/f", "outside/f"):
        write(name, "content")(base)
        os.utime(base / name, (1e9, 1e9))
    for step in case.before:
        step(base)
    roots = [base / root for root in case.roots.split()]
    found = await DOORS[door](roots, lambda: case.act(base))
    relative = {os.path.relpath(path, base): kind for path, kind in found.items() if path != str(sentinel(roots))}
    assert relative == dict(item.split(":") for item in case.expected.split())


async def by_library(roots: list[Path], act: Callable[[], object]) -> dict[str, str]:
    async with watching(roots) as told:
        act()
        sentinel(roots).write_text("!")
        await told.until(lambda: told.has(sentinel(roots)))
        return dict(told.net())


async def by_command(roots: list[Path], act: Callable[[], object]) -> dict[str, str]:
    arguments = [os.fspath(root) for root in roots]
    with start("watch", "--json", *arguments, "--debounce-ms", "20") as running:
        running.until_watching()
        act()
        sentinel(roots).write_text("!")
        running.until(lambda: any("sentinel" in line for line in running.out), "the sentinel")
        lines = [line for line in running.objects() if line["type"] != "snapshot"]
    return net((line["path"], line["type"]) for line in lines)


async def by_service(roots: list[Path], act: Callable[[], object]) -> dict[str, str]:
    async with serving(*roots, debounceMs=20) as client:
        act()
        await client.request("reload/sync")
        batches = client.received("reload/didChange")
        return net((from_uri(change["uri"]), change["type"]) for batch in batches for change in batch["changes"])


def net(reported: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What became of each path: on a slow machine a window may end between the creation of a file and its content."""
    changes = net_changes(FileChange(Path(path), cast(ChangeType, kind)) for path, kind in reported)
    return {os.fspath(change.path): change.change_type for change in changes}


DOORS = {"library": by_library, "command": by_command, "service": by_service}
