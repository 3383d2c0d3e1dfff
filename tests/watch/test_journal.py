"""What differs between a clock and now."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.watch.change import ChangeType, FileChange
from reloadls.watch.journal import Journal


def batch(*names: str, kind: ChangeType = "modified") -> list[FileChange]:
    return [FileChange(Path("/", name), kind) for name in names]


def test_each_batch_says_where_it_begins_and_ends() -> None:
    journal = Journal()
    before = journal.clock
    at = datetime(2030, 1, 1, tzinfo=UTC)
    first = journal.append(batch("a"), "watch", at)
    second = journal.append(batch("b"), "save")
    assert (first.since, first.clock, second.since, second.clock) == (before, second.since, first.clock, journal.clock)
    assert (first.at, first.cause, second.cause, first.changes) == (at, "watch", "save", tuple(batch("a")))
    assert second.at.tzinfo is UTC
    assert len({before, first.clock, second.clock}) == 3


def test_since_a_clock_the_net_changes_are_told() -> None:
    journal = Journal()
    clocks = [journal.clock]
    for name, kind in (("a", "created"), ("b", "modified"), ("a", "modified"), ("a", "deleted")):
        journal.append(batch(name, kind=kind), "watch")  # type: ignore[arg-type]
        clocks.append(journal.clock)
    assert [journal.since(clock) for clock in clocks] == [
        batch("b"),
        [*batch("b"), *batch("a", kind="deleted")],
        batch("a", kind="deleted"),
        batch("a", kind="deleted"),
        [],
    ]


@pytest.mark.parametrize(
    "clock",
    ["", "c", "c::", "c:0", "garbage", "c:{epoch}:", "c:{epoch}:x", "c:{epoch}:-1", "c:{epoch}:3", "c:{epoch}:+1",
     "c:{epoch}: 1", "c:{epoch}:1 ", "c:{epoch}:1.0", "c:{epoch}:٣", "c:{epoch}:²", "C:{epoch}:1", "c:00000000:1",
     "c:{epoch}:" + "9" * 5000, "c:{epoch}:" + "0" * 30 + "1", "\0", "c:{epoch}:1\n", "x:c:{epoch}:1"],
)  # fmt: skip
def test_an_unknown_clock_is_answered_with_none(clock: str) -> None:
    journal = Journal()
    epoch = journal.clock.split(":")[1]
    for _ in range(2):
        journal.append(batch("a"), "watch")
    assert journal.since(clock.replace("{epoch}", epoch)) is None


def test_the_clock_of_another_journal_is_unknown() -> None:
    assert Journal().since(Journal().clock) is None


def test_it_is_bounded_by_the_number_of_changes() -> None:
    journal = Journal(limit=10)
    clocks = [journal.clock]
    for number in range(10):
        journal.append(batch(f"x{number}", f"y{number}", f"z{number}"), "watch")
        clocks.append(journal.clock)
    known = [journal.since(clock) is not None for clock in clocks]
    assert known == [False] * 7 + [True] * 4
    journal.append(batch(*(f"n{number}" for number in range(11))), "watch")
    assert journal.since(clocks[-1]) is None, "a batch that is larger than the journal is not kept"
    assert journal.since(journal.clock) == []


def test_forgetting_makes_every_earlier_clock_too_old() -> None:
    journal = Journal()
    clocks = [journal.clock]
    journal.append(batch("a"), "watch")
    clocks.append(journal.clock)
    journal.forget()
    assert [journal.since(clock) for clock in clocks] == [None, None]
    assert journal.since(journal.clock) == []
    assert journal.clock not in clocks
    journal.append(batch("b"), "watch")
    assert [journal.since(clock) for clock in clocks] == [None, None]


_writes = st.lists(st.dictionaries(st.sampled_from("abcde"), st.booleans(), max_size=4), max_size=25)


@given(_writes, st.integers(1, 30), st.integers(0, 25))
def test_the_picture_at_a_clock_and_since_make_the_picture_now(
    writes: list[dict[str, bool]], limit: int, forgotten: int
) -> None:
    journal = Journal(limit=limit)
    there: set[str] = set()
    pictures = [(journal.clock, frozenset(there))]
    for number, write in enumerate(writes):
        if number == forgotten:
            journal.forget()
        changes = []
        for name, stays in write.items():
            if stays:
                changes.append(FileChange(Path("/", name), "modified" if name in there else "created"))
                there.add(name)
            elif name in there:
                there.remove(name)
                changes.append(FileChange(Path("/", name), "deleted"))
        journal.append(changes, "watch")
        pictures.append((journal.clock, frozenset(there)))
    for clock, picture in pictures:
        since = journal.since(clock)
        if since is not None:
            now = set(picture)
            for change in since:
                assert (change.path.name in now) == (change.change_type != "created")
                (now.discard if change.change_type == "deleted" else now.add)(change.path.name)
            assert now == there
    assert journal.since(pictures[-1][0]) == [] or (len(writes) == forgotten)
