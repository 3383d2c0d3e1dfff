"""Keys and attributes that several statements set: the last in the program's order counts, whichever ran last."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from reloadls.reload.engine.objects.changes import Change, set_slot
from reloadls.reload.engine.objects.containers import entries, is_a, put_back, refill, same_entries, slot_name
from reloadls.reload.engine.undo import MISSING, Undo

if TYPE_CHECKING:
    from reloadls.reload.engine.analysis.diff import Step
    from reloadls.reload.engine.analysis.statements import Facts

    from .effects import Effect

__all__ = ["clash", "clash_at_end", "give_way", "move_key", "out_of_order", "slip_under"]

_Slot = tuple[Any, Any, Any]
"""A key or an attribute's name, what it was, and what it became."""


def clash(change: Change, other: Change) -> bool:
    """Whether taking a change back leaves a later one of another statement with what it was not made of."""
    if change.owner is not other.owner:
        return False
    if change.whole or other.whole:
        return True
    names = {slot_name(key) for key, old, _ in _slots(change)}
    return any(slot_name(key) in names for key, _, _ in _slots(other))


def clash_at_end(change: Change, other: Change, *, chosen: bool = False) -> bool:
    """Whether a change that was just made would be another if the one that was made before came after it.

    What was put at the end of a list can be moved; all else can't.

    Args:
        change: the one that was just made.
        other: the one of a later statement.
        chosen: the program chooses the places in lists: by a priority, for example.
    """
    inner = [content for content, _ in other.inner]
    if any(change.owner is each for each in inner):
        return True
    if change.owner is not other.owner:
        return False
    if change.attributes or change.whole or is_a(change.owner, dict):
        return clash(change, other)
    content = entries(change.owner)
    last = [entry for _, entry in change.added]
    at_end = content[max(0, len(content) - len(last)) :]
    moves = chosen or other.reordered or not other.at_end or not same_entries(at_end, last, pairs=False)
    return moves and not is_a(change.owner, set)


def give_way(change: Change, later: Iterable[Change], undo: Undo) -> None:
    """A change is about to be taken back: what later statements have set since stays.

    Args:
        change: of the statement that is to be undone.
        later: what the statements after it did, in order.
        undo: learns how to take it back.
    """
    rest = list(later)
    for key, old, new in list(_slots(change)):
        if type(old) is tuple or type(new) is tuple:
            continue  # what others have added to it is found by identity
        above = _holder(rest, change.owner, key)
        if above is not None:
            if any(value is new for name, _, value in _slots(above) if slot_name(name) == slot_name(key)):
                for container in change.parts_of(new):
                    undo.add(partial(put_back, container, entries(container)))
                change.take_own(new)  # it stays, without the entries that this one has put in
            _rebase(above, key, old, undo)
            _forget(change, key, undo)
            if old is MISSING:  # it comes from the later statement only
                move_key(change.owner, key, rest[rest.index(above) + 1 :], undo)


def slip_under(
    given: Iterable[Change],
    later: Callable[[Any], Iterable[Change]],
    undo: Undo,
    hidden: Mapping[tuple[int, Hashable], Any],
) -> None:
    """A statement has run again: what later statements had set before counts again.

    Args:
        given: what it changed.
        later: what the statements after it did to an object, in order.
        undo: learns how to take it back.
        hidden: what they had set and the statement did not see.
    """
    seen: dict[tuple[int, Hashable], Any] = {}
    given = list(given)
    for change in given:
        rest = list(later(change.owner))
        for key, old, new in list(_slots(change)):
            above = _holder(rest, change.owner, key)
            if above is None or type(old) is tuple or type(new) is tuple:
                continue
            name = (id(change.owner), slot_name(key))
            if name not in seen:
                seen[name] = hidden.get(name, old)
                if seen[name] is MISSING:
                    continue  # the program has removed what the later one set
                below = next(was for other, was, _ in _slots(above) if slot_name(other) == slot_name(key))
                _rebase(change, key, below, undo)
                if below is MISSING:  # it comes from this statement now
                    _move_added(change.owner, given, undo)
            _rebase(above, key, new, undo)
            undo.add(partial(set_slot, change.owner, key, new, attributes=change.attributes))
            set_slot(change.owner, key, seen[name], attributes=change.attributes)


