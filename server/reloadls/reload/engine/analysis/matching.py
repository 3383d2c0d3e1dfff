"""Pair the items of two sequences where neither a name nor the order alone identifies them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["match"]

Item = TypeVar("Item")


def match(
    ones: Sequence[Item],
    others: Sequence[Item],
    equal: Mapping[int, int],
    keys: Iterable[Callable[[Item], Hashable]] = (),
) -> dict[int, int]:
    """Index in `others` -> index in `ones`.

    Those that are equal go together. What is left goes together where there is one candidate: by one of the keys, or
    between two pairs.
    """
    partner = dict(equal)
    if len(partner) in (len(ones), len(others)):
        return partner
    for key in keys:
        _by_key(partner, [key(one) for one in ones], [key(other) for other in others])
    _by_key(partner, _places(partner, len(ones), 1), _places(partner, len(others), 0))
    return partner


def _places(partner: dict[int, int], count: int, side: int) -> list[Hashable]:
    """For each index, the pair before it."""
    pairs = list(partner.items())
    found: list[Hashable] = []
    for at in range(count):
        before = [pair for pair in pairs if pair[side] < at]
        found.append(max(before, key=lambda pair: pair[side], default=None))
    return found


def _by_key(partner: dict[int, int], ones: Sequence[Hashable], others: Sequence[Hashable]) -> None:
    """Pair those left whose key is another's, and nobody else's."""
    taken = set(partner.values())
    left = [at for at in range(len(others)) if at not in partner]
    free = [at for at in range(len(ones)) if at not in taken]
    wanted = [others[at] for at in left]
    given = [ones[at] for at in free]
    for at, key in zip(left, wanted, strict=True):
        if wanted.count(key) == given.count(key) == 1:
            partner[at] = free[given.index(key)]
