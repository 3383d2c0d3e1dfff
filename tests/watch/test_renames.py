"""Renamed files are reported as such, whatever notices them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from reloadls.watch import FileChange
from reloadls.watch.change import net_changes
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.snapshot.renames import RenameTracker, renames
from reloadls.watch.snapshot.snapshot import Snapshot
from tests.support.watching import SOURCES, WatchRecorder, watching

_OLD = 1_700_000_000


def make(root: Path, files: str) -> None:
    """``"a=1 d/b=2"``: files, written long ago."""
    for item in files.split():
        name, _, text = item.partition("=")
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or name)
        os.utime(path, (_OLD, _OLD))


def act(root: Path, acts: str) -> None:
    """``"mv a b, rm c, new d"``: one after the other; ``touch`` gives a new mtime, ``edit`` other content."""
    for line in filter(None, acts.split(",")):
        what, *names = line.split()
        paths = [root / name for name in names]
        match what:
            case "mv":
                os.replace(*paths)
            case "rm":
                shutil.rmtree(paths[0]) if paths[0].is_dir() else paths[0].unlink()
            case "link":
                os.link(*paths)
            case "symlink":
                paths[1].symlink_to(paths[0])
            case "mkdir":
                paths[0].mkdir()
            case "copy":
                shutil.copy2(*paths)
            case "touch" | "new" | "edit":
                with paths[0].open("a") as file:
                    file.write("" if what == "touch" else what)
                os.utime(paths[0])
            case _:
                raise ValueError(what)


def text_of(root: Path, changes: Iterable[FileChange]) -> dict[str, str]:
    """Path → ``"d"``, ``"m"``, ``"c"``, or ``"c<old"``."""

    def name(path: Path) -> str:
        return os.path.relpath(path, root)

    return {
        name(change.path): change.change_type[0]
        + ("" if change.renamed_from is None else f"<{name(change.renamed_from)}")
        for change in changes
    }


def expected(text: str) -> dict[str, str]:
    """``"a:d b:c<a"`` → what is reported."""
    return dict(item.split(":") for item in text.split())


# what is there, what is done within one window, what is reported
CASES: dict[str, tuple[str, str, str]] = {
    "a file": ("a", "mv a b", "a:d b:c<a"),
    "into a folder": ("a d/x", "mv a d/a", "a:d d/a:c<a"),
    "into a new folder": ("a", "mkdir new, mv a new/a", "a:d new/a:c<a"),
    "a folder": ("d/a d/e/b", "mv d f", "d/a:d d/e/b:d f/a:c<d/a f/e/b:c<d/e/b"),
    "a folder and a file of it": ("d/a d/b", "mv d f, mv f/a f/c", "d/a:d d/b:d f/c:c<d/a f/b:c<d/b"),
    "a chain": ("a", "mv a b, mv b c", "a:d c:c<a"),
    "there and back": ("a z", "mv a b, mv b a, edit z", "z:m"),
    "a swap": ("a=1 b=22", "mv a t, mv b a, mv t b", "a:m b:m"),
    "over another": ("a=1 b=22", "mv a b", "a:d b:m"),
    "the old path is there again": ("a", "mv a b, new a", "a:m b:c"),
    "the old path is a folder now": ("a", "mv a b, mkdir a, new a/x", "a:d a/x:c b:c<a"),
    "nothing of it": ("a=1", "rm a, new b", "a:d b:c"),
    "a hard link more": ("a", "link a b", "b:c"),
    "a hard link instead": ("a", "link a b, rm a", "a:d b:c<a"),
    "one of two hard links": ("a", "link a b, link a c, rm a", "a:d b:c c:c<a|a:d b:c<a c:c"),
    "a copy, and the first one gone": ("a", "copy a b, rm a", "a:d b:c"),
    "several": ("a b c", "mv a x, mv b y, mv c z", "a:d b:d c:d x:c<a y:c<b z:c<c"),
}
# what only a source knows that gives the moves themselves
WITH_MOVES: dict[str, tuple[str, str, str]] = {
    "edited after it": ("a", "mv a b, edit b", "a:d b:c<a"),
    "edited before it": ("a", "edit a, mv a b", "a:d b:c<a"),
    "a folder's file edited": ("d/a d/b", "mv d f, edit f/a", "d/a:d d/b:d f/a:c<d/a f/b:c<d/b"),
    "a chain, edited": ("a", "mv a b, edit b, mv b c, edit c", "a:d c:c<a"),
}


def is_reported(root: Path, changes: Iterable[FileChange], wanted: str) -> None:
    assert text_of(root, changes) in [expected(one) for one in wanted.split("|")]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES)
async def test_a_rename_is_reported(tmp_path: Path, source: str, case: str) -> None:
    there, acts, wanted = CASES[case]
    await check_source(tmp_path, source, there, acts, wanted)


@pytest.mark.skipif("inotify" not in SOURCES, reason="only inotify reports of moves")
@pytest.mark.parametrize("case", WITH_MOVES)
async def test_a_rename_with_an_edit_is_reported_where_the_system_reports_moves(tmp_path: Path, case: str) -> None:
    there, acts, wanted = WITH_MOVES[case]
    await check_source(tmp_path, "inotify", there, acts, wanted)


async def check_source(root: Path, source: str, there: str, acts: str, wanted: str) -> None:
    make(root, there)
    kinds = [kinds_of(expected(one)) for one in wanted.split("|")]
    async with watching([root], **SOURCES[source], debounce_ms=100, max_wait_ms=4000) as reported:
        act(root, acts)  # while the loop waits for it: one window
        await reported.until(lambda: kinds_of(text_of(root, merged(reported))) in kinds)
    if len(reported.batches) == 1:  # a machine that stood still may have made several of it
        is_reported(root, reported.batches[0], wanted)


def merged(reported: WatchRecorder) -> list[FileChange]:
    return net_changes(change for batch in reported.batches for change in batch)


def kinds_of(text: dict[str, str]) -> dict[str, str]:
    return {name: kind[0] for name, kind in text.items()}


# -- the snapshot alone ------------------------------------------------------------------------------------------


def pairs(root: Path, acts: str) -> list[tuple[str, str]]:
    """The moves among `acts`, as a source reports them."""
    lines = [line.split() for line in acts.split(",") if line.strip().startswith("mv ")]
    return [(str(root / old), str(root / new)) for _, old, new in lines]


def check(root: Path, there: str, acts: str, wanted: str, *, moves: bool = False) -> None:
    make(root, there)
    snapshot = Snapshot(Scope([root]))
    snapshot.begin()
    act(root, acts)
    is_reported(root, snapshot.reconcile(None, pairs(root, acts) if moves else ()), wanted)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("moves", [False, True])
def test_a_look_recognises_renames(tmp_path: Path, case: str, moves: bool) -> None:
    check(tmp_path, *CASES[case], moves=moves)


@pytest.mark.parametrize("case", WITH_MOVES)
def test_moves_identify_renames_with_edits(tmp_path: Path, case: str) -> None:
    check(tmp_path, *WITH_MOVES[case], moves=True)


def test_an_edited_file_is_no_rename_without_the_source_saying_so(tmp_path: Path) -> None:
    check(tmp_path, "a", "mv a b, edit b", "a:d b:c")


def test_a_link_that_was_renamed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make(tmp_path, "outside root/x")
    root = tmp_path / "root"
    (root / "a").symlink_to(outside)
    snapshot = Snapshot(Scope([root]))
    snapshot.begin()
    os.rename(root / "a", root / "b")
    is_reported(root, snapshot.reconcile(), "a:d b:c<a")
    (root / "b").unlink()
    os.link(outside, root / "c")
    is_reported(root, snapshot.reconcile(), "b:d c:c")


def test_a_file_renamed_while_nothing_watches(tmp_path: Path) -> None:
    make(tmp_path, "a")
    before = Snapshot(Scope([tmp_path]))
    before.begin()
    os.rename(tmp_path / "a", tmp_path / "b")
    is_reported(tmp_path, Snapshot(Scope([tmp_path])).begin(before.entries()), "a:d b:c<a")


@pytest.mark.parametrize("order", ["a b", "b a", "a,b", "b,a"])
def test_both_halves_may_be_found_by_several_looks(tmp_path: Path, order: str) -> None:
    make(tmp_path, "a")
    snapshot, tracker = Snapshot(Scope([tmp_path])), RenameTracker()
    snapshot.begin()
    act(tmp_path, "mv a b")
    found: list[FileChange] = []
    for hints in order.split(","):
        found += snapshot.reconcile([str(tmp_path / name) for name in hints.split()], (), tracker)
    found += snapshot.reconcile(None, (), tracker)
    is_reported(tmp_path, net_changes(found), "a:d b:c<a")


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        (["mv a b", "mv b c"], "a:d c:c<a"),
        (["mv a b", "new a"], "a:m b:c"),
        (["mv a b", "new a", "rm a"], "a:d b:c<a"),
        (["new n", "mv n m"], "m:c"),
        (["mv a b", "mv b a"], "a:m"),
        (["mv a b", "edit b"], "a:d b:c<a"),
        (["mv a b", "rm b"], "a:d"),
        (["rm a", "new b"], "a:d b:c"),
    ],
)
@pytest.mark.parametrize("shared", [True, False])
def test_looks_are_merged(tmp_path: Path, steps: list[str], wanted: str, shared: bool) -> None:
    """As one batch that is not reported yet, or as batches that were."""
    make(tmp_path, "a")
    snapshot, tracker = Snapshot(Scope([tmp_path])), RenameTracker()
    snapshot.begin()
    found: list[FileChange] = []
    for step in steps:
        act(tmp_path, step)
        found += snapshot.reconcile(None, pairs(tmp_path, step), tracker if shared else None)
    is_reported(tmp_path, net_changes(found), wanted)


# -- the decision alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "come", "moves", "wanted"),
    [
        ("a:1", "b:1", "", "b<a"),
        ("a:1", "b:2", "", ""),
        ("a:1:10", "b:1:11", "", ""),
        ("a:1:10", "b:1:11", "a>b", "b<a"),
        ("a:1:10", "b:1:11", "a>x x>b", "b<a"),
        ("a:1:10", "b:1:11", "a>b b>c", ""),  # what is at b now came after
        ("b:1:10", "c:1:11", "a>b b>c", "c<b"),  # the first move was reported before
        ("a:1:10", "b:2:11", "a>b", ""),  # replaced after the move
        ("d/a:1:10", "e/a:1:11", "d>e", "e/a<d/a"),
        ("d/a:1:10", "e/b:1:11", "d>e e/a>e/b", "e/b<d/a"),
        ("d/a:1:10", "e/b:1:11", "d/a>d/b d>e", "e/b<d/a"),
        ("da:1:10", "ea:1:11", "d>e", ""),
        ("a:1 b:1", "c:1 d:1", "", "c<a d<b"),
        ("a:1 b:1", "c:1 d:1", "b>c a>d", "c<b d<a"),
        ("a:1 b:1", "c:1 d:1", "b>c", "c<b d<a"),
        ("x/a:1 x/b:1", "y/b:1 y/a:1", "", "y/b<x/b y/a<x/a"),
        ("a:1", "b:1 c:1", "", "b<a"),
        ("a:1", "b:1 c:1", "a>c", "c<a"),
        ("a:1:10 b:1:10", "c:1:11", "b>c", "c<b"),
    ],
)
def test_who_is_who(gone: str, come: str, moves: str, wanted: str) -> None:
    def entries(text: str) -> dict[str, Entry]:
        items = [item.split(":") for item in text.split()]
        return {"/" + path: (int(more[0]) if more else 10, 1, int(inode), 0, 0, 0) for path, inode, *more in items}

    given = [(f"/{old}", f"/{new}") for old, new in (move.split(">") for move in moves.split())]
    found = renames(entries(gone), entries(come), given)
    assert {new[1:]: old[1:] for new, old in found.items()} == dict(item.split("<") for item in wanted.split())


def _folder(moves: int) -> float:
    gone = {f"/r/old/{n % 100}/{n}": (n, 1, n, 0, 0, 0) for n in range(moves)}
    come = {f"/r/new/{n % 100}/{n}": (n + 1, 1, n, 0, 0, 0) for n in range(moves)}
    return _timed(lambda: renames(gone, come, [("/r/old", "/r/new")]), moves)


def _singly(moves: int) -> float:
    gone = {f"/r/{n}": (n, 1, n, 0, 0, 0) for n in range(moves)}
    come = {f"/r/x{n}": (n + 1, 1, n, 0, 0, 0) for n in range(moves)}
    return _timed(lambda: renames(gone, come, [(f"/r/{n}", f"/r/x{n}") for n in range(moves)]), moves)


def _hard_links(moves: int) -> float:
    gone = {f"/r/old/{n}": (1, 1, 1, 0, 0, 0) for n in range(moves)}
    come = {f"/r/new/{n}": (1, 1, 1, 0, 0, 0) for n in reversed(range(moves))}
    return _timed(lambda: renames(gone, come), moves)


def _timed(call: Callable[[], dict[str, str]], moves: int) -> float:
    begun = time.process_time()
    assert len(call()) == moves
    return time.process_time() - begun


@pytest.mark.parametrize("moving", [_folder, _singly, _hard_links])
def test_many_are_recognised_in_time_that_grows_with_their_number(moving: Callable[[int], float]) -> None:
    assert moving(20_000) < 5, "a few tenths of a second, where a quadratic way takes minutes"