def _move_added(owner: Any, given: Iterable[Change], undo: Undo) -> None:
    """Move all keys that a statement has added to a dictionary to its end, in their order."""
    for change in given:
        for _, entry in change.added if change.owner is owner and is_a(owner, dict) else ():
            move_key(owner, entry[0], (), undo)


def move_key(owner: Any, key: Any, following: Iterable[Change], undo: Undo) -> None:
    """Move a key of a dictionary to the end, or before the keys that these changes have added."""
    if not is_a(owner, dict):
        return
    content = entries(owner)
    own = [pair for pair in content if slot_name(pair[0]) == slot_name(key)]
    rest = [pair for pair in content if slot_name(pair[0]) != slot_name(key)]
    names = {slot_name(each) for change in following if change.owner is owner for _, (each, _) in change.added}
    target = next((at for at, pair in enumerate(rest) if slot_name(pair[0]) in names), len(rest))
    moved = [*rest[:target], *own, *rest[target:]]
    if not same_entries(moved, content, pairs=True):
        undo.add(partial(put_back, owner, content))
        refill(owner, moved)


def _slots(change: Change) -> Iterator[_Slot]:
    if not change.whole and (change.attributes or is_a(change.owner, dict)):
        for _, (key, value) in change.added:
            yield key, MISSING, value
        yield from change.replaced


def _holder(changes: Iterable[Change], owner: Any, key: Any) -> Change | None:
    """The first of these that has set a key."""
    name = slot_name(key)
    return next(
        (each for each in changes if each.owner is owner and any(slot_name(slot[0]) == name for slot in _slots(each))),
        None,
    )


def _forget(change: Change, key: Any, undo: Undo) -> None:
    _keep(change, undo)
    change.added = [each for each in change.added if slot_name(each[1][0]) != slot_name(key)]
    change.replaced = [each for each in change.replaced if slot_name(each[0]) != slot_name(key)]


def _rebase(change: Change, key: Any, old: Any, undo: Undo) -> None:
    """What was there before a change is another value now."""
    for other, was, new in list(_slots(change)):
        if slot_name(other) == slot_name(key) and was is not old:
            _forget(change, key, undo)
            if old is MISSING:
                change.added = [*change.added, (0, (other, new))]
            else:
                change.replaced = [*change.replaced, (other, old, new)]


def _keep(change: Change, undo: Undo) -> None:
    undo.add(partial(setattr, change, "added", change.added))
    undo.add(partial(setattr, change, "replaced", change.replaced))


def out_of_order(steps: Iterable[Step], effects: Mapping[Facts, Sequence[Effect]]) -> list[Step]:
    """The statements that change the same things as others and stand in another order now, as they stood before.

    Args:
        steps: all statements of a module that was edited.
        effects: what its statements did.
    """
    kept = [step for step in steps if step.before is not None and step.statement.facts in effects]
    before = sorted(kept, key=lambda step: step.before.first if step.before else 0)
    if before == kept:
        return []
    found: set[int] = set()
    for one, other in zip(_by_target(before, effects), _by_target(kept, effects), strict=True):
        at = next((at for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] is not pair[1]), len(one))
        found.update(id(step) for step in other[at:])
    return [step for step in before if id(step) in found]


def _by_target(steps: Iterable[Step], effects: Mapping[Facts, Sequence[Effect]]) -> list[list[Step]]:
    """The statements that change one and the same thing, in their order, for each such thing."""
    found: dict[Hashable, list[Step]] = {}
    for step in steps:
        for effect in effects[step.statement.facts]:
            for target in _targets(effect.change) if effect.change is not None else ():
                known = found.setdefault(target, [])
                if step not in known:
                    known.append(step)
    return [found[target] for target in sorted(found, key=repr)]


def _targets(change: Change) -> Iterable[Hashable]:
    if change.attributes:
        return [(id(change.owner), slot_name(key)) for key, _, _ in _slots(change)]
    inner = [(id(each), None) for each, _ in change.inner if not is_a(each, set)]
    return inner if is_a(change.owner, set) else [(id(change.owner), None), *inner]
