"""What is looked at when: everything only as often as there is time for it."""

from __future__ import annotations

from reloadls.watch.pending import PendingHints
from reloadls.watch.sources import Hints


def test_hints_are_taken_once_in_their_order_with_their_moves() -> None:
    pending = PendingHints()
    pending.note(Hints(("b", "a")))
    pending.note(Hints(("a", "c"), moves=(("c", "d"),)))
    look = pending.take(0.0)
    assert (look.paths, look.moves, look.everything, look.found_by_looking) == (
        ("b", "a", "c"),
        (("c", "d"),),
        False,
        False,
    )
    assert pending.take(0.0).paths == ()


def test_a_suspected_loss_is_checked_once() -> None:
    pending = PendingHints()
    pending.note(Hints(suspect=True))
    assert pending.suspicion_due == 0.0
    look = pending.take(1.0)
    assert (look.everything, look.found_by_looking) == (True, True)
    due: float | None = pending.suspicion_due
    assert due is None
    assert not pending.take(1.0).everything


def test_after_a_long_look_the_next_suspicion_waits_but_its_hints_do_not() -> None:
    pending = PendingHints()
    pending.looked_at_everything(10.0, 12.0)
    pending.note(Hints(("a",), suspect=True))
    look = pending.take(12.5)
    assert (look.paths, look.everything) == (("a",), False)
    assert pending.suspicion_due == 20.0
    assert not pending.take(19.9).everything
    assert pending.take(20.0).everything


def test_an_explicit_request_does_not_wait() -> None:
    for ask in (PendingHints.skip_pause, PendingHints.request_everything):
        pending = PendingHints()
        pending.looked_at_everything(10.0, 11.0)
        pending.note(Hints(suspect=True))
        ask(pending)
        assert pending.take(11.0).everything


def test_skipping_the_pause_without_a_suspicion_compares_nothing_more() -> None:
    pending = PendingHints()
    pending.skip_pause()
    assert not pending.take(0.0).everything
    pending.note(Hints(suspect=True))
    pending.looked_at_everything(10.0, 11.0)
    assert not pending.take(11.0).everything, "who was in a hurry had been answered"


def test_very_many_hints_compare_everything() -> None:
    pending = PendingHints()
    pending.note(Hints(tuple(map(str, range(50_001)))))
    assert pending.take(0.0).everything


def test_moved_paths_are_taken_once() -> None:
    pending = PendingHints()
    pending.note(Hints(("a",), moved=True))
    pending.note(Hints(("b",)))
    assert pending.take_moved() == {"a"}
    assert pending.take_moved() == set()
