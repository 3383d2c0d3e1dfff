"""What other watchers lose or invent: each case does something real to the disk.

What should be told is never written down by hand: it is the difference between the disk before and after.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.disk import state_of
from tests.support.watching import Net

__all__ = ["FROZEN_LOSSES", "LOSSES", "Loss", "Place", "State", "difference", "queue_length", "replace"]

State = dict[str, tuple[int, int, str]]

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
Roots = Callable[[Place], list[str | os.PathLike[str]]]


def _root(place: Place) -> list[str | os.PathLike[str]]:
    return [place.root]


@dataclass(frozen=True)
class Loss:
    """One case.

    Attributes:
        name: what is done, in a word or two.
        steps: what is done; each step is told before the next is taken.
        prepare: what is there before watching begins.
        roots: what is watched.
        sentinel: what is written afterwards, to see that no more is told; None if there is no such place.
        ignored: what is on disk but should not be told.
        by_net: whether the native source loses it unseen, so that only the safety net finds it.
    """

    name: str
    steps: tuple[Act, ...]
    prepare: Act = lambda _: None
    roots: Roots = _root
    sentinel: str | None = "root/zz-sentinel"
    ignored: Callable[[str], bool] = field(default=lambda path: "/.git/" in path)
    by_net: bool = False

    def state(self, place: Place) -> State:
        """What is on disk of what is watched."""
        found: State = {}
        for root in map(os.path.abspath, map(os.fspath, self.roots(place))):
            found.update(_state(root))
        sentinel = str(place.base / self.sentinel) if self.sentinel else None
        return {path: entry for path, entry in found.items() if path != sentinel and not self.ignored(path)}


def _state(root: str) -> State:
    if os.path.isdir(root):
        return state_of(root)
    try:
        status = os.stat(root)
    except OSError:
        return {}
    return {root: (status.st_mtime_ns, status.st_ino, "")} if stat.S_ISREG(status.st_mode) else {}


def difference(before: State, after: State) -> Net:
    """What has to be told."""
    changes: Net = {path: "deleted" for path in before if path not in after}
    changes.update({path: "created" for path in after if path not in before})
    changes.update({path: "modified" for path in after if path in before and after[path] != before[path]})
    return changes


def queue_length() -> int:
    try:
        return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    except OSError:
        return 16384


# -- what is done ------------------------------------------------------------------------------------------------


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
    return lambda place: [replace(place.base / name) for name in names]


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
    return lambda place: [os.makedirs(place.base / name) for name in names]


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
    return lambda place: [os.chmod(place.base / name, mode) for mode in modes]


def touch(name: str, at: float | None = None) -> Act:
    return lambda place: os.utime(place.base / name, None if at is None else (at, at))


def all_of(*acts: Act) -> Act:
    return lambda place: [act(place) for act in acts]


def git(*arguments: str) -> Act:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"]
    return lambda place: subprocess.run(
        ["git", *who, *arguments], cwd=place.root, check=True, capture_output=True, env={**os.environ, "HOME": "/nowhere"}
    )


def undecodable(place: Place) -> None:
    with open(os.fsencode(place.root) + b"/name-\xff\xfe.py", "wb") as file:
        file.write(b"x")


def vim_saves(name: str) -> Act:
    """The files that Vim makes for one `:w` with a backup: they come, and all but one go."""

    def act(place: Place) -> None:
        path = place.base / name
        probe, backup, swap = path.with_name("4913"), path.with_name(path.name + "~"), path.with_name(f".{path.name}.swp")
        swap.write_text("swap")
        probe.touch()
        probe.unlink()
        os.rename(path, backup)
        path.write_text("v" * (next(_numbers) % 1000))

    return act


def _from_base(*names: str) -> Roots:
    return lambda place: [place.base / name for name in names]


def _is_temporary(path: str) -> bool:
    name = os.path.basename(path)
    return name.endswith(("~", ".swp", ".swx", "___jb_tmp___", "___jb_old___")) or name.startswith((".#", "4913"))


_ONE = _from_base("root/one.py", "root/zz-sentinel")
_CONFIG = all_of(
    write("root/..rev1/config", "root/..rev1/other"),
    link("root/..data", "..rev1"),
    link("root/config", "..data/config"),
    link("root/other", "..data/other"),
)
_SWAP = all_of(write("root/..rev2/config", "root/..rev2/other"), link("root/..data", "..rev2"), remove("root/..rev1"))
_MODULES = [f"root/package{number % 7}/module{number}.py" for number in range(200)]
_FOLDERS_IN_CIRCLES = all_of(
    *(write(f"root/n{number}/file") for number in range(6)),
    *(link(f"root/n{number}/{side}", f"../n{(number + step) % 6}") for number in range(6) for side, step in (("l", 1), ("r", 2))),
    link("root/self", "."),
    link("root/up", ".."),
)

LOSSES: list[Loss] = [
    # -- new folders
    Loss("mkdir -p and writes", (nested("root", 40), nested("root/a3/b", 40))),
    Loss("cp -r", (copy("outside/t", "root/t"), write("root/t/d1/e1/f/1.py")), tree("outside/t")),
    Loss("tar x", (unpack("root"), write("root/unpacked/d1/e1/f/1.py")), all_of(tree("outside/t"), pack("outside/t"))),
    Loss("a folder moved in", (move("outside/t", "root/t"), write("root/t/d1/e1/f/new.py")), tree("outside/t")),
    Loss("a folder moved out", (move("root/t", "outside/t"), write("outside/t/d1/e1/f/1.py")), tree("root/t")),
    Loss("a folder moved within", (move("root/t", "root/u"), write("root/u/d1/e1/f/1.py")), tree("root/t")),
    Loss("a folder moved in and on", (all_of(move("outside/t", "root/t"), move("root/t", "root/u")),), tree("outside/t")),
    Loss("a folder deleted", (remove("root/t"), write("root/t/x")), tree("root/t")),
    Loss("a folder becomes a file", (all_of(remove("root/t"), write("root/t")), all_of(remove("root/t"), write("root/t/x"))), tree("root/t")),
    Loss("two folders change places", (all_of(move("root/a", "root/c"), move("root/b", "root/a"), move("root/c", "root/b")), write("root/a/x", "root/b/y")), write("root/a/x", "root/a/1", "root/b/x", "root/b/2")),
    Loss("git checkout", (git("checkout", "-q", "other"), git("checkout", "-q", "main"), write("root/t/d1/e1/f/1.py")), all_of(
        git("init", "-q"), tree("root/t"), git("add", "."), git("commit", "-qm1"), git("checkout", "-qb", "other"),
        git("rm", "-rqf", "t/d1"), tree("root/new", 5), git("add", "."), git("commit", "-qm2"), git("checkout", "-q", "main"))),
    # -- a file as the watched path
    Loss("a file replaced", (replaced("root/one.py"),) * 5, write("root/one.py"), _ONE),
    Loss("sed -i on a file", (sed("root/one.py"),) * 5, write("root/one.py"), _ONE),
    Loss("a file deleted and back", (remove("root/one.py"), write("root/one.py"), replaced("root/one.py"), remove("root/one.py"), write("root/one.py")), write("root/one.py"), _ONE),
    Loss("a file's folder deleted and back", (remove("root"), write("root/one.py"), write("root/one.py")), write("root/one.py"), _ONE),
    Loss("a file's folder moved away and back", (move("root", "away"), all_of(write("away/one.py"), move("away", "root")), write("root/one.py")), write("root/one.py"), _ONE),
    Loss("200 modules, each a root", (replaced(*_MODULES), write(*_MODULES), all_of(remove(_MODULES[7]), write(_MODULES[8]))), write(*_MODULES), _from_base(*_MODULES, "root/zz-sentinel")),
    Loss("a module deleted", (remove("root/a.py"), write("root/b.py"), write("root/a.py"), write("root/a.py")), write("root/a.py", "root/b.py"), _from_base("root/a.py", "root/b.py", "root/zz-sentinel")),
    # -- a root
    Loss("a root deleted and back", (remove("root"), write("root/a/one.py"), write("root/a/one.py")), write("root/a/one.py", "root/two.py")),
    Loss("a root deleted and back at once", (all_of(remove("root"), write("root/a/one.py")), write("root/a/one.py")), write("root/a/one.py", "root/two.py")),
    Loss("a root moved away and back", (move("root", "away"), write("away/one.py"), move("away", "root"), write("root/one.py")), write("root/one.py", "root/a/two.py")),
    Loss("a root moved away, edited, back at once", (all_of(move("root", "away"), write("away/one.py"), move("away", "root")), write("root/one.py")), write("root/one.py", "root/a/two.py")),
    Loss("another folder in a root's place", (all_of(move("root", "away"), move("other", "root")), write("root/one.py", "root/b/x"), write("away/one.py")), all_of(write("root/one.py", "root/a/two.py"), write("other/one.py", "other/b/three.py"))),
    Loss("a root becomes a file and back", (all_of(remove("root"), write("root")), write("root"), all_of(remove("root"), write("root/one.py")), write("root/one.py")), write("root/one.py")),
    Loss("the folder above a root moved away and back", (move("top", "away"), all_of(write("away/root/one.py"), move("away", "top")), write("top/root/one.py")), write("top/root/one.py"), _from_base("top/root"), "top/root/zz-sentinel"),
    Loss("a root that is a link", (write("root/a/one.py"), replaced("root/two.py"), nested("root", 5)), all_of(write("root/a/one.py", "root/two.py"), link("alias", "root")), _from_base("alias"), "alias/zz-sentinel"),
    Loss("a root that is a link, retargeted", (link("alias", "other"), write("other/one.py", "other/new.py"), write("root/one.py")), all_of(write("root/one.py", "other/one.py", "other/b.py"), link("alias", "root")), _from_base("alias"), "alias/zz-sentinel"),
    Loss("roots inside each other", (write("root/a/b/one.py"), replaced("root/a/b/one.py"), move("root/a", "root/c"), move("root/c", "root/a"), write("root/a/b/one.py")), write("root/a/b/one.py"), _from_base("root/a/b", "root", "root/a", "root/a/b/one.py")),
    Loss("two roots, one deleted", (remove("root"), write("outside/one.py"), write("root/one.py"), write("outside/one.py", "root/one.py")), write("root/one.py", "outside/one.py"), _from_base("root", "outside"), "outside/zz-sentinel"),
    # -- what is not there yet
    Loss("a missing folder appears", (write("root/later/deep/one.py"), write("root/later/deep/one.py")), roots=_from_base("root/later"), sentinel="root/later/zz-sentinel"),
    Loss("a missing folder deep down appears", (make("root/a"), make("root/a/b/c"), write("root/a/b/c/d/one.py"), write("root/a/b/c/d/one.py")), roots=_from_base("root/a/b/c"), sentinel="root/a/b/c/zz-sentinel"),
    Loss("a missing file appears", (write("root/later.py"), replaced("root/later.py"), remove("root/later.py"), write("root/later.py")), roots=_from_base("root/later.py", "root/zz-sentinel")),
    Loss("a missing file in a missing folder appears", (write("root/a/b/later.py"), replaced("root/a/b/later.py"), remove("root/a"), write("root/a/b/later.py")), roots=_from_base("root/a/b/later.py"), sentinel=None),
    Loss("one path missing, the other edited", (write("root/here.py"), replaced("root/here.py")), write("root/here.py"), _from_base("root/here.py", "nowhere/at/all.py", "root/zz-sentinel")),
    # -- links
    Loss("a link retargeted", (link("root/l.py", "../outside/b"), link("root/l.py", "../outside/a")), all_of(write("outside/a", "outside/b"), link("root/l.py", "../outside/a"))),
    Loss("Kubernetes' ..data", (_SWAP, all_of(write("root/..rev1/config", "root/..rev1/other"), link("root/..data", "..rev1"), remove("root/..rev2"))), _CONFIG),
    Loss("Kubernetes' ..data, one file watched", (_SWAP, all_of(write("root/..rev3/config", "root/..rev3/other"), link("root/..data", "..rev3"))), _CONFIG, _from_base("root/config", "root/zz-sentinel")),
    Loss("a link's target edited outside", (write("outside/far/a"), replaced("outside/far/a"), write("outside/far/a")), all_of(write("outside/far/a"), link("root/l.py", "../outside/far/a"))),
    Loss("a chain of links", (write("outside/c"), link("outside/b", "d"), write("outside/d"), link("root/a", "../outside/d"), write("outside/d")), all_of(write("outside/c", "outside/d"), link("outside/b", "c"), link("root/a", "../outside/b"))),
    Loss("a link's target deleted and back", (remove("outside/a"), write("outside/a"), remove("outside/a"), write("outside/a")), all_of(write("outside/a"), link("root/l.py", "../outside/a"))),
    Loss("a dangling link becomes a file", (write("outside/not/yet/there"), write("outside/not/yet/there")), link("root/l.py", "../outside/not/yet/there")),
    Loss("a link becomes a file", (all_of(remove("root/l.py"), write("root/l.py")), write("outside/a"), link("root/l.py", "../outside/a"), write("outside/a")), all_of(write("outside/a"), link("root/l.py", "../outside/a"))),
    Loss("a link made later", (link("root/l.py", "../outside/a"), write("outside/a"), remove("root/l.py"), write("outside/a")), write("outside/a")),
    Loss("a link to a folder", (link("root/l", "../outside/t"), write("outside/t/d0/e0/f/1.py"), remove("root/l")), tree("outside/t", 2, 2)),
    Loss("a link to a folder inside", (write("root/d/one.py"), remove("root/l"), write("root/d/one.py"), link("root/m", "d"), write("root/d/one.py"), move("root/m", "root/l"), write("root/d/one.py", "root/d/new"), move("root/l", "outside/l"), write("root/d/one.py", "root/d/e/two.py")), all_of(write("root/d/one.py", "root/d/e/two.py"), link("root/l", "d")), by_net=True),
    Loss("a link to a folder inside, below a root that is a link", (write("root/d/one.py"), remove("root/a/l"), write("root/d/one.py")), all_of(write("root/d/one.py", "root/a/b"), link("root/a/l", "../d"), link("alias", "root")), _from_base("alias"), "alias/zz-sentinel", by_net=True),
    Loss("links in circles", (link("root/a", "b"), link("root/b", "c"), write("root/one.py"), write("root/c"), remove("root/c")), all_of(link("root/b", "a"), link("root/a", "b"))),
    Loss("folders linked in circles", (write("root/n3/file"), write("root/n5/new"), replaced("root/n0/file")), _FOLDERS_IN_CIRCLES),
    # -- order and noise
    Loss("deleted and created", (all_of(remove("root/one.py"), write("root/one.py")), all_of(move("root/one.py", "outside/o"), write("root/one.py"))), write("root/one.py")),
    Loss("created and deleted", (all_of(write("root/x.py"), remove("root/x.py")), all_of(nested("root/n", 5), remove("root/n"))), write("root/one.py")),
    Loss("renamed", (move("root/one.py", "root/two.py"), move("root/two.py", "root/one.py")), write("root/one.py")),
    Loss("renamed over another", (move("root/one.py", "root/two.py"),), write("root/one.py", "root/two.py")),
    Loss("chmod", (mode("root/one.py", 0o600, 0o755), mode("root/a", 0o700, 0o755)), write("root/one.py", "root/a/x")),
    Loss("touch", (touch("root/one.py"), touch("root/one.py", 2e9), touch("root/one.py", 4e9), touch("root/one.py", 1.0)), write("root/one.py")),
    Loss("read", (lambda place: [path.read_text() for path in place.root.rglob("*.py")],), tree("root/t")),
    Loss("emptied and appended to", (lambda place: os.truncate(place.root / "one.py", 0), append("root/one.py")), write("root/one.py")),
    Loss("a hard link made and edited", (lambda place: os.link(place.root / "one.py", place.root / "two.py"), write("root/three.py")), write("root/one.py")),
    Loss("an editor's temporary files", (vim_saves("root/one.py"), vim_saves("root/one.py"), write("root/.#one.py", "root/one.py~", "root/one.py___jb_tmp___")), write("root/one.py"), ignored=_is_temporary),
    Loss("paths not normalised", (write("root/a/one.py"), replaced("root/a/one.py"), nested("root/a", 3)), write("root/a/one.py"), lambda place: [f"{place.root}/../root/./a/", place.root / "zz-sentinel"]),
    # -- names
    Loss("a name that is not UTF-8", (undecodable, write("root/after.py"), undecodable, write("root/after.py"), replaced("root/after.py"))),
    Loss("odd names", (write("root/new\nline", "root/ sp ace ", "root/-n", "root/%41#?*[a]", "root/é", "root/e\u0301", "root/\u202e", "root/" + "n" * 255), write("root/new\nline", "root/e\u0301"))),
]  # fmt: skip


def _overflow_by_creating(place: Place) -> None:
    for number in range(queue_length() + 3616):  # 20,000 with the usual queue
        os.close(os.open(place.root / f"f{number}", os.O_CREAT | os.O_WRONLY))


def _overflow_by_reading(place: Place) -> None:
    """As `grep -r` does; then an edit."""
    paths = [entry.path for entry in os.scandir(place.root / "many")]
    for path in itertools.islice(itertools.cycle(paths), queue_length() + 4096):
        os.close(os.open(path, os.O_RDONLY))
    replace(place.root / "one.py")


def _files(name: str, count: int) -> Act:
    def act(place: Place) -> None:
        (place.base / name).mkdir()
        for number in range(count):
            (place.base / name / f"f{number}").touch()

    return act


def _each(names: Iterable[str], act: Callable[[str], Act]) -> Act:
    return all_of(*(act(name) for name in names))


FROZEN_LOSSES: list[Loss] = [
    Loss("20,000 created while it stood still", (_overflow_by_creating,)),
    Loss("20,000 read while it stood still, one edited", (_overflow_by_reading,), all_of(write("root/one.py"), _files("root/many", 500))),
    Loss("a tree exchanged while it stood still", (all_of(move("root/t", "outside/t"), move("outside/u", "root/t")),), all_of(tree("root/t"), tree("outside/u", 7, 3))),
    Loss("a root exchanged while it stood still", (all_of(move("root", "away"), move("other", "root")),), all_of(write("root/one.py", "root/a"), write("other/one.py", "other/b"))),
]  # fmt: skip
"""The steps are taken while the watching process is stopped."""
