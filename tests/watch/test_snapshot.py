"""The last reported state, compared with the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.folder import RACY, Entry, differs, is_touched
from reloadls.watch.snapshot.snapshot import Snapshot
from tests.support.disk import state_of


def age(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            os.utime(os.path.join(folder, name), (1e9, 1e9), follow_symlinks=False)


def make(root: Path, files: str) -> None:
    for name in files.split():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1")


def begun(*roots: Path, **scope: Any) -> Snapshot:
    for root in roots:
        age(root)
    snapshot = Snapshot(Scope(roots, **scope))
    snapshot.begin()
    return snapshot


def reported(root: Path, changes: Iterable[Any]) -> dict[str, str]:
    return {os.path.relpath(change.path, root): change.change_type[0] for change in changes}


def check(
    root: Path, act: Callable[[Path], object], hints: str | None, expected: str, *, snapshot: Snapshot | None = None
) -> Snapshot:
    """After `act`, a reconcile of `hints` (None: of everything) finds ``"created: c; …"`` and then nothing more."""
    snapshot = snapshot or begun(root)
    act(root)
    wanted = dict(item.split(":") for item in expected.split())
    paths = None if hints is None else [str(root / hint) for hint in hints.split()]
    assert set(snapshot.differences()) == {str(root / name) for name in wanted} or paths is not None
    assert reported(root, snapshot.reconcile(paths)) == wanted
    assert reported(root, snapshot.reconcile()) == {}
    assert set(snapshot.files()) == set(state_of(str(root)))
    assert [root.files for root in snapshot.status()[0]] == [len(list(root.files())) for root in snapshot.roots]
    assert snapshot.differences() == {}
    return snapshot


def exchange(path: Path, files: str) -> None:
    """Remove what is at `path`, and make `files` beside or in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    make(path.parent, files)


