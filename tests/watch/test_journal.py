"""What differs between a clock and now, and what each of many has yet to be reported."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from reloadls.watch.change import ChangeType, FileChange, net_changes
from reloadls.watch.flush import Cause
from reloadls.watch.journal import Batch, Cursor, Journal, JournalHistory


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


def test_since_a_clock_the_net_changes_are_reported() -> None:
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


def test_saves_of_one_file_keep_it_once() -> None:
    journal = Journal()
    batches = [journal.append([FileChange(Path("/a"), "modified")], "watch") for _ in range(100)]
    assert len({id(each.changes[0]) for each in batches}) == 1
    assert all(after.since is before.clock for before, after in pairwise(batches))


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


# -- cursors ---------------------------------------------------------------------------------------------


def test_a_cursor_one_batch_behind_takes_that_very_object() -> None:
    journal = Journal()
    journal.append(batch("before"), "watch")
    cursors = [journal.cursor() for _ in range(3)]
    assert not any(cursor.behind for cursor in cursors)
    added = journal.append(batch("a"), "save")
    assert all(cursor.behind for cursor in cursors)
    assert all(cursor.take() is added for cursor in cursors)
    assert {cursor.clock for cursor in cursors} == {journal.clock}
    assert [cursor.take() for cursor in cursors] == [None] * 3


def test_a_cursor_further_behind_takes_one_merged_batch() -> None:
    journal = Journal()
    cursor = journal.cursor()
    before = cursor.clock
    journal.append(batch("a", kind="created"), "save", datetime(2030, 1, 1, tzinfo=UTC))
    journal.append(batch("b"), "watch", datetime(2030, 1, 2, tzinfo=UTC))
    journal.append(batch("a"), "watch", datetime(2030, 1, 3, tzinfo=UTC))
    taken = cursor.take()
    assert taken is not None
    assert (taken.since, taken.clock, taken.cause, taken.at.day) == (before, journal.clock, "watch", 3)
    assert taken.changes == (*batch("a", kind="created"), *batch("b"))


def test_cursors_at_one_position_take_the_same_object() -> None:
    journal = Journal()
    cursors = [journal.cursor() for _ in range(3)]
    for name in "abc":
        journal.append(batch(name), "watch")
    other = journal.cursor()
    journal.append(batch("d"), "watch")
    first, *rest = [cursor.take() for cursor in cursors]
    assert first is not None
    assert all(taken is first for taken in rest)
    assert other.take() is not first


@pytest.mark.parametrize(
    ("causes", "merged"),
    [(("save", "save"), "save"), (("save", "watch"), "watch"), (("rescan", "refresh", "rescan"), "watch")],
)
def test_batches_of_several_causes_are_one_of_watching(causes: tuple[Cause, ...], merged: Cause) -> None:
    journal = Journal()
    cursor = journal.cursor()
    for cause in causes:
        journal.append(batch("a"), cause)
    taken = cursor.take()
    assert taken is not None
    assert taken.cause == merged


def test_a_file_that_came_and_went_is_not_reported() -> None:
    journal = Journal()
    cursor = journal.cursor()
    journal.append(batch("a", kind="created"), "watch")
    journal.append(batch("a", kind="deleted"), "watch")
    assert cursor.take() is None
    assert cursor.clock == journal.clock
    assert not cursor.behind


def test_a_cursor_that_caught_up_or_closed_has_nothing_to_take() -> None:
    journal = Journal()
    cursor, gone = journal.cursor(), journal.cursor()
    gone.close()
    gone.close()
    stays = gone.clock
    journal.append(batch("a"), "watch")
    cursor.catch_up()
    assert (cursor.take(), cursor.clock) == (None, journal.clock)
    gone.catch_up()
    assert (gone.behind, gone.take(), gone.clock) == (False, None, stays)


def test_since_ends_where_a_cursor_stands() -> None:
    journal = Journal()
    clock = journal.clock
    journal.append(batch("a"), "watch")
    cursor = journal.cursor()
    journal.append(batch("b"), "watch")
    assert journal.since(clock, cursor) == batch("a")
    assert journal.since(journal.clock, cursor) is None, "that is more than its owner was reported"
    cursor.take()
    assert journal.since(clock, cursor) == batch("a", "b")


def test_what_happened_before_the_journal_forgot_is_still_reported() -> None:
    journal = Journal()
    cursor, late = journal.cursor(), journal.cursor()
    before = journal.clock
    first = journal.append(batch("a"), "watch")
    journal.forget()
    assert journal.since(before) is None
    assert cursor.take() is first
    second = journal.append(batch("b"), "watch")
    assert cursor.take() is second
    taken = late.take()
    assert taken is not None
    assert taken.changes == tuple(batch("a", "b"))
    assert (taken.since, taken.clock) == (second.since, second.clock), "there is a gap, and it can be seen"


def test_a_clock_lost_in_a_crash_is_unknown() -> None:
    journal = Journal()
    cursor = journal.cursor()
    for name in "ab":
        last = journal.append(batch(name), "watch")
    journal.forget()
    taken = cursor.take()
    assert taken is not None
    assert taken.clock == last.clock != journal.clock
    assert journal.since(taken.clock) is None


def test_the_journal_keeps_for_a_cursor_what_it_would_forget() -> None:
    journal = Journal(limit=10)
    early = journal.cursor()
    for number in range(1000):
        if number == 500:
            late = journal.cursor()
        journal.append(batch(f"x{number % 7}"), "watch")
        assert journal.size <= 10 + 2 * 3 * 7
    assert {change.path.name for change in (early.take() or _NOTHING).changes} == {f"x{number}" for number in range(7)}
    assert len((late.take() or _NOTHING).changes) == 7
    journal.append(batch("y"), "watch")
    assert journal.size <= 10, "nobody needs more"


def test_a_slow_cursor_leaves_the_newest_clocks_answered() -> None:
    journal = Journal(limit=10)
    slow = journal.cursor()
    for number in range(1000):
        clock = journal.clock
        journal.append(batch(f"x{number % 7}"), "watch")
        journal.append(batch("y"), "watch")
        assert journal.since(clock) == batch(f"x{number % 7}", "y")
    assert slow.behind


def test_a_batch_can_be_the_key_of_what_is_made_of_it() -> None:
    made: weakref.WeakKeyDictionary[Batch, bytes] = weakref.WeakKeyDictionary()
    journal = Journal(limit=1)
    cursor = journal.cursor()
    made[journal.append(batch("a"), "watch")] = b"a"
    taken = cursor.take()
    assert taken is not None
    assert made[taken] == b"a"
    del taken
    journal.append(batch("b"), "watch")
    assert len(made) == 0


_NOTHING = Batch("", "", datetime(2030, 1, 1, tzinfo=UTC), "watch", ())


# -- what earlier runs have left -------------------------------------------------------------------------


def _past(*names: str, epochs: tuple[tuple[str, int, int], ...], number: int = 42) -> JournalHistory:
    start = number - len(names)
    at = datetime(2030, 1, 1, tzinfo=UTC)
    batches = (
        Batch(f"c:a:{start + index + 1}", f"c:a:{start + index}", at, "watch", tuple(batch(name)))
        for index, name in enumerate(names)
    )
    return JournalHistory(number, epochs, tuple(batches))


@pytest.mark.parametrize(
    ("clock", "names"),
    [("c:a:38", None), ("c:a:39", "xyz"), ("c:a:40", "yz"), ("c:a:41", None), ("c:b:39", None), ("c:b:40", "yz"),
     ("c:b:41", "z"), ("c:b:42", ""), ("c:b:43", None), ("c:z:42", None)],
)  # fmt: skip
def test_a_clock_of_an_earlier_run_is_known_as_far_as_that_was_committed(clock: str, names: str | None) -> None:
    journal = Journal(history=_past("x", "y", "z", epochs=(("a", 30, 40), ("b", 40, 42))))
    assert journal.clock == f"c:{journal.epoch}:42"
    assert journal.since(clock) == (None if names is None else batch(*names))
    journal.append(batch("new"), "startup")
    assert journal.since(clock) == (None if names is None else batch(*names, "new"))
    assert journal.since(f"c:{journal.epoch}:41") is None, "this run was not there yet"
    assert journal.since(f"c:{journal.epoch}:42") == batch("new")


def test_a_new_cursor_takes_only_later_batches() -> None:
    journal = Journal(history=_past("x", "y", epochs=(("a", 0, 42),)))
    cursor = journal.cursor()
    assert not cursor.behind
    added = journal.append(batch("new"), "startup")
    assert cursor.take() is added


def test_the_history_is_within_the_bound_and_can_be_forgotten() -> None:
    journal = Journal(limit=2, history=_past("x", "y", epochs=(("a", 0, 42),)))
    journal.append(batch("new"), "startup")
    assert [journal.since(f"c:a:{number}") for number in (40, 41)] == [None, batch("y", "new")]
    journal.forget()
    assert journal.since("c:a:42") is None


# -- any order of things ---------------------------------------------------------------------------------

_NAMES = "abcde"


@dataclass
class _WatchRecorder:
    """A cursor, and a naive account of what its owner has yet to be reported."""

    cursor: Cursor
    pending: list[Batch] = field(default_factory=list)
    since: str = ""


class CursorsMachine(RuleBasedStateMachine):
    """A journal with a tiny limit, beside lists that forget nothing."""

    reported: Bundle[_WatchRecorder] = Bundle("reported")

    def __init__(self) -> None:
        super().__init__()
        self.limit = 6
        self.journal = Journal(limit=self.limit)
        self.there: set[str] = set()
        self.all: list[Batch] = []
        self.clocks: dict[str, int] = {self.journal.clock: 0}
        self.owners: list[_WatchRecorder] = []
        self.most = 0
        self.forgot = 0
        self.gap = ""

    @rule(target=reported)
    def join(self) -> _WatchRecorder:
        owner = _WatchRecorder(self.journal.cursor(), since=self.journal.clock)
        self.owners.append(owner)
        self.most = max(self.most, len(self.owners))
        return owner

    @rule(owner=consumes(reported))
    def leave(self, owner: _WatchRecorder) -> None:
        owner.cursor.close()
        self.owners.remove(owner)

    @rule(
        names=st.sets(st.sampled_from(_NAMES), min_size=1), cause=st.sampled_from(["watch", "save"]), stay=st.booleans()
    )
    def append(self, names: set[str], cause: Cause, stay: bool) -> None:
        changes: list[FileChange] = []
        for name in sorted(names):
            if stay or name not in self.there:
                changes += batch(name, kind="modified" if name in self.there else "created")
                self.there.add(name)
            else:
                changes += batch(name, kind="deleted")
                self.there.remove(name)
        added = self.journal.append(changes, cause)
        self.all.append(added)
        self.clocks[added.clock] = len(self.all)
        for owner in self.owners:
            owner.pending.append(added)
            if self.gap:
                owner.since = self.gap
        self.gap = ""
        if all(len(owner.pending) == 1 for owner in self.owners):
            assert self.journal.size <= max(self.limit, len(changes))

    @rule()
    def forget(self) -> None:
        self.journal.forget()
        self.forgot = len(self.all)
        self.clocks = {self.journal.clock: len(self.all)}
        self.gap = self.journal.clock

    @rule(owner=reported)
    def catch_up(self, owner: _WatchRecorder) -> None:
        owner.cursor.catch_up()
        owner.pending, owner.since = [], self.journal.clock

    @rule(owner=reported)
    def take(self, owner: _WatchRecorder) -> None:
        assert owner.cursor.behind >= bool(owner.pending)
        taken = owner.cursor.take()
        net = net_changes(change for added in owner.pending for change in added.changes)
        if len(owner.pending) == 1:
            assert taken is owner.pending[0]
        elif not net:
            assert taken is None
        else:
            last = owner.pending[-1]
            assert taken is not None
            assert set(taken.changes) == set(net)
            assert len(taken.changes) == len(net)
            assert (taken.clock, taken.at, taken.since) == (last.clock, last.at, owner.since)
            causes = {added.cause for added in owner.pending}
            assert taken.cause == (causes.pop() if len(causes) == 1 else "watch")
        assert (owner.cursor.clock, owner.cursor.behind) == (self.journal.clock, False)
        owner.pending, owner.since = [], self.journal.clock

    @rule(owner=reported)
    def since_until(self, owner: _WatchRecorder) -> None:
        end = len(self.all) - len(owner.pending)
        for clock, start in self.clocks.items():
            self._check(self.journal.since(clock, owner.cursor), start, end)

    @invariant()
    def every_clock_is_answered_rightly_or_not_at_all(self) -> None:
        for clock, start in self.clocks.items():
            answer = self.journal.since(clock)
            self._check(answer, start, len(self.all))
            if sum(len(added.changes) for added in self.all[start:]) <= self.limit // 2:
                assert answer is not None

    @invariant()
    def it_is_bounded(self) -> None:
        assert self.journal.size <= self.limit + 2 * (self.most + 1) * len(_NAMES)

    def _check(self, answer: list[FileChange] | None, start: int, end: int) -> None:
        if answer is not None:
            assert start <= end
            assert set(answer) == set(net_changes(change for added in self.all[start:end] for change in added.changes))


TestCursors = CursorsMachine.TestCase
TestCursors.settings = settings(max_examples=60, stateful_step_count=40)
