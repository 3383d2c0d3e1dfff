"""Options: every mistake is told by field, value and rule, and costs only its own field."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.protocol import Options, parse_options

DEFAULTS = Options()


def check(raw: object, *problems: str, previous: Options | None = None, **expected: Any) -> None:
    """The options are the defaults but for `expected`, and the problems hold these texts, one each."""
    options, told = parse_options(raw, previous)
    assert options == attrs.evolve(DEFAULTS, **expected)
    assert len(told) == len(problems), told
    for problem, text in zip(told, problems, strict=True):
        assert text in problem.message
        assert problem.field in problem.message


@pytest.mark.parametrize("raw", [None, {}, [], {"paths": None, "debounceMs": None, "forcePolling": None}])
def test_nothing_given_means_the_defaults(raw: object) -> None:
    check(raw)


def test_every_field_can_be_set() -> None:
    check({"paths": ["a", "/b", "file:///c"]}, paths=("a", "/b", "file:///c"))
    check({"paths": []}, paths=())
    check({"include": ["*.py"], "exclude": ["!x"]}, include=("*.py",), exclude=("!x",))
    check({"useGitignore": False, "watchedFiles": False}, use_gitignore=False, watched_files=False)
    check({"debounceMs": 1, "maxWaitMs": 1}, debounce_ms=1, max_wait_ms=1)
    check({"debounceMs": 60000, "maxWaitMs": 10**9}, debounce_ms=60000, max_wait_ms=10**9)
    check({"forcePolling": True, "pollDelayMs": 50}, force_polling=True, poll_delay_ms=50)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (5, "the options must be an object, not 5"),
        ([1], "the options must be an object, not [1]"),
        ({"debounceMs": "fast"}, 'debounceMs must be an integer from 1 to 60000, not "fast"'),
        ({"debounceMs": True}, "debounceMs must be an integer from 1 to 60000, not true"),
        ({"debounceMs": 3.0}, "not 3.0"),
        ({"debounceMs": 0}, "not 0"),
        ({"debounceMs": -1}, "not -1"),
        ({"debounceMs": 60001}, "not 60001"),
        ({"maxWaitMs": "x"}, 'maxWaitMs must be an integer of at least debounceMs, not "x"'),
        ({"pollDelayMs": 49}, "pollDelayMs must be an integer from 50 to 60000, not 49"),
        ({"useGitignore": 1}, "useGitignore must be true or false, not 1"),
        ({"forcePolling": "auto"}, 'forcePolling must be true or false, not "auto"'),
        ({"paths": "src"}, 'paths must be an array of strings, not "src"'),
        ({"paths": ["a", 5]}, "not 5 at [1]"),
        ({"paths": [""]}, 'not "" at [0]'),
        ({"paths": ["a\0"]}, "without NUL"),
        ({"include": {"a": 1}}, 'include must be an array of strings, not {"a": 1}'),
        ({"debounceMS": 5}, 'debounceMS is not a known field; did you mean "debounceMs"?'),
        ({"zzzzzz": 5}, "zzzzzz is not a known field; must be one of paths,"),
        ({"debounceMs": "x" * 500}, "…"),
    ],
)
def test_a_bad_field_keeps_its_default_and_is_named(raw: object, message: str) -> None:
    check(raw, message)


def test_one_bad_field_does_not_touch_the_others() -> None:
    check({"debounceMs": "x", "pollDelayMs": 100, "nope": 1}, "debounceMs", "nope", poll_delay_ms=100)


def test_max_wait_is_never_below_debounce() -> None:
    check({"debounceMs": 5000}, debounce_ms=5000, max_wait_ms=5000)
    check({"debounceMs": 500, "maxWaitMs": 100}, "maxWaitMs must be at least debounceMs (500)", debounce_ms=500)
    check({"maxWaitMs": 100}, "maxWaitMs must be at least debounceMs (200), not 100")
    check({"debounceMs": 9000, "maxWaitMs": "x"}, "maxWaitMs must", debounce_ms=9000, max_wait_ms=9000)


def test_absent_keeps_the_previous_value_and_null_resets_it() -> None:
    before = Options(debounce_ms=50, exclude=("a",))
    check({"pollDelayMs": 60}, previous=before, debounce_ms=50, exclude=("a",), poll_delay_ms=60)
    check({"debounceMs": None}, previous=before, exclude=("a",))
    check({"debounceMs": "x"}, "debounceMs", previous=before, exclude=("a",))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["paths", "include", "debounceMs", "maxWaitMs", "pollDelayMs", "forcePolling", "x"])


@given(JSON | st.dictionaries(NAMES, JSON))
def test_never_raises_and_always_gives_usable_options(raw: object) -> None:
    options, problems = parse_options(raw)
    assert 1 <= options.debounce_ms <= options.max_wait_ms
    assert all(problem.message for problem in problems)


def test_many_unknown_fields_are_one_problem() -> None:
    # A suggestion for each of them took a second.
    check({f"field{number}": 1 for number in range(21)} | {"debounceMs": 5}, "21 fields are not known", debounce_ms=5)
    check({"x" * 100_000: 1}, "is not a known field")
