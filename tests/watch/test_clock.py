"""A clock's text is parsed exactly, or not at all."""

from __future__ import annotations

import pytest

from reloadls.watch.clock import Clock


@pytest.mark.parametrize("clock", [Clock("0", 0), Clock("00ff", 7), Clock("f" * 32, 10**18 - 1)])
def test_a_clock_is_read_as_it_is_written(clock: Clock) -> None:
    assert Clock.parse(str(clock)) == clock
    assert Clock.number_in(str(clock)) == clock.number


@pytest.mark.parametrize(
    "text", ["", "c", "c::1", "c:a:", "c:a:-1", "c:a:+1", "c:a: 1", "c:a:1 ", "c:a:1\n", "c:g:1", "C:a:1", "c:a:٣",
             "c:a:" + "1" * 19, "c:" + "a" * 33 + ":1", "x:c:a:1", "c:a:1:2"],
)  # fmt: skip
def test_other_text_is_no_clock(text: str) -> None:
    assert Clock.parse(text) is None
