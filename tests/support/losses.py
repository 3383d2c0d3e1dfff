"""What other watchers lose or invent: each case does something real to the disk.

What should be reported is never written down by hand: it is the difference between the disk before and after.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.acts import (
    Act,
    Place,
    all_of,
    append,
    copy,
    empty_files,
    git,
    hard_link,
    link,
    make,
    mode,
    move,
    nested,
    overflow_by_creating,
    overflow_by_reading,
    pack,
    read,
    remove,
    replaced,
    sed,
    touch,
    tree,
    truncate,
    undecodable,
    unpack,
    vim_saves,
    write,
)
from tests.support.disk import State, state_of
from tests.support.watching import Net

__all__ = ["FROZEN_LOSSES", "LOSSES", "Loss", "Place", "State", "difference"]


Roots = Callable[[Place], list[str | os.PathLike[str]]]


def _root(place: Place) -> list[str | os.PathLike[str]]:
    return [place.root]


@dataclass(frozen=True)
class Loss:
    """One case.

    Attributes:
        name: what is done, in a word or two.
        steps: what is done; each step is reported before the next is taken.
        prepare: what is there before watching begins.
        roots: what is watched.
        sentinel: what is written afterwards, to see that no more is reported; None if there is no such place.
        ignored: what is on disk but should not be reported.
        by_net: whether the native source loses it unseen, so that only the safety net finds it.
    """

    name: str
    steps: tuple[Act, ...]
    prepare: Act = lambda _: None
    roots: Roots = _root
    sentinel: str | None = "root/zz-sentinel"
    ignored: Callable[[str], bool] = field(default=lambda path: "/.git/" in path)
    by_net: bool = False

    def begin(self, base: Path) -> Place:
        """Make what is there before watching begins, in `base`."""
        place = Place(base)
        place.make()
        self.prepare(place)
        if self.sentinel is not None and place.base / self.sentinel in self.roots(place):
            (place.base / self.sentinel).touch()
        place.age()
        return place

    def state(self, place: Place) -> State:
        """What is on disk of what is watched."""
        found: State = {}
        for root in (os.path.abspath(os.fspath(root)) for root in self.roots(place)):
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
    """What has to be reported."""
    changes: Net = {path: "deleted" for path in before if path not in after}
    changes.update({path: "created" for path in after if path not in before})
    changes.update({path: "modified" for path in after if path in before and after[path] != before[path]})
    return changes


def _from_base(*names: str) -> Roots:
    return lambda place: [place.base / name for name in names]


def _is_temporary(path: str) -> bool:
    name = os.path.basename(path)
    return name.endswith(("~", ".swp", ".swx", "___jb_tmp___", "___jb_old___")) or name.startswith(".#")


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
    *(
        link(f"root/n{number}/{side}", f"../n{(number + step) % 6}")
        for number in range(6)
        for side, step in (("l", 1), ("r", 2))
    ),
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
    Loss(
        "a folder moved in and on", (all_of(move("outside/t", "root/t"), move("root/t", "root/u")),), tree("outside/t")
    ),
    Loss("a folder deleted", (remove("root/t"), write("root/t/x")), tree("root/t")),
    Loss(
        "a folder becomes a file",
        (all_of(remove("root/t"), write("root/t")), all_of(remove("root/t"), write("root/t/x"))),
        tree("root/t"),
    ),
    Loss(
        "two folders change places",
        (
            all_of(move("root/a", "root/c"), move("root/b", "root/a"), move("root/c", "root/b")),
            write("root/a/x", "root/b/y"),
        ),
        write("root/a/x", "root/a/1", "root/b/x", "root/b/2"),
    ),
    Loss(
        "git checkout",
        (git("checkout", "-q", "other"), git("checkout", "-q", "main"), write("root/t/d1/e1/f/1.py")),
        all_of(
            git("init", "-q"),
            tree("root/t"),
            git("add", "."),
            git("commit", "-qm1"),
            git("checkout", "-qb", "other"),
            git("rm", "-rqf", "t/d1"),
            tree("root/new", 5),
            git("add", "."),
            git("commit", "-qm2"),
            git("checkout", "-q", "main"),
        ),
    ),
    # -- a file as the watched path
    Loss("a file replaced", (replaced("root/one.py"),) * 5, write("root/one.py"), _ONE),
    Loss("sed -i on a file", (sed("root/one.py"),) * 5, write("root/one.py"), _ONE),
    Loss(
        "a file deleted and back",
        (
            remove("root/one.py"),
            write("root/one.py"),
            replaced("root/one.py"),
            remove("root/one.py"),
            write("root/one.py"),
        ),
        write("root/one.py"),
        _ONE,
    ),
    Loss(
        "a file's folder deleted and back",
        (remove("root"), write("root/one.py"), write("root/one.py")),
        write("root/one.py"),
        _ONE,
    ),
    Loss(
        "a file's folder moved away and back",
        (move("root", "away"), all_of(write("away/one.py"), move("away", "root")), write("root/one.py")),
        write("root/one.py"),
        _ONE,
    ),
    Loss(
        "200 modules, each a root",
        (replaced(*_MODULES), write(*_MODULES), all_of(remove(_MODULES[7]), write(_MODULES[8]))),
        write(*_MODULES),
        _from_base(*_MODULES, "root/zz-sentinel"),
    ),
    Loss(
        "a module deleted",
        (remove("root/a.py"), write("root/b.py"), write("root/a.py"), write("root/a.py")),
        write("root/a.py", "root/b.py"),
        _from_base("root/a.py", "root/b.py", "root/zz-sentinel"),
    ),
    # -- a root
    Loss(
        "a root deleted and back",
        (remove("root"), write("root/a/one.py"), write("root/a/one.py")),
        write("root/a/one.py", "root/two.py"),
    ),
    Loss(
        "a root deleted and back at once",
        (all_of(remove("root"), write("root/a/one.py")), write("root/a/one.py")),
        write("root/a/one.py", "root/two.py"),
    ),
    Loss(
        "a root moved away and back",
        (move("root", "away"), write("away/one.py"), move("away", "root"), write("root/one.py")),
        write("root/one.py", "root/a/two.py"),
    ),
    Loss(
        "a root moved away, edited, back at once",
        (all_of(move("root", "away"), write("away/one.py"), move("away", "root")), write("root/one.py")),
        write("root/one.py", "root/a/two.py"),
    ),
    Loss(
        "another folder in a root's place",
        (all_of(move("root", "away"), move("other", "root")), write("root/one.py", "root/b/x"), write("away/one.py")),
        all_of(write("root/one.py", "root/a/two.py"), write("other/one.py", "other/b/three.py")),
    ),
    Loss(
        "a root becomes a file and back",
        (
            all_of(remove("root"), write("root")),
            write("root"),
            all_of(remove("root"), write("root/one.py")),
            write("root/one.py"),
        ),
        write("root/one.py"),
    ),
    Loss(
        "the folder above a root moved away and back",
        (move("top", "away"), all_of(write("away/root/one.py"), move("away", "top")), write("top/root/one.py")),
        write("top/root/one.py"),
        _from_base("top/root"),
        "top/root/zz-sentinel",
    ),
    Loss(
        "a root that is a link",
        (write("root/a/one.py"), replaced("root/two.py"), nested("root", 5)),
        all_of(write("root/a/one.py", "root/two.py"), link("alias", "root")),
        _from_base("alias"),
        "alias/zz-sentinel",
    ),
    Loss(
        "a root that is a link, retargeted",
        (link("alias", "other"), write("other/one.py", "other/new.py"), write("root/one.py")),
        all_of(write("root/one.py", "other/one.py", "other/b.py"), link("alias", "root")),
        _from_base("alias"),
        "alias/zz-sentinel",
    ),
    Loss(
        "roots inside each other",
        (
            write("root/a/b/one.py"),
            replaced("root/a/b/one.py"),
            move("root/a", "root/c"),
            move("root/c", "root/a"),
            write("root/a/b/one.py"),
        ),
        write("root/a/b/one.py"),
        _from_base("root/a/b", "root", "root/a", "root/a/b/one.py"),
    ),
    Loss(
        "two roots, one deleted",
        (remove("root"), write("outside/one.py"), write("root/one.py"), write("outside/one.py", "root/one.py")),
        write("root/one.py", "outside/one.py"),
        _from_base("root", "outside"),
        "outside/zz-sentinel",
    ),
    # -- what is not there yet
    Loss(
        "a missing folder appears",
        (write("root/later/deep/one.py"), write("root/later/deep/one.py")),
        roots=_from_base("root/later"),
        sentinel="root/later/zz-sentinel",
    ),
    Loss(
        "a missing folder deep down appears",
        (make("root/a"), make("root/a/b/c"), write("root/a/b/c/d/one.py"), write("root/a/b/c/d/one.py")),
        roots=_from_base("root/a/b/c"),
        sentinel="root/a/b/c/zz-sentinel",
    ),
    Loss(
        "a missing file appears",
        (write("root/later.py"), replaced("root/later.py"), remove("root/later.py"), write("root/later.py")),
        roots=_from_base("root/later.py", "root/zz-sentinel"),
    ),
    Loss(
        "a missing file in a missing folder appears",
        (write("root/a/b/later.py"), replaced("root/a/b/later.py"), remove("root/a"), write("root/a/b/later.py")),
        roots=_from_base("root/a/b/later.py"),
        sentinel=None,
    ),
    Loss(
        "one path missing, the other edited",
        (write("root/here.py"), replaced("root/here.py")),
        write("root/here.py"),
        _from_base("root/here.py", "nowhere/at/all.py", "root/zz-sentinel"),
    ),
    # -- links
    Loss(
        "a link retargeted",
        (link("root/l.py", "../outside/b"), link("root/l.py", "../outside/a")),
        all_of(write("outside/a", "outside/b"), link("root/l.py", "../outside/a")),
    ),
    Loss(
        "Kubernetes' ..data",
        (
            _SWAP,
            all_of(
                write("root/..rev1/config", "root/..rev1/other"), link("root/..data", "..rev1"), remove("root/..rev2")
            ),
        ),
        _CONFIG,
    ),
    Loss(
        "Kubernetes' ..data, one file watched",
        (_SWAP, all_of(write("root/..rev3/config", "root/..rev3/other"), link("root/..data", "..rev3"))),
        _CONFIG,
        _from_base("root/config", "root/zz-sentinel"),
    ),
    Loss(
        "a link's target edited outside",
        (write("outside/far/a"), replaced("outside/far/a"), write("outside/far/a")),
        all_of(write("outside/far/a"), link("root/l.py", "../outside/far/a")),
    ),
    Loss(
        "a chain of links",
        (
            write("outside/c"),
            link("outside/b", "d"),
            write("outside/d"),
            link("root/a", "../outside/d"),
            write("outside/d"),
        ),
        all_of(write("outside/c", "outside/d"), link("outside/b", "c"), link("root/a", "../outside/b")),
    ),
    Loss(
        "a link's target deleted and back",
        (remove("outside/a"), write("outside/a"), remove("outside/a"), write("outside/a")),
        all_of(write("outside/a"), link("root/l.py", "../outside/a")),
    ),
    Loss(
        "a dangling link becomes a file",
        (write("outside/not/yet/there"), write("outside/not/yet/there")),
        link("root/l.py", "../outside/not/yet/there"),
    ),
    Loss(
        "a link becomes a file",
        (
            all_of(remove("root/l.py"), write("root/l.py")),
            write("outside/a"),
            link("root/l.py", "../outside/a"),
            write("outside/a"),
        ),
        all_of(write("outside/a"), link("root/l.py", "../outside/a")),
    ),
    Loss(
        "a link made later",
        (link("root/l.py", "../outside/a"), write("outside/a"), remove("root/l.py"), write("outside/a")),
        write("outside/a"),
    ),
    Loss(
        "a link to a folder",
        (link("root/l", "../outside/t"), write("outside/t/d0/e0/f/1.py"), remove("root/l")),
        tree("outside/t", 2, 2),
    ),
    Loss(
        "a link to a folder inside",
        (
            write("root/d/one.py"),
            remove("root/l"),
            write("root/d/one.py"),
            link("root/m", "d"),
            write("root/d/one.py"),
            move("root/m", "root/l"),
            write("root/d/one.py", "root/d/new"),
            move("root/l", "outside/l"),
            write("root/d/one.py", "root/d/e/two.py"),
        ),
        all_of(write("root/d/one.py", "root/d/e/two.py"), link("root/l", "d")),
        by_net=True,
    ),
    Loss(
        "a link to a folder inside, below a root that is a link",
        (write("root/d/one.py"), remove("root/a/l"), write("root/d/one.py")),
        all_of(write("root/d/one.py", "root/a/b"), link("root/a/l", "../d"), link("alias", "root")),
        _from_base("alias"),
        "alias/zz-sentinel",
        by_net=True,
    ),
    Loss(
        "links in circles",
        (link("root/a", "b"), link("root/b", "c"), write("root/one.py"), write("root/c"), remove("root/c")),
        all_of(link("root/b", "a"), link("root/a", "b")),
    ),
    Loss(
        "folders linked in circles",
        (write("root/n3/file"), write("root/n5/new"), replaced("root/n0/file")),
        _FOLDERS_IN_CIRCLES,
    ),
    # -- order and noise
    Loss(
        "deleted and created",
        (
            all_of(remove("root/one.py"), write("root/one.py")),
            all_of(move("root/one.py", "outside/o"), write("root/one.py")),
        ),
        write("root/one.py"),
    ),
    Loss(
        "created and deleted",
        (all_of(write("root/x.py"), remove("root/x.py")), all_of(nested("root/n", 5), remove("root/n"))),
        write("root/one.py"),
    ),
    Loss("renamed", (move("root/one.py", "root/two.py"), move("root/two.py", "root/one.py")), write("root/one.py")),
    Loss("renamed over another", (move("root/one.py", "root/two.py"),), write("root/one.py", "root/two.py")),
    Loss("chmod", (mode("root/one.py", 0o600, 0o755), mode("root/a", 0o700, 0o755)), write("root/one.py", "root/a/x")),
    Loss(
        "touch",
        (touch("root/one.py"), touch("root/one.py", 2e9), touch("root/one.py", 4e9), touch("root/one.py", 1.0)),
        write("root/one.py"),
    ),
    Loss("read", (read,), tree("root/t")),
    Loss("emptied and appended to", (truncate("root/one.py"), append("root/one.py")), write("root/one.py")),
    Loss(
        "a hard link made and edited",
        (hard_link("root/one.py", "root/two.py"), write("root/three.py")),
        write("root/one.py"),
    ),
    Loss(
        "an editor's temporary files",
        (
            vim_saves("root/one.py"),
            vim_saves("root/one.py"),
            write("root/.#one.py", "root/one.py~", "root/one.py___jb_tmp___"),
        ),
        write("root/one.py"),
        ignored=_is_temporary,
    ),
    Loss(
        "paths not normalised",
        (write("root/a/one.py"), replaced("root/a/one.py"), nested("root/a", 3)),
        write("root/a/one.py"),
        lambda place: [f"{place.root}/../root/./a/", place.root / "zz-sentinel"],
    ),
    # -- names
    Loss(
        "a name that is not UTF-8",
        (undecodable, write("root/after.py"), undecodable, write("root/after.py"), replaced("root/after.py")),
    ),
    Loss(
        "odd names",
        (
            write(
                "root/new\nline",
                "root/ sp ace ",
                "root/-n",
                "root/%41#?*[a]",
                "root/é",
                "root/e\u0301",
                "root/\u202e",
                "root/" + "n" * 255,
            ),
            write("root/new\nline", "root/e\u0301"),
        ),
    ),
]


FROZEN_LOSSES: list[Loss] = [
    Loss("20,000 created while it stood still", (overflow_by_creating,)),
    Loss(
        "20,000 read while it stood still, one edited",
        (overflow_by_reading,),
        all_of(write("root/one.py"), empty_files("root/many", 500)),
    ),
    Loss(
        "a tree exchanged while it stood still",
        (all_of(move("root/t", "outside/t"), move("outside/u", "root/t")),),
        all_of(tree("root/t"), tree("outside/u", 7, 3)),
    ),
    Loss(
        "a root exchanged while it stood still",
        (all_of(move("root", "away"), move("other", "root")),),
        all_of(write("root/one.py", "root/a"), write("other/one.py", "other/b")),
    ),
]
"""The steps are taken while the watching process is stopped."""
