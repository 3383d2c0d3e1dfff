"""Regular expressions for sequences of wildcards that can't backtrack without bound.

A wildcard that another one follows takes the leftmost place at which the characters between the two match, and keeps it
(an atomic group): a later place could only leave less for the rest. This is what git's wildmatch does. Only the last
wildcard searches, so a match takes at most (length of the name)² · (length of the pattern) steps.

What stands between two wildcards has a fixed width. It may hold a `/` only as a literal, so `*`, which does not cross
one, has one place for it at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

__all__ = ["ANYTHING", "FOLDERS", "LONGEST_PATTERN", "STAR", "expression"]

LONGEST_PATTERN = 4096
"""Characters of a pattern; a longer one is refused, since no path that it names exactly could exist."""

STAR = "[^/]*"
"""Token: any number of characters of one name."""
ANYTHING = ".*"
"""Token: any number of characters, `/` included."""
FOLDERS = "(?:|.*?/)"
"""Token: any number of whole names, each with the `/` after it. Stands where a name begins, or after literals only."""

_DEEP = {ANYTHING: ".*?", FOLDERS: FOLDERS}


def expression(tokens: Iterable[str]) -> str:
    """The regular expression, for `re.fullmatch` with `re.DOTALL`.

    Args:
        tokens: `STAR`, `ANYTHING`, `FOLDERS`, or regular expressions of a fixed width.
    """
    groups = _split(_collapsed(tokens), _DEEP)
    parts = [_chunk(inner, last=False) for _, inner in groups[:-1]]
    for at, (wildcard, _) in enumerate(groups[:-1]):
        parts[at] = f"(?>{_DEEP[wildcard]}{parts[at]})" if wildcard else parts[at]
    wildcard, inner = groups[-1]
    return "".join(parts) + (_DEEP[wildcard] if wildcard else "") + _chunk(inner, last=True)


def _collapsed(tokens: Iterable[str]) -> list[str]:
    """`tokens` without wildcards that the one before makes needless."""
    given = list(tokens)
    return given[:1] + [token for before, token in pairwise(given) if token != before or token not in (STAR, *_DEEP)]


def _split(tokens: Sequence[str], wildcards: Iterable[str]) -> list[tuple[str, list[str]]]:
    """(wildcard, what follows it) for each of `wildcards`; the first has none before it."""
    wildcards = tuple(wildcards)
    groups: list[tuple[str, list[str]]] = [("", [])]
    for token in tokens:
        if token in wildcards:
            groups.append((token, []))
        else:
            groups[-1][1].append(token)
    return groups


def _chunk(tokens: Sequence[str], *, last: bool) -> str:
    """What stands between two deep wildcards, or, if `last`, after all of them."""
    (_, first), *others = _split(tokens, (STAR,))
    parts = ["".join(first)]
    for at, (_, inner) in enumerate(others):
        searches = last and at == len(others) - 1
        parts.append(STAR + "".join(inner) if searches else f"(?>[^/]*?{''.join(inner)})")
    return "".join(parts)
