"""Random operations on files while the disk, the rights or the process's descriptors fail now and then.

A program of its own, since a fault is the whole process's. After each stretch the fault is over, and what was reported
must equal the disk: ``python -m tests.support.faults FAULT OPERATIONS SEED FOLDER``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from reloadls.watch.disk import guarded
from reloadls.watch.flush import Flush, Pacing
from reloadls.watch.pipeline import Pipeline
from reloadls.watch.scope.scope import Scope
from reloadls.watch.status import WatchStatus
from tests.support.fuse import Fuse, mounted

__all__ = ["FAULTS", "main"]

FAULTS = ("hang", "chmod", "descriptors", "bind", "case")
NOBODY = 65534
_STRETCH = 40
"""Operations between two comparisons."""
_DEADLINE_S = 30.0
_NAMES = ("a", "b", "c d", "é", "x.py")
_CASES = ("a", "A", "Bc", "bC", "é", "É")


class Fault(Protocol):
    """What fails for a while.

    Attributes:
        folder: where to change files while it lasts.
    """

    folder: Path

    async def begin(self, random: random.Random, watched: Watched) -> None: ...
    async def end(self) -> None: ...


class Hang:
    """The file system of one root hangs; its files change behind it."""

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse
        self.folder = fuse.root

    async def begin(self, random: random.Random, watched: Watched) -> None:
        self._fuse.hang()
        watched.pipeline.hint([str(self._fuse.root)])
        await watched.until(lambda codes: "timedOut" in codes)
        self.folder = self._fuse.backing

    async def end(self) -> None:
        self.folder = self._fuse.root
        self._fuse.resume()


class Chmod:
    """Folders that can't be listed, or not be entered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changed: list[str] = []

    async def begin(self, random: random.Random, watched: Watched) -> None:
        folders = [at for at, _, _ in os.walk(self.folder)]
        for folder in random.sample(folders, min(len(folders), 1 + random.randrange(3))):
            with contextlib.suppress(OSError):
                os.chmod(folder, random.choice([0o000, 0o100, 0o300, 0o500]))
                self._changed.append(folder)

    async def end(self) -> None:
        for folder in sorted(self._changed, key=len):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
        for at, folders, _ in os.walk(self.folder):  # those that were moved since
            for name in folders:
                if not os.path.islink(os.path.join(at, name)):
                    os.chmod(os.path.join(at, name), 0o700)
        self._changed.clear()


class Descriptors:
    """The process has no descriptors left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._taken: list[int] = []

    async def begin(self, random: random.Random, watched: Watched) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(os.open(os.devnull, os.O_RDONLY))

    async def end(self) -> None:
        while self._taken:
            os.close(self._taken.pop())


class Bind:
    """Another folder is mounted over one of the root's, and is changed from both sides."""

    def __init__(self, root: Path, other: Path) -> None:
        self.folder = self._root = root
        self._other = other
        self._at: Path | None = None

    async def begin(self, random: random.Random, watched: Watched) -> None:
        self._at = self._root.joinpath(*random.choices(_NAMES, k=random.randint(1, 2)))
        try:
            self._at.mkdir(parents=True, exist_ok=True)
        except OSError:  # a file, or a link, is in the way
            self._at = None
            return
        subprocess.run(["mount", "--bind", self._other, self._at], check=True)
        self.folder = self._other

    async def end(self) -> None:
        self.folder = self._root
        if self._at is not None:
            subprocess.run(["umount", "-l", self._at.resolve()], check=True)
            self._at = None


class Case:
    """Nothing fails, but names of other case are the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def begin(self, random: random.Random, watched: Watched) -> None: ...
    async def end(self) -> None: ...


def operate(random: random.Random, folder: Path, names: Sequence[str]) -> None:
    """One operation, none of which needs a descriptor; one that can't be done changes nothing."""
    path = folder.joinpath(*random.choices(names, k=random.randint(1, 3)))
    other = folder.joinpath(*random.choices(names, k=random.randint(1, 3)))
    if names is _CASES:
        path, other = as_listed(path), as_listed(other.parent) / other.name
    acts: Sequence[Callable[[], object]] = [
        path.mkdir,
        lambda: os.mknod(path, 0o600),
        lambda: os.mknod(path, 0o600),
        lambda: os.truncate(path, random.randrange(1, 10_000)),
        lambda: os.truncate(path, random.randrange(1, 10_000)),
        lambda: path.rename(other),
        path.unlink,
        path.rmdir,
        lambda: path.symlink_to(random.choice(names)),
    ][: -1 if names is _CASES else None]
    with contextlib.suppress(OSError):
        random.choice(acts)()