def relink(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


_ACTS: list[tuple[Callable[[Path], object], str, str]] = [
    (lambda root: None, "a", ""),
    (lambda root: (root / "new").write_text("1"), "new", "new:c"),
    (lambda root: (root / "a").write_text("other"), "a", "a:m"),
    (lambda root: (root / "a").unlink(), "a", "a:d"),
    (lambda root: os.utime(root / "a", (2e9, 2e9)), "a", "a:m"),
    (lambda root: os.chmod(root / "a", 0o600), "a", ""),
    (lambda root: os.rename(root / "a", root / "z"), "a z", "a:d z:c"),
    (lambda root: os.rename(root / "a", root / "z"), "z a", "a:d z:c"),
    (lambda root: os.rename(root / "a", root / "d" / "b"), "a d/b", "a:d d/b:m"),
    (lambda root: shutil.rmtree(root / "d"), "d", "d/b:d d/e/c:d"),
    (lambda root: shutil.rmtree(root / "d"), "d/e/c d", "d/b:d d/e/c:d"),
    (lambda root: os.rename(root / "d", root / "x"), "d x", "d/b:d d/e/c:d x/b:c x/e/c:c"),
    (lambda root: make(root, "p/q/r s"), "p s", "p/q/r:c s:c"),
    (lambda root: make(root, "p/q/r s"), "p/q/r s", "p/q/r:c s:c"),
    (lambda root: make(root, "p/q/r"), "", "p/q/r:c"),
    (lambda root: exchange(root / "d", "d"), "d", "d/b:d d/e/c:d d:c"),
    (lambda root: exchange(root / "a", "a/x"), "a", "a:d a/x:c"),
    (lambda root: exchange(root / "a", "a/x"), "a/x", "a:d a/x:c"),
    (lambda root: relink(root / "a", "d/b"), "a", "a:m"),
    (lambda root: (root / "l").symlink_to("d/b"), "l", "l:c"),
    (lambda root: (root / "l").symlink_to("nowhere"), "l", ""),
    (lambda root: (root / "l").symlink_to("d"), "l", ""),
    (lambda root: os.mkfifo(root / "pipe"), "pipe", ""),
    (shutil.rmtree, "", "a:d d/b:d d/e/c:d"),
]  # fmt: skip


@pytest.mark.parametrize("everything", [False, True], ids=["hints", "everything"])
@pytest.mark.parametrize("number", range(len(_ACTS)))
def test_a_change_is_found_once(number: int, everything: bool, tmp_path: Path) -> None:
    act, hints, expected = _ACTS[number]
    root = tmp_path / "root"
    make(root, "a d/b d/e/c")
    if hints == "":
        hints, everything = ".", True
    check(root, act, None if everything else hints, expected)


@pytest.mark.parametrize("order", [["d", "d/e/c", "a"], ["a", "d/e/c", "d"], ["d/e/c", "d/e/c", "a", "d", "a"]])
def test_the_order_and_number_of_hints_make_no_difference(order: list[str], tmp_path: Path) -> None:
    make(tmp_path, "a d/b d/e/c")
    check(tmp_path, lambda root: make(root, "a2 d/e/c2 d/n"), " ".join([*order, "a2"]), "a2:c d/e/c2:c d/n:c")


def test_an_irrelevant_hint_does_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(root, "a")
    snapshot = begun(root)
    make(root, "new")
    snapshot.reconcile([str(tmp_path / "other"), "/", "/nowhere\0", str(root / "a" / "below"), ""])
    assert set(snapshot.files()) == {str(root / "a"), str(root / "new")}, "a folder above a root means the root"


def test_hints_with_odd_paths_are_harmless(tmp_path: Path) -> None:
    make(tmp_path, "a")
    snapshot = begun(tmp_path)
    odd = ["", ".", "/nowhere", str(tmp_path / "x\0y"), str(tmp_path / ("n" * 300)), str(tmp_path / "a" / "b" / "c")]
    assert snapshot.reconcile(odd) == []


# -- racy entries ------------------------------------------------------------------------------------------------

_E: Entry = (100, 1, 1, 0, 100, 5)


@pytest.mark.parametrize(
    ("new", "other", "touched"),
    [
        (_E, False, False),
        ((101, 1, 1, 0, 100, 5), True, False),
        ((100, 2, 1, 0, 100, 5), True, False),
        ((100, 1, 2, 0, 100, 5), True, False),
        ((100, 1, 1, 1, 100, 5), True, False),
        ((100, 1, 1, RACY, 100, 5), False, False),
        ((100, 1, 1, 0, 101, 5), False, True),
        ((100, 1, 1, 0, 100, 6), True, False),
        ((100, 1, 1, 0, 0, 0), False, False),
    ],
)
def test_what_stamps_say(new: Entry, other: bool, touched: bool) -> None:
    for old, now in ((_E, new), (new, _E)):
        assert (differs(old, now), is_touched(old, now)) == (other, touched)


def test_a_write_that_leaves_the_same_mtime_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reloadls.watch.snapshot.folder.exact", lambda _: False)
    monkeypatch.setattr(
        "reloadls.watch.snapshot.folder._TICK", 10_000_000_000
    )  # a clock so coarse that both fall into one tick
    path = tmp_path / "a"
    path.write_text("1")
    snapshot = Snapshot(Scope([tmp_path]))
    snapshot.begin()
    stamp = path.stat().st_mtime_ns
    path.write_text("2")
    os.utime(path, ns=(stamp, stamp))
    assert reported(tmp_path, snapshot.reconcile()) == {"a": "m"}
    assert reported(tmp_path, snapshot.reconcile([str(path)])) == {}, "it has the content that was seen"
    path.chmod(0o600)
    assert reported(tmp_path, snapshot.reconcile()) == {}, "its metadata alone is newer"
    monkeypatch.setattr("reloadls.watch.snapshot.folder._TICK", 1)
    assert reported(tmp_path, snapshot.reconcile([str(path)])) == {}, "its metadata alone is newer"
    path.write_text("33")
    os.utime(path, (1e9, 1e9))
    assert reported(tmp_path, snapshot.reconcile([str(path)])) == {"a": "m"}
    assert reported(tmp_path, snapshot.reconcile([str(path)])) == {}, "long ago is not racy"


# -- .gitignore --------------------------------------------------------------------------------------------------


def check_rescoped(root: Path, snapshot: Snapshot, gitignore: str | None, files: str, expected: str) -> None:
    """After a .gitignore edit `files` count; only `expected` is reported, the rest has silently entered or left."""
    path = root / ".gitignore"
    path.unlink() if gitignore is None else path.write_text(gitignore)
    found = reported(root, snapshot.reconcile([str(path)]))
    assert found == dict(item.split(":") for item in expected.split())
    assert sorted(os.path.relpath(file, root) for file in snapshot.files()) == sorted(files.split())
    assert snapshot.take_rescoped()
    assert not snapshot.take_rescoped()
    assert snapshot.reconcile() == []


def test_a_gitignore_edit_makes_paths_leave_and_enter_silently(tmp_path: Path) -> None:
    make(tmp_path, "a.py a.log d/b.log d/e/c.log")
    snapshot = begun(tmp_path)
    assert not snapshot.take_rescoped()
    check_rescoped(tmp_path, snapshot, "*.log\n", ".gitignore a.py", ".gitignore:c")
    check_rescoped(tmp_path, snapshot, "d/\n", ".gitignore a.py a.log", ".gitignore:m")
    check_rescoped(tmp_path, snapshot, "d/e/\n# \n", ".gitignore a.py a.log d/b.log", ".gitignore:m")
    check_rescoped(tmp_path, snapshot, None, "a.py a.log d/b.log d/e/c.log", ".gitignore:d")


def test_what_really_changes_beside_a_gitignore_edit_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "stays goes.log edited gone d/x")
    snapshot = begun(tmp_path)
    (tmp_path / ".gitignore").write_text("*.log\n")
    make(tmp_path, "new new.log d/new")
    (tmp_path / "edited").write_text("more")
    (tmp_path / "gone").unlink()
    assert reported(tmp_path, snapshot.reconcile()) == {
        ".gitignore": "c", "new": "c", "d/new": "c", "edited": "m", "gone": "d",
    }  # fmt: skip
    assert snapshot.take_rescoped()


