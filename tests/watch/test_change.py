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
    """``"a:c b:d"`` → the changes."""
    pairs = (item.split(":") for item in text.split())
    return [FileChange(Path("/", path), _TYPES[kind]) for path, kind in pairs]


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
def test_what_came_and_went_is_told_as_deleted_only_where_an_event_may_be_missing(
    events: str, collapsed: str, net: str
) -> None:
    check(events, collapsed, net)


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
    with pytest.raises(AttributeError):
        change.path = Path("/b")  # type: ignore[misc]
