"""The position in a container of entries that a statement has appended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import entries, is_a, put_back, refill
from reloadls.reload.engine.undo import Undo

from .dependents import Origin
from .modules import LoadedModule, Modules

__all__ = ["later_changes", "later_statements", "place"]


def place(modules: Modules, origin: Origin, given: Iterable[Change], taken: Iterable[Change], undo: Undo) -> None:
    """Move what a statement has added: to where its old entries were, else before those of later statements.

    Args:
        modules: the program.
        origin: the statement that has run, and its module.
        given: what it changed.
        taken: what was taken back of it before.
        undo: learns how to take it back.
    """
    taken = list(taken)
    for changes in _by_owner(given):
        owner = changes[0].owner
        content = entries(owner)
        added = [entry for change in changes for _, entry in change.added]
        start = len(content) - len(added)
        at_end = all(change.at_end for change in changes if change.added)
        places = [at for each in taken if each.owner is owner for at in each.taken]
        # Equal numbers are one object: what was put in front may be at the end, too.
        known = at_end or (places and not any(is_a(each, (int, float, str)) for each in added))
        if start < 0 or not known or not _are(content[start:], added, pairs=is_a(owner, dict)):
            continue
        target = min(places) if places else _before_later(modules, origin, owner, content[:start])
        if target < start:
            undo.add(partial(put_back, owner, content))
            refill(owner, [*content[:target], *content[start:], *content[target:start]])
            places_now = iter(range(target, target + len(added)))
            for change in changes:
                change.added = [(next(places_now), entry) for _, entry in change.added]


def _by_owner(given: Iterable[Change]) -> Iterable[list[Change]]:
    """What was only added to, by the container."""
    found: dict[int, list[Change]] = {}
    for change in given:
        found.setdefault(id(change.owner), []).append(change)
    return [
        changes
        for changes in found.values()
        if not any(change.attributes or change.whole or change.removed or is_a(change.owner, set) for change in changes)
    ]


def _are(content: list[Any], added: list[Any], *, pairs: bool) -> bool:
    return all(_is_entry(one, other, pairs=pairs) for one, other in zip(content, added, strict=True))


def _before_later(modules: Modules, origin: Origin, owner: Any, content: list[Any]) -> int:
    module, statement = origin
    pairs = is_a(owner, dict)
    later = [each for each in later_changes(modules, module, statement.first, owner) if each.at_end]
    first = len(content)
    for entry in reversed([entry for change in later for _, entry in change.added]):
        # Backwards, one before the other: equal numbers and texts are one object.
        found = (at for at in reversed(range(first)) if _is_entry(content[at], entry, pairs=pairs))
        first = next(found, first)
    return first


def later_changes(modules: Modules, module: LoadedModule, line: int, owner: Any) -> Iterator[Change]:
    """What statements did to an object that come after a line in the order of the program."""
    for other in modules:
        if not any(each.owner is owner for each in _changes(other)):
            continue
        for each in other.source.statements:
            if each.facts in other.effects and other.comes_after(each.first, module, line):
                for effect in other.effects.get(each.facts, ()):
                    if effect.change is not None and effect.change.owner is owner:
                        yield effect.change


def later_statements(
    modules: Modules, module: LoadedModule, line: int
) -> Iterator[tuple[LoadedModule, Statement, list[Change]]]:
    """The statements after a line in the order of the program that have changed something, with what they did."""
    for other in modules:
        if not any(True for _ in _changes(other)):
            continue
        for each in other.source.statements:
            if each.facts in other.effects and other.comes_after(each.first, module, line):
                changes = [effect.change for effect in other.effects.get(each.facts, ()) if effect.change is not None]
                if changes:
                    yield other, each, changes


def _changes(module: LoadedModule) -> Iterator[Change]:
    noted = (effect for _, effect in module.noted)
    for effect in chain(noted, *module.effects.values()):
        if effect.change is not None:
            yield effect.change


def _is_entry(one: Any, other: Any, *, pairs: bool) -> bool:
    return one[0] is other[0] if pairs else one is other
