"""Whether a version-control operation is under way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from reloadls.watch.disk.guarded import GuardedDisk
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.snapshot import Snapshot
from reloadls.watch.version_control import Lock, LockWait, Repositories, find_locks
from tests.support.watching import SOURCES, watching

GIT = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-c", "protocol.file.allow=always", "-c", "core.editor=true"]


def git(folder: Path, *args: str, **environment: str) -> str:
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        [*GIT, *args], cwd=folder, env={**kept, **alone, **environment}, check=True, capture_output=True, text=True
    )
    return done.stdout


def repository(folder: Path, files: int = 3) -> Path:
    """A repository with the branches ``one`` and ``two``, whose files all differ."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "one")
    for branch in ("one", "two"):
        if branch == "two":
            git(folder, "checkout", "-q", "-b", "two")
        for number in range(files):
            (folder / f"f{number}").write_text(f"{branch} {number}")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", branch)
    return folder


def begun(*roots: Path) -> Snapshot:
    snapshot = Snapshot(Scope(roots))
    snapshot.begin()
    return snapshot


def locks(snapshot: Snapshot) -> set[str]:
    return {lock.path for lock in find_locks(snapshot.repositories, GuardedDisk())}


def seen_by_hook(tmp_path: Path, folder: Path, acts: Iterable[list[str]]) -> list[list[str]]:
    """What locks there are while git replaces each file: a filter that it runs meanwhile asks."""
    script, log = tmp_path / "ask.py", tmp_path / "log"
    script.write_text(
        "import sys\nfrom reloadls.watch.scope.scope import Scope\n"
        "from reloadls.watch.snapshot.snapshot import Snapshot\n"
        "from reloadls.watch.disk.guarded import GuardedDisk\n"
        "from reloadls.watch.version_control import find_locks\n"
        "sys.stdout.write(sys.stdin.read())\n"
        f"snapshot = Snapshot(Scope([{os.fspath(folder)!r}], exclude=['*']))\nsnapshot.begin()\n"
        "locks = find_locks(snapshot.repositories, GuardedDisk())\n"
        f"print(*sorted(lock.path for lock in locks), file=open({os.fspath(log)!r}, 'a'))\n"
    )
    top = Path(git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    (top / "info").mkdir(exist_ok=True)
    (top / "info" / "attributes").write_text("f0 filter=ask\n")
    path = os.pathsep.join(path or os.getcwd() for path in sys.path)
    for act in acts:
        git(folder, "-c", f"filter.ask.smudge={sys.executable} {script}", *act, PYTHONPATH=path)
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def test_a_checkout_holds_the_lock_while_it_writes_and_not_after(tmp_path: Path) -> None:
    root = repository(tmp_path / "p", files=300)
    seen = seen_by_hook(tmp_path, root, [["checkout", "-q", "one"]])
    assert seen == [[str(root / ".git" / "index.lock")]]
    assert (root / "f299").read_text() == "one 299"
    assert locks(begun(root)) == set()


def test_each_step_of_a_rebase_holds_it(tmp_path: Path) -> None:
    root = repository(tmp_path / "p")
    git(root, "checkout", "-q", "one")
    (root / "f0").write_text("other")
    git(root, "commit", "-q", "-a", "-m", "other")
    (root / "new").write_text("1")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "new")
    seen = seen_by_hook(tmp_path, root, [["rebase", "-q", "-X", "theirs", "two"]])
    assert seen and all(line == [str(root / ".git" / "index.lock")] for line in seen)
    assert locks(begun(root)) == set()


def test_a_worktree_has_a_lock_of_its_own(tmp_path: Path) -> None:
    main = repository(tmp_path / "p")
    git(main, "worktree", "add", "-q", str(tmp_path / "tree"), "one")
    seen = seen_by_hook(tmp_path, tmp_path / "tree", [["checkout", "-q", "--detach", "two"]])
    assert seen == [[str(main / ".git" / "worktrees" / "tree" / "index.lock")]]
    assert locks(begun(main)) == set()