def as_listed(path: Path) -> Path:
    """`path` as its folders list it: through FUSE each spelling has an inode of its own, and reports for itself."""
    spelled = Path(path.anchor)
    for name in path.parts[1:]:
        names = os.listdir(spelled) if spelled.is_dir() else []
        spelled /= name if name in names else next((one for one in names if one.casefold() == name.casefold()), name)
    return spelled


class Watched:
    """A pipeline, and what it said last."""

    def __init__(self, roots: list[Path], deliver: Callable[[Flush], Awaitable[None]]) -> None:
        self._news = asyncio.Event()
        scope = Scope(roots, use_gitignore=False)
        pacing = Pacing(0.002, 0.05)
        self.pipeline = Pipeline(scope, deliver, pacing=pacing, on_status=self._take)
        self._status = self.pipeline.status

    def _take(self, status: WatchStatus) -> None:
        self._status = status
        self._news.set()

    async def until(self, condition: Callable[[list[str]], object]) -> None:
        """Wait until the codes of its problems fulfil `condition`."""
        try:
            async with asyncio.timeout(_DEADLINE_S):
                while not condition([problem.code for problem in self._status.problems]):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"it stayed so: {self._status}") from None


def on_disk(folder: Path) -> dict[str, tuple[int, int]]:
    """Each file → its size and mtime."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            with contextlib.suppress(OSError):
                status = os.stat(path)
                if os.path.isfile(path):
                    found[path] = (status.st_size, status.st_mtime_ns)
    return found


async def run(fault: Fault, roots: list[Path], operations: int, seed: int) -> int:
    """Returns how often what was reported was compared with the disk."""
    names = _CASES if isinstance(fault, Case) else _NAMES
    chance = random.Random(seed)
    picture: set[str] = set()
    changed: set[str] = set()

    async def deliver(flush: Flush) -> None:
        for change in flush.changes:
            path = os.fspath(change.path)
            assert (path in picture) == (change.change_type != "created"), f"seed {seed}: {change}"
            (picture.discard if change.change_type == "deleted" else picture.add)(path)
            changed.add(path)

    watched = Watched(roots, deliver)
    pipeline = watched.pipeline
    await pipeline.start()
    picture.update(await pipeline.files())
    before = {path: stamp for root in roots for path, stamp in on_disk(root).items()}
    compared = 0
    for _ in range(0, operations, _STRETCH):
        begins = chance.randrange(_STRETCH // 2)
        for number in range(_STRETCH):
            if number == begins:
                await fault.begin(chance, watched)
            operate(chance, chance.choice([fault.folder, roots[-1]]), names)
            if chance.random() < 0.1:
                await asyncio.sleep(0.002)
        if isinstance(fault, Bind):
            await pipeline.sync()
            there = {path for root in roots for path in on_disk(root)}
            assert picture == there, (
                f"seed {seed}, mounted: too many {sorted(picture - there)}, missing {sorted(there - picture)}"
            )
        await fault.end()
        await watched.until(lambda codes: not codes)
        await pipeline.sync()
        now = {path: stamp for root in roots for path, stamp in on_disk(root).items()}
        assert picture == now.keys(), (
            f"seed {seed}: too many {sorted(picture - now.keys())}, missing {sorted(now.keys() - picture)}"
        )
        unreported = {path for path, stamp in now.items() if before.get(path, stamp) != stamp} - changed
        assert not unreported, f"seed {seed}: {sorted(unreported)}"
        before, compared = now, compared + 1
        changed.clear()
    await pipeline.stop()
    return compared


def main(name: str, operations: int, seed: int, folder: Path) -> int:
    """Run it; returns how often the two were compared."""
    vars(guarded).update(_PATIENCE_S=0.05, _MOST_PATIENCE_S=0.2)
    root, local = folder / "root", folder / "local"
    for made in (root, local):
        made.mkdir()
        os.chown(made, NOBODY, NOBODY)
    with contextlib.ExitStack() as stack:
        fault: Fault
        if name == "hang":
            fault = Hang(stack.enter_context(mounted(root)))
        elif name == "case":
            fault = Case(stack.enter_context(mounted(root, casefold=True)).root)
        elif name == "bind":
            (folder / "other").mkdir()
            fault = Bind(root, folder / "other")
        elif name == "chmod":
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            fault = Chmod(root)
        else:
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
            fault = Descriptors(root)
        return asyncio.run(run(fault, [root, local], operations, seed))


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
