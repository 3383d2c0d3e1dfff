"""Regular expressions for sequences of wildcards, without unbounded backtracking.

A wildcard that another one follows takes the leftmost place at which the characters between the two match, and keeps it
(an atomic group): a later place could only leave less for the rest. git's wildmatch does the same. Only the last
wildcard searches, so a match takes at most (length of the name)² · (length of the pattern) steps.

The text between two wildcards has a fixed width. It may contain a `/` only as a literal, so `*`, which does not match
`/`, has at most one place for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

__all__ = ["ANYTHING", "FOLDERS", "LONGEST_PATTERN", "STAR", "expression"]

LONGEST_PATTERN = 4096
"""Maximum length of a pattern in characters; longer ones are rejected, since no path that they name could exist."""

STAR = "[^/]*"
"""Token: any number of characters of one name."""
ANYTHING = ".*"
"""Token: any number of characters, `/` included."""
FOLDERS = "(?:|.*?/)"
"""Token: any number of whole names, each followed by `/`. Valid at the start of a name, or after literals only."""

_DEEP = {ANYTHING: ".*?", FOLDERS: FOLDERS}


def expression(tokens: Iterable[str]) -> str:
    """Return the regular expression, for `re.fullmatch` with `re.DOTALL`.

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
    """Return `tokens` without redundant wildcards."""
    given = list(tokens)
    return given[:1] + [token for before, token in pairwise(given) if token != before or token not in (STAR, *_DEEP)]


def _split(tokens: Sequence[str], wildcards: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return (wildcard, following tokens) for each of `wildcards`; the first has no wildcard."""
    wildcards = tuple(wildcards)
    groups: list[tuple[str, list[str]]] = [("", [])]
    for token in tokens:
        if token in wildcards:
            groups.append((token, []))
        else:
            groups[-1][1].append(token)
    return groups


def _chunk(tokens: Sequence[str], *, last: bool) -> str:
    """Return the expression between two deep wildcards or, if `last`, after all of them."""
    (_, first), *others = _split(tokens, (STAR,))
    parts = ["".join(first)]
    for at, (_, inner) in enumerate(others):
        searches = last and at == len(others) - 1
        parts.append(STAR + "".join(inner) if searches else f"(?>[^/]*?{''.join(inner)})")
    return "".join(parts)