def test_a_submodule_has_a_lock_of_its_own(tmp_path: Path) -> None:
    other, main = repository(tmp_path / "other"), repository(tmp_path / "p")
    git(main, "submodule", "--quiet", "add", str(other), "sub")
    lock = main / ".git" / "modules" / "sub" / "index.lock"
    lock.touch()
    snapshot = begun(main)
    assert snapshot.repositories == {str(main / ".git"), str(main / "sub" / ".git")}
    assert {os.path.realpath(path) for path in locks(snapshot)} == {str(lock)}
    lock.unlink()
    assert locks(snapshot) == set()
    assert {os.path.realpath(path) for path in locks(begun(main / "sub"))} == set()


@pytest.mark.parametrize("dangling", [True, False])
def test_mercurial(tmp_path: Path, dangling: bool) -> None:
    (tmp_path / ".hg").mkdir()
    snapshot = begun(tmp_path)
    assert locks(snapshot) == set()
    lock = tmp_path / ".hg" / "wlock"
    lock.symlink_to("host:4711") if dangling else lock.touch()
    assert locks(snapshot) == {str(lock)}


def test_jujutsu(tmp_path: Path) -> None:
    (tmp_path / ".jj" / "working_copy").mkdir(parents=True)
    snapshot = begun(tmp_path)
    assert locks(snapshot) == set()
    lock = tmp_path / ".jj" / "working_copy" / "working_copy.lock"
    lock.touch()
    assert locks(snapshot) == {str(lock)}


# -- which repositories ------------------------------------------------------------------------------------------


def fake(folder: Path) -> str:
    (folder / ".git").mkdir(parents=True)
    return str(folder / ".git")


def test_repositories_above_in_and_below_the_roots_count(tmp_path: Path) -> None:
    above, own = fake(tmp_path), fake(tmp_path / "p" / "root")
    below = fake(tmp_path / "p" / "root" / "deep" / "er")
    fake(tmp_path / "p" / "beside")
    fake(tmp_path / "p" / "root" / "node_modules" / "left-out")
    file = tmp_path / "p" / "root" / "file"
    file.touch()
    found = begun(tmp_path / "p" / "root").repositories
    assert {path for path in found if path.startswith(str(tmp_path))} == {above, own, below}
    found = begun(file).repositories
    assert {path for path in found if path.startswith(str(tmp_path))} == {above, own}


def test_a_root_that_is_a_link_into_a_repository(tmp_path: Path) -> None:
    mark = fake(tmp_path / "p")
    (tmp_path / "p" / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "p" / "sub")
    assert mark in begun(tmp_path / "link").repositories


def test_repositories_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    snapshot = begun(tmp_path / "root")
    before = snapshot.repositories
    inner, outer = fake(tmp_path / "root" / "a" / "b"), fake(tmp_path / "root")
    assert snapshot.is_relevant(outer, True), "else nobody would look"
    snapshot.reconcile([inner])
    assert snapshot.repositories - before == {inner}
    snapshot.reconcile([outer])
    assert snapshot.repositories - before == {inner, outer}
    os.rmdir(outer)
    snapshot.reconcile([outer])
    assert snapshot.repositories - before == {inner}
    (tmp_path / "root" / "a").rename(tmp_path / "root" / "z")
    snapshot.reconcile([str(tmp_path / "root" / "a"), str(tmp_path / "root" / "z")])
    moved = str(tmp_path / "root" / "z" / "b" / ".git")
    assert snapshot.repositories - before == {moved}
    above = fake(tmp_path)
    assert snapshot.differences() == {} and above not in snapshot.repositories
    snapshot.reconcile()
    assert snapshot.repositories - before == {moved, above}
    snapshot.adopt(Scope([tmp_path / "elsewhere"]))
    assert snapshot.repositories - before == {above}


def test_a_folder_that_is_listed_again_has_just_the_marks_it_has() -> None:
    repositories = Repositories()
    repositories.note("/a", frozenset({".git", ".jj"}))
    assert repositories.marks == {"/a/.git", "/a/.jj"}
    repositories.note("/a", frozenset({".git"}))
    assert repositories.marks == {"/a/.git"}
    repositories.note("/a", frozenset())
    repositories.note("/b", frozenset())
    assert repositories.marks == frozenset()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"gitdir:",
        b"gitdir: ",
        b"gitdir: /nowhere",
        b"gitdir: a\0b",
        b"gitdir: REAL\nmore",
        b"REAL",
        b"\xff\xfe",
        b"gitdir: REAL" + b" " * 10_000,
        b"gitdir: " + b"x" * 100_000,
    ],
)
def test_an_invalid_git_file_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "index.lock").touch()
    mark = tmp_path / ".git"
    mark.write_bytes(content.replace(b"REAL", os.fsencode(tmp_path / "real")))
    assert find_locks([str(mark)], GuardedDisk()) == set()
    mark.write_bytes(b"gitdir: real\r\n")
    assert {lock.path for lock in find_locks([str(mark)], GuardedDisk())} == {str(tmp_path / "real" / "index.lock")}


