"""No pattern can make matching take longer than the lengths of pattern and name allow.

What would take for ever runs into the suite's time limit.
"""

from __future__ import annotations

import fnmatch
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reloadls.proxy.watching.globs import alternatives, expression
from reloadls.watch.scope import wildcards
from reloadls.watch.scope.patterns import Patterns, check_pattern
from reloadls.watch.scope.wildcards import ANYTHING, FOLDERS, LONGEST_PATTERN, STAR

LONG_NAME = "a" * 250
DEEP_PATH = "/".join(["aaaaaaa"] * 500)


def check(line: str, yes: str = "", no: str = LONG_NAME) -> None:
    """The pattern decides at once, and as it should."""
    for path, expected in ((yes, True), (no, None)):
        if path:
            name = path.rpartition("/")[2]
            assert Patterns([line]).verdict(path, name, True) is expected, path


@pytest.mark.parametrize(
    ("line", "yes", "no"),
    [
        ("/**************** Build files ****************/", "x Build files y", "a-name-of-thirty-six-characters-0123"),
        ("*a*a*a*a*a*a*a*b", "aaaaaaab", LONG_NAME),
        ("*a" * 100 + "*b", LONG_NAME + "b", LONG_NAME),
        ("*" * 4000 + "b", "b", LONG_NAME),
        ("*?" * 100 + "b", LONG_NAME + "b", LONG_NAME),
        ("*[a-z]" * 100 + "b", LONG_NAME + "b", LONG_NAME),
        ("**/" * 30 + "b", "a/" * 40 + "b", DEEP_PATH),
        ("**/a*/" * 30 + "b", "a/" * 40 + "b", DEEP_PATH),
        ("**/*a*a*/" * 30 + "*b", "aa/" * 40 + "b", DEEP_PATH),
        ("/" + "*/" * 100 + "b", "a/" * 100 + "b", DEEP_PATH),
        ("a**/" * 30 + "b", "", DEEP_PATH),
        ("[" * 4000, "", LONG_NAME),
        ("[a" * 2000, "", LONG_NAME),
        ("[[:" * 1000, "", LONG_NAME),
        ("\\" * 3999, "", LONG_NAME),
    ],
)
def test_gitignore_patterns(line: str, yes: str, no: str) -> None:
    check(line, yes, no)


def test_a_pattern_that_is_too_long_is_refused_and_matches_nothing() -> None:
    long = "a" * (LONGEST_PATTERN + 1)
    assert f"longer than {LONGEST_PATTERN}" in (check_pattern("a" * 100_000) or "")
    assert check_pattern(long) and not Patterns([long])
    assert check_pattern(long[1:]) is None and Patterns([long[1:]]).verdict(long[1:], long[1:], False)
    with pytest.raises(ValueError, match="longer"):
        expression(long)
    with pytest.raises(ValueError, match="longer"):
        alternatives(long)


@pytest.mark.parametrize("line", ["name{}", "*.x{}", "*a{}*b", "/f/{}", "!n{}/"])
def test_many_patterns(line: str) -> None:
    patterns = Patterns([line.replace("{}", str(number)) for number in range(60_000 if "*a" not in line else 2000)])
    expected = not line.startswith("!")
    assert patterns.verdict("f/777", "n777", True) is (expected if line in ("/f/{}", "!n{}/") else None)
    assert patterns.verdict("no", "no", False) is None


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("{a,b}" * 40, "ab" * 20, "ab" * 20 + "c"),
        ("{a,b}{c,?}" * 200, "ac" * 200, "ac" * 200 + "a"),
        ("*{a,b}" * 100 + "c", "a" * 250 + "c", "a" * 250),
        ("{*a,*b}*c", "xbxc", "a" * 4000),
        ("*a" * 1000 + "b", "a" * 2000 + "b", "a" * 4000),
        ("**/" * 30 + "b", "a/" * 30 + "b", DEEP_PATH),
        ("**/*a*/" * 30 + "b", "a/" * 30 + "b", DEEP_PATH),
        ("{" * 4000, "{" * 4000, "a"),
        ("[" * 4000, "[" * 4000, "a"),
        ("{a," * 1000, "{a," * 1000, "a"),
        ("{" * 30 + "a" + "}" * 30, "a", "{a}"),
        ("{a,{b,{c,{d,e}}}}" * 3, "abe", "ab"),
    ],
)
def test_globs(pattern: str, yes: str, no: str) -> None:
    assert re.fullmatch(expression(pattern), yes, re.DOTALL)
    assert not re.fullmatch(expression(pattern), no, re.DOTALL)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("{a,bb}" * 40, "choices"), ("{a,*}" * 40, "choices"), ("{" * 40 + "}" * 40, "nested")],
)
def test_braces_that_leave_too_much_are_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        expression(pattern)


def _is_pattern(tokens: list[str]) -> bool:
    """Whether names begin where `FOLDERS` stands, or all before it is literal."""
    literal = {"a", "b", "/"}
    return all(
        set(tokens[:at]) <= literal or tokens[at - 1] in ("/", FOLDERS)
        for at, token in enumerate(tokens)
        if token == FOLDERS
    )


_tokens = st.lists(st.sampled_from(["a", "b", "/", "[^/]", STAR, STAR, ANYTHING, FOLDERS]), max_size=9).filter(
    _is_pattern
)


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(_tokens)
def test_it_matches_what_plain_backtracking_does(tokens: list[str]) -> None:
    atomic, plain = re.compile(wildcards.expression(tokens), re.DOTALL), re.compile("".join(tokens), re.DOTALL)
    for length in range(7):
        for text in map("".join, itertools.product("ab/", repeat=length)):
            assert bool(atomic.fullmatch(text)) == bool(plain.fullmatch(text)), text


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.text("ab*?", max_size=2000), st.text("ab", min_size=200, max_size=250))
def test_any_pattern_ends(line: str, name: str) -> None:
    expected = bool(fnmatch.fnmatchcase(name, re.sub(r"\*+", "*", line))) and bool(line)
    assert bool(Patterns([line]).verdict(name, name, False)) is expected
