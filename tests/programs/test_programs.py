"""Each program answers after each edit as a fresh start does, or the report says why not."""

from __future__ import annotations

import os

import pytest

from .corpus import PROGRAMS
from .oracle import play
from .program import Program

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="processes are ended by their session"),
    pytest.mark.timeout(900),
]

_WANTED = os.environ.get("RELOADLS_TEST_PROGRAMS", "")
"""Which are played: "fast", "all", or "rest" for all but the fast ones; else those that need no packages."""


def _why_not(program: Program) -> str:
    is_fast = not program.environment or program.fast
    if _WANTED == "rest":
        return "make test-main plays it" if is_fast else ""
    if _WANTED == "all" or not program.environment or (_WANTED == "fast" and is_fast):
        return ""
    return "RELOADLS_TEST_PROGRAMS=all downloads what it needs, and plays it"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_answers_as_a_fresh_start_or_says_why_not(program: Program) -> None:
    if why := _why_not(program):
        pytest.skip(why)
    outcomes = list(play(program))
    assert len(outcomes) == len(program.edits)
    wrong = [each for each in outcomes if each.verdict == "wrong" and not each.edit.fault]
    assert not wrong, "\n".join(f"{each.edit.what}: {each.why}" for each in wrong)
    live = sum(each.verdict == "live" for each in outcomes)
    assert live * 2 >= len(outcomes), "most edits were not made live"
