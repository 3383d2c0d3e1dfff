"""When a window is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.watch.debounce import Window


@pytest.mark.parametrize(
    ("hints", "due"),
    [
        ([], None),
        ([0.0], 1.0),
        ([5.0], 6.0),
        ([0.0, 0.5], 1.5),
        ([0.0, 0.9, 1.8, 2.7], 3.0),
        ([0.0, 2.9], 3.0),
        ([0.0, 9.0], 3.0),
        ([2.0, 1.0], 3.0),
        ([4.0, 1.0], 4.0),
        ([-5.0], -4.0),
    ],
)
def test_a_window_of_one_second_and_three_at_most(hints: list[float], due: float | None) -> None:
    window = Window(1.0, 3.0)
    for at in hints:
        window.hint(at)
    assert window.due == due


def test_a_closed_window_begins_anew() -> None:
    window = Window(1.0, 3.0)
    window.hint(0.0)
    window.hint(0.5)
    window.close()
    assert window.due is None
    window.hint(10.0)
    assert window.due == 11.0


def test_the_longest_wait_is_never_shorter_than_the_quiet_time() -> None:
    window = Window(5.0, 1.0)
    window.hint(0.0)
    assert window.due == 5.0


_times = st.floats(-1e6, 1e6)


@given(st.lists(_times, min_size=1), st.floats(0.001, 10), st.floats(0.001, 100))
def test_it_is_due_after_the_quiet_time_and_never_later_than_the_longest_wait(
    hints: list[float], debounce: float, max_wait: float
) -> None:
    window = Window(debounce, max_wait)
    for at in hints:
        window.hint(at)
    due = window.due
    assert due is not None
    assert due <= min(hints) + max(max_wait, debounce)
    assert due <= max(hints) + debounce
    assert due in (min(hints) + max(max_wait, debounce), max(hints) + debounce)


@given(st.lists(_times, min_size=1), st.randoms())
def test_the_order_of_hints_makes_no_difference(hints: list[float], random: st.DataObject) -> None:
    one, other = Window(1.0, 3.0), Window(1.0, 3.0)
    mixed = list(hints)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    for a, b in zip(hints, mixed, strict=True):
        one.hint(a)
        other.hint(b)
    assert one.due == other.due