def test_unreadable_files_are_ignored(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    (tmp_path / ".hg").touch()
    (tmp_path / ".jj").symlink_to(tmp_path / ".jj")
    odd = [str(tmp_path / name) for name in (".git", ".hg", ".jj", "nothing/.git", "x\0/.git", "x/" * 3000 + ".git")]
    assert find_locks(odd, GuardedDisk()) == set()


# -- holding -----------------------------------------------------------------------------------------------------

_A, _B = Lock("/p/.git/index.lock", 1, 10), Lock("/p/.git/index.lock", 2, 11)
_C = Lock("/q/.git/index.lock", 3, 12)


def asked(*steps: tuple[float, str]) -> list[bool]:
    """When, and which locks are there then → whether it is held."""
    hold = LockWait(longest=10)
    names = {"A": _A, "B": _B, "C": _C}
    return [hold.must_wait(frozenset(names[name] for name in there), now) for now, there in steps]


def every(step: float, begin: float, end: float, there: str) -> list[tuple[float, str]]:
    return [(begin + step * number, there) for number in range(round((end - begin) / step))]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, "")], [False]),
        ([(0, "A"), (0.05, "A"), (0.1, "")], [True, True, False]),
        ([(0, "A"), (0.05, "B"), (0.1, "")], [True, True, False]),
        ([(0, "AC"), (0.05, "C"), (0.1, "")], [True, True, False]),
        ([(0, ""), (0.05, "A"), (0.1, ""), (0.15, "B")], [False, True, False, True]),
    ],
)
def test_a_batch_waits_while_there_is_a_lock(steps: list[tuple[float, str]], expected: list[bool]) -> None:
    assert asked(*steps) == expected


def test_a_lock_that_outlives_the_bound_is_ignored_until_it_changes() -> None:
    held = asked(*every(0.5, 0, 12, "A"), (12, "AC"), (12.5, "A"), (13, ""), (13.5, "A"), (14, "B"))
    assert held == [True] * 20 + [False] * 4 + [True, False, False, True, True]


def test_a_stale_lock_is_recognised_between_rare_checks() -> None:
    assert asked(*((float(now), "A") for now in range(0, 20, 2))) == [True] * 5 + [False] * 5


def test_operations_one_after_the_other_hold_no_longer_than_one() -> None:
    steps = [(number * 0.5, "AB"[number % 2]) for number in range(23)]
    assert asked(*steps) == [True] * 20 + [False] + [True] * 2, "then the next batch waits"


def test_an_earlier_wait_does_not_count() -> None:
    assert asked((0, "A"), (9, "B"), (11, "B")) == [True, True, True]


# -- with a watcher ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
async def test_a_batch_waits_for_the_end_of_an_operation(tmp_path: Path, source: str) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    lock = Path(fake(root)) / "index.lock"
    other.mkdir()
    async with watching([root], **SOURCES[source]) as reported, watching([other], debounce_ms=100) as later:
        lock.touch()
        (root / "a").touch()
        (other / "a").touch()
        await later.until({str(other / "a"): "created"})
        assert reported.batches == [], "it was due long before the other"
        (root / "b").touch()
        lock.unlink()
        await reported.until({str(root / "a"): "created", str(root / "b"): "created"})


async def test_a_checkout_is_one_batch(tmp_path: Path) -> None:
    root = repository(tmp_path / "p", files=300)
    async with watching([root], **SOURCES["inotify"], debounce_ms=2, max_wait_ms=5) as reported:
        process = await asyncio.create_subprocess_exec(*GIT, "checkout", "-q", "one", cwd=root)
        await reported.until(lambda: len(reported.net()) == 300)
        assert await process.wait() == 0
    assert len(reported.batches) == 1
