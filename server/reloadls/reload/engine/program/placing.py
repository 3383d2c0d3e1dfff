"""The position in a container of entries that a statement has appended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate, chain
from types import FunctionType, MethodType
from typing import Any

from reloadls.reload.engine.analysis.codes import all_codes
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import entries, is_a, put_back, refill, slot_name
from reloadls.reload.engine.undo import Undo

from .dependents import Origin, value_at
from .modules import LoadedModule, Modules

__all__ = ["changes_in", "chooses_places", "later_changes", "later_statements", "place", "tell_equal_apart"]

_SORTING = frozenset({"sort", "sorted", "insort", "insort_left", "insort_right", "insert", "heappush"})


def tell_equal_apart(
    modules: Modules, origin: Origin, change: Change, above: Iterable[Change], at_end: Iterable[Change]
) -> None:
    """Have a change of a list know its own among equal numbers and texts: those of all statements stand in their order.

    Args:
        modules: the program.
        origin: the statement that made the change, where it stands now, and its module.
        change: it is about to be taken back.
        above: what the same statement did before that.
        at_end: what is behind all else, whatever the order of the statements.
    """
    if change.attributes or not is_a(change.owner, (list, deque)):
        return
    content = entries(change.owner)
    values = {id(entry): entry for _, entry in change.added}
    several = [each for each in values.values() if sum(other is each for other in content) > 1]
    if not several:
        return
    earlier: list[Change] = []
    later = [each for each in at_end if each.owner is change.owner]
    module, statement = origin
    behind = {id(each) for each in later}
    for each in (*(each for module in modules for each in changes_in(module)), *above):
        if each is change or id(each) in behind or not (put := _put_into(each, change.owner)):
            continue
        is_later = any(other is each for other in later_changes(modules, module, statement.first, each.owner))
        (later if is_later else earlier).append(put)
    for value in several:
        own = _own_places(change, earlier, later, value)
        if own is not None:
            change.added = [(next(own) if entry is value else at, entry) for at, entry in change.added]


def _put_into(change: Change, container: Any) -> Change | None:
    """What a change has put into a container, also if it has made that."""
    if change.owner is container:
        return change
    for each, content in change.inner:
        if each is container and content:
            return Change(container, change.restore, added=list(enumerate(content)))
    return None


def _own_places(change: Change, earlier: list[Change], later: list[Change], value: Any) -> Iterator[int] | None:
    """Where the entries are that a change has put of equal ones; None if others are among them."""
    given = [each for each in (*earlier, change, *later) if _count([each], value)]
    if not all(each.at_end or min(at for at, _ in each.added) == 0 for each in given):
        return None
    in_front = [each for each in reversed(given) if not each.at_end]
    order = [*in_front, *(each for each in given if each.at_end)]
    places = [at for at, each in enumerate(entries(change.owner)) if each is value]
    if _count(order, value) != len(places):
        return None
    start = _count(order[: next(at for at, each in enumerate(order) if each is change)], value)
    return iter(places[start : start + _count([change], value)])


def _count(changes: Iterable[Change], value: Any) -> int:
    return sum(entry is value for each in changes for _, entry in each.added)


def chooses_places(module: LoadedModule, statement: Statement, taken: Iterable[Change]) -> bool:
    """Whether it is not the order of statements that decides where in a list a statement puts something.

    Args:
        module: that of the statement.
        statement: the statement.
        taken: what was taken back of it before.
    """
    calls = statement.facts.uses.now.calls
    if any(each.added and not each.at_end for each in taken) or any(chain[-1] in _SORTING for chain in calls):
        return True
    functions = (value_at(module, chain) for chain in calls)
    codes = [each.__code__ for each in functions if is_a(each, (FunctionType, MethodType))]
    return any(not _SORTING.isdisjoint(code.co_names) for code in all_codes(codes))


def place(modules: Modules, origin: Origin, given: Iterable[Change], taken: Iterable[Change], undo: Undo) -> None:
    """Move what a statement has added: to where its old entries were, else before those of later statements.

    Args:
        modules: the program.
        origin: the statement that has run, and its module.
        given: what it changed.
        taken: what was taken back of it before.
        undo: learns how to take it back.
    """
    taken, given = list(taken), list(given)
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
        block = _Block(origin, owner, content[:start], given)
        targets = [block.between(change, min(target, start)) for change in changes]
        if min(targets, default=start) < start:
            undo.add(partial(put_back, owner, content))
            refill(owner, _moved(content[:start], content[start:], changes, targets))


def _moved(rest: list[Any], own: list[Any], changes: Sequence[Change], targets: Sequence[int]) -> list[Any]:
    """The content with what changes have added in these places, which the changes then know.

    Args:
        rest: the content without that.
        own: what is there now of what they have added: under its key, a later statement may have set another value.
        changes: in their order.
        targets: the place for each.
    """
    result: list[Any] = []
    first = dict(zip(map(id, changes), accumulate((len(each.added) for each in changes), initial=0), strict=False))
    for at in range(len(rest) + 1):
        for change in [change for change, target in zip(changes, targets, strict=True) if target == at]:
            place = len(result)
            result += own[first[id(change)] :][: len(change.added)]
            change.added = [(place + index, entry) for index, (_, entry) in enumerate(change.added)]
        result += rest[at : at + 1]
    return result


class _Block:
    """What those parts of a statement did to a container that have not run: an `if` may run in parts.

    Args:
        origin: the statement, and its module.
        owner: the container.
        content: what is in it beside what was added just now.
        given: what was changed just now.
    """

    def __init__(self, origin: Origin, owner: Any, content: list[Any], given: Iterable[Change]) -> None:
        module, statement = origin
        effects = [each for each in module.effects.get(statement.facts, ()) if each.change is not None]
        self._lines = {id(each.change): each.line for each in effects}
        just_now = {id(change) for change in given}
        pairs = is_a(owner, dict)
        self._kept: list[tuple[int, int]] = []
        """The line of each entry, and its place."""
        for each in effects:
            if each.change is None or id(each.change) in just_now or each.change.owner is not owner:
                continue
            for place, entry in each.change.added:
                alike = [at for at, other in enumerate(content) if _is_entry(other, entry, pairs=pairs)]
                if alike:
                    nearest = min(alike, key=lambda at, place=place: abs(at - place))  # type: ignore[misc]
                    self._kept.append((each.line, nearest))

    def between(self, change: Change, target: int) -> int:
        """The place for what a change has added: before the parts that follow it, and behind those before it."""
        line = self._lines.get(id(change), 0)
        later = [at for other, at in self._kept if other > line]
        if later:
            return min(later)
        return max([target, *(at + 1 for other, at in self._kept if other < line)])


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
        if not any(each.owner is owner for each in changes_in(other)):
            continue
        for each in other.source.statements:
            if each.facts in other.effects and other.comes_after(each.first, module, line):
                for effect in other.effects.get(each.facts, ()):
                    if effect.change is not None and effect.change.owner is owner:
                        yield effect.change


def later_statements(
    modules: Iterable[LoadedModule], module: LoadedModule, line: int
) -> Iterator[tuple[LoadedModule, Statement, list[Change]]]:
    """The statements after a line in the order of the program that have changed something, with what they did."""
    for other in modules:
        if not any(True for _ in changes_in(other)):
            continue
        for each in other.source.statements:
            if each.facts in other.effects and other.comes_after(each.first, module, line):
                changes = [effect.change for effect in other.effects.get(each.facts, ()) if effect.change is not None]
                if changes:
                    yield other, each, changes


def changes_in(module: LoadedModule) -> Iterator[Change]:
    """All that the statements of a module have changed."""
    noted = (effect for _, effect in module.noted)
    for effect in chain(noted, *module.effects.values()):
        if effect.change is not None:
            yield effect.change


def _is_entry(one: Any, other: Any, *, pairs: bool) -> bool:
    return slot_name(one[0]) == slot_name(other[0]) if pairs else one is other