def test_an_ignored_file_changes_unnoticed(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log")
    make(tmp_path, "a.log d/b.log")
    snapshot = begun(tmp_path)
    (tmp_path / "a.log").write_text("more")
    make(tmp_path, "c.log d/c.log")
    assert snapshot.reconcile([str(tmp_path / "a.log"), str(tmp_path / "c.log"), str(tmp_path / "d/c.log")]) == []
    assert not snapshot.is_relevant(str(tmp_path / "c.log"))
    assert snapshot.is_relevant(str(tmp_path / "c.py"))
    assert snapshot.is_relevant(str(tmp_path / ".gitignore"))


# -- adopting another scope --------------------------------------------------------------------------------------


def check_adopted(
    root: Path, before: Scope, act: Callable[[Path], object], after: Scope, *, files: str, expected: str
) -> None:
    """Files that enter or leave with the scope are no changes; what differs beside that is."""
    snapshot = Snapshot(before)
    age(root)
    snapshot.begin()
    act(root)
    assert reported(root, snapshot.adopt(after)) == dict(item.split(":") for item in expected.split())
    assert sorted(os.path.relpath(file, root) for file in snapshot.files()) == sorted(files.split())
    assert snapshot.take_rescoped() == (after != before)
    assert snapshot.reconcile() == []


@pytest.mark.parametrize(
    ("roots", "options", "files", "expected"),
    [
        (["."], {}, "a.py b.txt d/c.py new", "a.py:m new:c gone:d"),
        (["."], {"include": ["*.py"]}, "a.py d/c.py", "a.py:m"),
        (["."], {"exclude": ["a.py"]}, "b.txt d/c.py new", "new:c gone:d"),
        (["d"], {}, "d/c.py", ""),
        (["a.py"], {}, "a.py", ""),
        ([".", "d"], {}, "a.py b.txt d/c.py new", "a.py:m new:c gone:d"),
        ([], {}, "", ""),
    ],
)
def test_adopting_reports_only_real_changes(
    roots: list[str], options: dict[str, Any], files: str, expected: str, tmp_path: Path
) -> None:
    make(tmp_path, "a.py b.txt d/c.py gone")

    def act(root: Path) -> None:
        (root / "a.py").write_text("more")
        make(root, "new")
        (root / "gone").unlink()

    scope = Scope([tmp_path / root for root in roots], **options)
    check_adopted(tmp_path, Scope([tmp_path]), act, scope, files=files, expected=expected)


def test_adopting_a_second_root_keeps_the_first(tmp_path: Path) -> None:
    make(tmp_path, "one/a two/b")
    scope = Scope([tmp_path / "one", tmp_path / "two"])
    check_adopted(
        tmp_path,
        Scope([tmp_path / "one"]),
        lambda root: make(root, "one/n two/n"),
        scope,
        files="one/a one/n two/b two/n",
        expected="one/n:c",
    )


# -- what must be watched ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roots", "trees", "folders"),
    [
        (["d"], ["d"], []),
        (["d", "d/e"], ["d"], []),
        (["a"], [], ["."]),
        (["a", "d/b"], [], [".", "d"]),
        (["d", "d/b", "a"], ["d"], ["."]),
        (["missing"], ["missing"], []),
        (["dl"], ["dl"], ["."]),
        (["l"], [], [".", "d"]),
    ],
)
def test_a_file_is_watched_through_its_folder(
    roots: list[str], trees: list[str], folders: list[str], tmp_path: Path
) -> None:
    make(tmp_path, "a d/b d/e/c")
    (tmp_path / "l").symlink_to("d/b")
    (tmp_path / "dl").symlink_to("d")
    watch_set = begun(*(tmp_path / root for root in roots)).watch_set()
    assert {os.path.relpath(path, tmp_path) for path in watch_set.trees} == set(trees)
    assert {os.path.relpath(path, tmp_path) for path in watch_set.folders} == set(folders)


def test_new_folders_are_named_once(tmp_path: Path) -> None:
    make(tmp_path, "d/a")
    snapshot = begun(tmp_path)
    assert snapshot.take_new_folders() == []
    make(tmp_path, "d/n/a m/a")
    snapshot.reconcile([str(tmp_path / "d"), str(tmp_path / "m")])
    assert sorted(snapshot.take_new_folders()) == [str(tmp_path / "d/n"), str(tmp_path / "m")]
    assert snapshot.take_new_folders() == []
