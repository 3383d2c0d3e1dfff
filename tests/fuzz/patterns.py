"""Hostile patterns: no match takes longer than a bound, and none raises what it must not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from reloadls.proxy.watching.registrations import RegisteredWatches, read_watchers
from reloadls.watch.scope.patterns import Patterns, check_pattern

__all__ = ["fuzz_patterns"]
_MATCH_S = 0.05
"""What a match may take."""
_BEGIN_S = 3.0
"""What may go before the first one: 256 choices of 4,096 characters are made into expressions."""
_PIECES = (
    "*", "**", "?", "/", "**/", "/**", "[a-z]", "[!a]", "[^/]", "[]a]", "[[:alpha:]]", "[", "]", "{", "}", ",", "{a,b}",
    "{*,**}", "\\", "!", "#", " ", "a", "b", "ab", ".", "..", "\n", "é", "\udcff", "*a", "a*", "?*", "(", ")", "+", "|",
    "^", "$", "file:///", "%5B", "-", "[a-", "[z-a]",
)  # fmt: skip


def fuzz_patterns(seconds: float, seed: int) -> list[str]:
    """Return what went wrong."""
    chance = random.Random(seed)
    count, slowest, until = 0, 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        pattern, name = _pattern(chance), _name(chance)
        for kind, begin in (("gitignore", _gitignore), ("glob", _glob)):
            try:
                began, took = _times(begin, pattern, name)
            except Exception as error:
                return [f"{kind} {pattern!r} on {name!r}: {error!r}"]
            slowest = max(slowest, took)
            if took > _MATCH_S or began > _BEGIN_S:
                return [f"{kind} {pattern!r} on {name!r} takes {began:.2f} s to begin and {took:.2f} s to match"]
        count += 1
    print(f"{count} patterns, the slowest match {slowest * 1000:.1f} ms")
    return []


def _times(begin: Callable[[str], Callable[[str], object]], pattern: str, name: str) -> tuple[float, float]:
    """What it takes to begin, and to match."""
    at = time.perf_counter()
    match = begin(pattern)
    match("x")
    began, took = time.perf_counter() - at, float("inf")
    for number in range(2):  # the machine may have been busy
        at = time.perf_counter()
        match(f"{number}{name}")
        took = min(took, time.perf_counter() - at)
    return began, took


def _pattern(chance: random.Random) -> str:
    few = [chance.choice(_PIECES) for _ in range(chance.choice((2, 4, 8)))]
    pieces = [chance.choice(few if chance.random() < 0.9 else _PIECES) for _ in range(chance.choice((3, 10, 60, 400)))]
    return "".join(pieces)[: chance.choice((50, 4096, 5000))]


def _name(chance: random.Random) -> str:
    alphabet = chance.choice(("a", "ab", "ab/", "a/.", "abc[]{}*\\/ "))
    return "".join(chance.choice(alphabet) for _ in range(chance.choice((1, 30, 255, 1000)))).strip("/") or "a"


def _gitignore(pattern: str) -> Callable[[str], object]:
    check_pattern(pattern)
    patterns = Patterns([pattern])
    return lambda name: patterns.verdict(name, name.rpartition("/")[2] or "a", False)


def _glob(pattern: str) -> Callable[[str], object]:
    globs, _ = read_watchers([{"globPattern": pattern}], ["/w"])
    watches = RegisteredWatches(globs)
    return lambda name: watches.wants(f"/w/{name}", "modified")
