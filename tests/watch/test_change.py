"""How several changes of one path become one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.watch import ChangeType, FileChange, collapse_changes
from reloadls.watch.change import net_changes

_TYPES: dict[str, ChangeType] = {"c": "created", "m": "modified", "d": "deleted"}
_A = Path("/a")


def changes(text: str) -> list[FileChange]:
    """``"a:d b:c<a"`` → the changes."""
    found: list[FileChange] = []
    for item in text.split():
        path, _, reported = item.partition(":")
        kind, _, old = reported.partition("<")
        found.append(FileChange(Path("/", path), _TYPES[kind], Path("/", old) if old else None))
    return found


def check(events: str, collapsed: str, net: str | None = None) -> None:
    assert collapse_changes(changes(events)) == changes(collapsed)
    assert net_changes(changes(events)) == changes(collapsed if net is None else net)


@pytest.mark.parametrize(
    ("events", "result"),
    [
        ("", ""),
        ("a:c", "a:c"),
        ("a:m", "a:m"),
        ("a:d", "a:d"),
        ("a:c a:m", "a:c"),
        ("a:c a:c", "a:c"),
        ("a:m a:m", "a:m"),
        ("a:m a:d", "a:d"),
        ("a:d a:d", "a:d"),
        ("a:d a:c", "a:m"),
        ("a:d a:m", "a:m"),
        ("a:m a:c", "a:m"),
        ("a:m a:d a:c", "a:m"),
        ("a:d a:c a:d", "a:d"),
        ("a:d a:c a:m", "a:m"),
        ("a:c a:d a:c", "a:c"),
        ("a:c a:d a:c a:m", "a:c"),
        ("b:m a:c b:d a:m c:d", "b:d a:c c:d"),
    ],
)
def test_changes_merge(events: str, result: str) -> None:
    check(events, result)


@pytest.mark.parametrize(
    ("events", "collapsed", "net"),
    [
        ("a:c a:d", "a:d", ""),
        ("a:c a:m a:d", "a:d", ""),
        ("a:c a:d a:c a:d", "a:d", ""),
        ("b:c a:c b:d", "b:d a:c", "a:c"),
    ],
)
def test_a_path_that_came_and_went_is_deleted_only_if_events_may_be_missing(
    events: str, collapsed: str, net: str
) -> None:
    check(events, collapsed, net)


@pytest.mark.parametrize(
    ("events", "net"),
    [
        ("a:d b:c<a", "a:d b:c<a"),
        ("b:c<a a:d", "b:c<a a:d"),
        ("a:d b:c<a b:m", "a:d b:c<a"),
        ("a:d b:c a:d b:c<a", "a:d b:c<a"),  # recognised only now
        ("a:d b:c<a b:d c:c<b", "a:d c:c<a"),
        ("a:d b:c<a c:c<b b:d", "a:d c:c<a"),
        ("a:d b:c<a b:d c:c<b c:d d:c<c", "a:d d:c<a"),
        ("a:d b:c<a a:c", "a:m b:c"),
        ("a:d b:c<a a:c a:m", "a:m b:c"),
        ("a:d b:c<a a:c a:d", "a:d b:c<a"),
        ("a:d b:c<a a:c a:d c:c<a", "a:d b:c<a c:c"),  # the second a was another file
        ("a:d b:c<a b:d a:c<b", "a:m"),
        ("a:d b:c<a b:d", "a:d"),
        ("b:c b:d c:c<b", "c:c"),
        ("b:d b:c c:c<b b:d", "b:d c:c"),
        ("b:m a:d", "b:m a:d"),
        ("a:m a:d b:c<a", "a:d b:c<a"),
        ("a:d b:c<a c:c<a", "a:d b:c<a c:c"),
        ("b:c<a", "b:c<a"),  # the other half was left out
    ],
)
def test_renames_merge(events: str, net: str) -> None:
    assert net_changes(changes(events)) == changes(net)
    collapsed = [change for change in collapse_changes(changes(events)) if change in changes(net)]
    assert collapsed == changes(net), "as events, there may be more deletions"


_acts = st.lists(st.tuples(st.sampled_from(["new", "move", "remove", "edit"]), *[st.sampled_from("abcd")] * 2))
Files = dict[str, tuple[int, int]]
"""name → (which file it is, its content)."""


def difference(before: Files, after: Files) -> list[FileChange]:
    """What one comparison finds."""
    found = [FileChange(Path("/", name), "deleted") for name in before if name not in after]
    gone = {before[name][0]: name for name in before if name not in after}
    for name, (file, content) in after.items():
        if name not in before:
            found.append(FileChange(Path("/", name), "created", Path("/", gone[file]) if file in gone else None))
        elif before[name] != (file, content):
            found.append(FileChange(Path("/", name), "modified"))
    return found


def states(acts: list[tuple[str, str, str]], *, fresh: bool) -> list[Files]:
    """What is there before all acts, and after each; if `fresh`, no name is used twice."""
    files: Files = {"a": (1, 0), "b": (2, 0)}
    found = [files]
    for number, (act, name, other) in enumerate(acts, 3):
        files = dict(files)
        target = f"{other}{number}" if fresh else other
        if act == "new":
            files.setdefault(target, (number, 0))
        elif name in files and act == "move":
            files[target] = files.pop(name)
        elif name in files and act == "remove":
            del files[name]
        elif name in files:
            files[name] = (files[name][0], number)
        found.append(files)
    return found


def batches(acts: list[tuple[str, str, str]], cuts: set[int], *, fresh: bool) -> tuple[list[FileChange], Files, Files]:
    """All changes as several comparisons find them, and what was there at first and in the end."""
    pictures = states(acts, fresh=fresh)
    looks = [*sorted(cut for cut in cuts if cut < len(pictures)), len(pictures) - 1]
    found: list[FileChange] = []
    last = pictures[0]
    for look in looks:
        found += difference(last, pictures[look])
        last = pictures[look]
    return found, pictures[0], last


@given(_acts, st.sets(st.integers(0, 20)), st.booleans())
def test_several_looks_merge_into_what_one_would_have_found(
    acts: list[tuple[str, str, str]], cuts: set[int], fresh: bool
) -> None:
    found, before, after = batches(acts, cuts, fresh=fresh)
    net, one = net_changes(found), difference(before, after)
    kinds = {change.path: change.change_type for change in one}
    reported = {change.path: change.change_type for change in net}
    if fresh:
        assert set(net) == set(one)
    else:  # an edit and its undoing, and a file put back, are reported all the same
        assert {path: kind for path, kind in reported.items() if path in kinds} == kinds
        assert {reported[path] for path in reported.keys() - kinds.keys()} <= {"modified"}
    olds = [change.renamed_from for change in net if change.renamed_from is not None]
    assert len(olds) == len(set(olds)), "an old path was given twice"
    assert {reported[old] for old in olds} <= {"deleted"}
    assert all(change.change_type == "created" for change in net if change.renamed_from is not None)


_steps = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["there", "edited", "gone"])), max_size=30)


def exact(steps: list[tuple[str, str]], there: set[str]) -> list[FileChange]:
    """Exact differences: what each step makes of what is there."""
    found: list[FileChange] = []
    for name, step in steps:
        path = Path("/", name)
        if step == "gone" and name in there:
            there.remove(name)
            found.append(FileChange(path, "deleted"))
        elif step != "gone":
            found.append(FileChange(path, "modified" if name in there else "created"))
            there.add(name)
    return found


@given(_steps, st.sets(st.sampled_from("abc")))
def test_the_net_of_exact_differences_leads_from_the_beginning_to_the_end(
    steps: list[tuple[str, str]], there: set[str]
) -> None:
    picture = set(there)
    net = net_changes(exact(steps, there))
    for change in net:
        name = change.path.name
        assert (name in picture) == (change.change_type != "created")
        picture.discard(name) if change.change_type == "deleted" else picture.add(name)
    assert picture == there
    assert len({change.path for change in net}) == len(net)


@given(_steps, st.sets(st.sampled_from("abc")), st.integers(0, 30))
def test_folding_in_two_steps_is_folding_in_one(steps: list[tuple[str, str]], there: set[str], cut: int) -> None:
    events = exact(steps, there)
    head, tail = events[:cut], events[cut:]
    assert set(net_changes(net_changes(head) + tail)) == set(net_changes(events))
    assert set(net_changes(net_changes(head) + net_changes(tail))) == set(net_changes(events))
    assert net_changes(net_changes(events)) == net_changes(events)


_anything = st.lists(st.builds(FileChange, st.sampled_from([_A, Path("/b")]), st.sampled_from(list(_TYPES.values()))))


@given(_anything)
def test_collapsing_keeps_each_path_once_in_first_seen_order(events: list[FileChange]) -> None:
    collapsed = collapse_changes(events)
    assert [change.path for change in collapsed] == list(dict.fromkeys(change.path for change in events))
    for change in collapsed:
        last = [event for event in events if event.path == change.path][-1]
        assert (change.change_type == "deleted") == (last.change_type == "deleted")


def test_a_change_is_plain_data() -> None:
    change = FileChange(_A, "created")
    assert change == FileChange(_A, "created") and hash(change) == hash(FileChange(_A, "created"))
    assert change.renamed_from is None and change != FileChange(_A, "created", Path("/b"))
    with pytest.raises(AttributeError):
        change.path = Path("/b")  # type: ignore[misc]
