"""Record what changed in containers and attributes while something ran, and take exactly that back."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import is_
from types import (
    BuiltinFunctionType,
    CellType,
    ClassMethodDescriptorType,
    FunctionType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from reloadls.reload.engine.undo import MISSING

from .by_class import ByClass
from .containers import entries, is_a, more_entries, put_back, put_key, refill, same_entries, slot_name
from .contents import content_of, goes_on, set_content
from .process_state import PROCESS, read_environment, read_process, set_process

__all__ = ["Change", "Snapshot", "attributes_of", "set_slot", "state_of"]


_BY_VALUE = (str, int, float, bool)
_NO_HOLDERS = (*_BY_VALUE, bytes, tuple, type, ModuleType, FunctionType)
_OF_C = (MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType)
_PLAIN = (*_BY_VALUE, bytes, type, FunctionType, ModuleType, *_OF_C)
_HEAP_TYPE = 1 << 9


class Snapshot:
    """Objects as they were; the objects are known by identity, and kept alive."""

    def __init__(self) -> None:
        self._containers: dict[int, tuple[Any, list[Any]]] = {}
        self._attributes: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._only: dict[int, set[str]] = {}
        self._whole: dict[int, tuple[Any, Any]] = {}
        self._expected: dict[int, set[str]] = {}
        self.in_front = False
        """What is put into an empty list may have been put at its front."""
        self.is_made_since: Callable[[Any], bool] = lambda _: False
        """Whether an object is an instance of the program's classes that did not exist."""
        self.made_since: Callable[[], Iterable[tuple[Any, dict[str, Any]]]] = tuple
        """Objects that did not exist, with the attributes that they began with."""
        self.filled_since: Callable[[], Iterable[Any]] = tuple
        """Containers that did not exist, and began empty."""

    def __bool__(self) -> bool:
        return bool(self._containers or self._attributes or self._whole)

    def __contains__(self, key: int) -> bool:
        return key in self._containers or key in self._attributes

    def add_container(self, container: Any) -> None:
        """Remember what a list, dictionary, set or deque holds."""
        self._containers.setdefault(id(container), (container, entries(container)))

    def add_attributes(self, owner: Any, values: dict[str, Any], only: set[str] | None = None) -> None:
        """Remember the attributes of an object, class or module.

        Args:
            owner: the object.
            values: its attributes.
            only: the names that count; all when left out.
        """
        if id(owner) not in self._attributes:
            self._attributes[id(owner)] = (owner, dict(values))
            if only is not None:
                self._only[id(owner)] = only
        elif id(owner) in self._only:
            known = self._only.pop(id(owner))
            if only is not None:
                self._only[id(owner)] = known | only

    def add_whole(self, owner: Any, content: Any) -> None:
        """Remember the content of an object that holds no others."""
        self._whole.setdefault(id(owner), (owner, content))

    def expect(self, owner: Any, names: Iterable[str]) -> None:
        """Have keys or attributes count as set that had the same value before."""
        self._expected.setdefault(id(owner), set()).update(names)

    def changes(self) -> list[Change]:
        """What is different now."""
        found: list[Change] = []
        for owner, content in self._whole.values():
            if (now := content_of(owner)) != content:
                found.append(Change(owner, partial(set_content, owner, content), whole=(content, now)))
        new: list[tuple[Any, list[Any]]] = [(each, []) for each in self.filled_since()]
        for container, before in (*self._containers.values(), *new):
            now = entries(container)
            pairs = is_a(container, dict)
            if not same_entries(before, now, pairs=pairs):
                of_dict = partial(_of_dict, is_new=self.is_made_since)
                found.append((of_dict if pairs else _of_container)(container, before, now))
                found[-1].at_end = found[-1].at_end and (pairs or bool(before) or not self.in_front)
                if self.in_front and not pairs:
                    _move_to_front(found[-1], before)
        for owner, known in (*self._attributes.values(), *self.made_since()):
            if not _has_still(owner, known) and (change := _of_attributes(owner, known, self._only.get(id(owner)))):
                found.append(change)
        return [*found, *self._set_to_the_same()]

    def _set_to_the_same(self) -> Iterator[Change]:
        for names, (owner, before) in ((self._expected[key], self._known(key)) for key in self._expected):
            for key, value in before.items() if names else ():
                if type(key) is str and key in names:
                    now = _value_of(owner, key)
                    if _is_same(now, value):
                        back = partial(set_slot, owner, key, value, attributes=not is_a(owner, dict))
                        yield Change(owner, back, not is_a(owner, dict), replaced=[(key, value, now)])

    def _known(self, key: int) -> tuple[Any, dict[Any, Any]]:
        if key in self._attributes:
            return self._attributes[key]
        container, content = self._containers.get(key, (None, []))
        return container, dict(content) if is_a(container, dict) else {}


@dataclass(slots=True, eq=False)
class Change:
    """What one container or object was given and lost."""

    owner: Any
    restore: Callable[[], object]
    """Have it be exactly as it was before."""
    attributes: bool = False
    """It is of attributes, not of a container's entries."""
    added: list[tuple[int, Any]] = field(default_factory=list)
    """Place and entry; of a dictionary or object, the key and value."""
    removed: list[tuple[int, Any]] = field(default_factory=list)
    replaced: list[tuple[Any, Any, Any]] = field(default_factory=list)
    """Key, what it was, what it became."""
    reordered: bool = False
    at_end: bool = True
    """What it was given came behind all that was there."""
    whole: tuple[Any, Any] | None = None
    """The content before and after, of an object that holds no others."""
    taken: list[int] = field(default_factory=list)
    """The places from which `take_out` has taken something."""
    inner: list[tuple[Any, list[Any]]] = field(default_factory=list)
    """Containers that it was given under a key, and what they held then: others may put theirs there, too."""
    within: list[tuple[Any, Any]] = field(default_factory=list)
    """Object that it was given under a key, and a container that this has as an attribute: one of `inner`."""
    handed_on: bool = False
    """Another statement had made what is in `inner`; what this one has put in there is a change of its own."""
    left: list[tuple[Any, Any]] = field(default_factory=list)
    """Key and container, of those that `take_out` has left there for others."""
    made: dict[int, Any] = field(default_factory=dict)
    """The id of something that it was given, which can change itself -> a copy of it as it was then."""

    def now(self) -> Callable[[], object]:
        """What brings the present state back."""
        if self.whole is not None:
            return partial(set_content, self.owner, content_of(self.owner))
        inner: list[Callable[[], object]] = [partial(put_back, each, entries(each)) for each, _ in self.inner]
        own = self._own_now()

        def back() -> None:
            for step in [own, *inner]:
                step()

        return back

    def _own_now(self) -> Callable[[], object]:
        if self.attributes:
            return partial(_restore_attributes, self.owner, state_of(self.owner) or {})
        return partial(put_back, self.owner, entries(self.owner))

    def replace(self, doubles: Mapping[int, tuple[Any, Any]]) -> None:
        """What it was given is another object now: id of a double -> the double, and what stands in its place."""

        def kept(value: Any) -> Any:
            return doubles[id(value)][1] if id(value) in doubles else value

        if self.attributes or is_a(self.owner, dict):
            self.added = [(at, (kept(key), kept(value))) for at, (key, value) in self.added]
        else:
            self.added = [(at, kept(entry)) for at, entry in self.added]
        self.replaced = [(key, kept(old), kept(new)) for key, old, new in self.replaced]
        self.made = {id(doubles[key][1]) if key in doubles else key: copy for key, copy in self.made.items()}
        self.inner = [(each, _all_kept(each, content, kept)) for each, content in self.inner]

    def given(self) -> list[tuple[Any, Any]]:
        """Keys or names, and the values that it was given under them; None and the entry, if entries have no keys."""
        if self.attributes or is_a(self.owner, dict):
            return [*(pair for _, pair in self.added), *((key, now) for key, _, now in self.replaced)]
        return [(None, entry) for _, entry in self.added]

    def is_in_place_of(self, other: Change) -> bool:
        """Whether both have put something under the same key, or as the same attribute."""
        if self.owner is not other.owner or not (self.attributes or is_a(self.owner, dict)):
            return False
        return not {slot_name(key) for key, _ in self.given()}.isdisjoint(slot_name(key) for key, _ in other.given())

    @property
    def is_plain(self) -> bool:
        """It was given nothing but values, functions and classes, and what `made` has copies of; and lost nothing."""
        if self.whole is not None or self.removed or self.reordered or is_a(self.owner, (type, ModuleType, CellType)):
            return False
        return all(id(value) in self.made or _is_plain(value) for _, value in self.given())

    def moved_up(self, others: Iterable[Change]) -> None:
        """The places from which it was taken are further in front, now that these were taken out."""
        for other in others:
            for place in other.taken if other.owner is self.owner else ():
                self.taken = [each - (place < each) for each in self.taken]

    def forget_taken(self) -> None:
        """What `take_out` has taken is there again."""
        self.taken, self.left = [], []

    def take_out(self) -> bool:
        """Take out what was put in, and put back what was removed. False where that is impossible."""
        if self.whole is not None:
            if content_of(self.owner) != self.whole[1]:
                return goes_on(self.owner)
            return set_content(self.owner, self.whole[0])
        if self.attributes:
            _take_out_attributes(self)
        elif is_a(self.owner, dict):
            self._take_out_keys()
        else:
            self._take_out_entries()
        return not self.reordered

    def _take_out_keys(self) -> None:
        content = entries(self.owner)
        added = {slot_name(pair[0]): pair for _, pair in self.added}
        before = {slot_name(key): (old, new) for key, old, new in self.replaced}
        kept = []
        for place, (key, value) in enumerate(content):
            name = slot_name(key)
            # What a library has put under an equal key since is not what it was given.
            own = name in added and (key is added[name][0] or value is added[name][1])
            if own and not self.take_own(value):  # of what others have put something in, only the own goes
                self.taken.append(place)
                continue
            if own:
                self.left.append((key, value))
            if name in before and value is before[name][1]:
                kept.append((key, before[name][0]))
            else:
                kept.append((key, value))
        known = {slot_name(key) for key, _ in kept}
        for place, pair in self.removed:
            if slot_name(pair[0]) not in known:
                kept.insert(place, pair)
        refill(self.owner, kept)

    def parts_of(self, value: Any) -> list[Any]:
        """The containers that something is which it was given, or that this has, and in which it has put something."""
        parts = {id(container) for holder, container in self.within if holder is value}
        own = ((each, content) for each, content in self.inner if content or self.handed_on)
        return [each for each, _ in own if each is value or id(each) in parts]

    def take_own(self, value: Any) -> bool:
        """Take out of them what it has put in; False, and nothing is done, if there is nothing else in any."""
        own = {id(each): content for each, content in self.inner}
        left = [(each, _without(each, own[id(each)])) for each in self.parts_of(value)]
        if not any(rest for _, rest in left):
            return False
        for each, rest in left:
            refill(each, rest)
        return True

    def _take_out_entries(self) -> None:
        content = entries(self.owner)
        for place, value in reversed(self.added):
            alike = [at for at, each in enumerate(content) if each is value]
            if alike:  # equal numbers and texts are one object
                found = min(alike, key=lambda at: abs(at - place))
                del content[found]
                self.taken.append(found)
        for place, value in self.removed:
            content.insert(place, value)
        refill(self.owner, content)


def _is_plain(value: Any) -> bool:
    """Whether a value holds no state."""
    if is_a(value, BuiltinFunctionType):
        return is_a(value.__self__, (ModuleType, type)) or value.__self__ is None  # else it is `rows.append`
    if type(value) in (tuple, frozenset):
        return all(map(_is_plain, value))
    return value is None or is_a(value, _PLAIN)


def _without(container: Any, own: list[Any]) -> list[Any]:
    """The entries of a container beyond these."""
    pairs = is_a(container, dict)
    return list(more_entries(entries(container), own, pairs=pairs))


def _all_kept(container: Any, content: list[Any], kept: Callable[[Any], Any]) -> list[Any]:
    if is_a(container, dict):
        return [(kept(key), kept(value)) for key, value in content]
    return [kept(entry) for entry in content]


def _of_container(container: Any, before: list[Any], now: list[Any]) -> Change:
    change = Change(container, partial(put_back, container, before))
    if is_a(container, set):
        old, new = {id(each) for each in before}, {id(each) for each in now}
        change.added = [(0, each) for each in now if id(each) not in old]
        change.removed = [(0, each) for each in before if id(each) not in new]
        return change
    if same_entries(before, now[: len(before)], pairs=False):
        change.added = list(enumerate(now))[len(before) :]
        return change
    start = next((i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a is not b), None)
    start = min(len(before), len(now)) if start is None else start
    end = 0
    while end < min(len(before), len(now)) - start and before[-1 - end] is now[-1 - end]:
        end += 1
    lost = list(enumerate(before))[start : len(before) - end]
    given = list(enumerate(now))[start : len(now) - end]
    old, new = {id(value) for _, value in lost}, {id(value) for _, value in given}
    change.added = [each for each in given if id(each[1]) not in old]
    change.removed = [each for each in lost if id(each[1]) not in new]
    stayed = [id(value) for _, value in lost if id(value) in new]
    change.at_end = end == 0 or not change.added
    change.reordered = stayed != [id(value) for _, value in given if id(value) in old]
    return change


def _move_to_front(change: Change, before: list[Any]) -> None:
    """What was put in front of entries that are the very same object looks as if it had come behind them."""
    [*places] = change.added
    if len(places) == 1 and places[0][0] > 0 and all(each is places[0][1] for each in before[: places[0][0]]):
        change.added, change.at_end = [(0, places[0][1])], False


def _of_dict(container: Any, before: list[Any], now: list[Any], is_new: Callable[[Any], bool]) -> Change:
    change = Change(container, partial(put_back, container, before))
    if same_entries(before, now[: len(before)], pairs=True):
        change.added = list(enumerate(now))[len(before) :]
        _note_inner(change, is_new)
        return change
    old = {id(key): value for key, value in before}
    new = {id(key): value for key, value in now}
    change.added = [(place, pair) for place, pair in enumerate(now) if id(pair[0]) not in old]
    change.removed = [(place, pair) for place, pair in enumerate(before) if id(pair[0]) not in new]
    _note_inner(change, is_new)
    change.replaced = [(key, old[id(key)], value) for key, value in now if id(key) in old and old[id(key)] is not value]
    return change


def _note_inner(change: Change, is_new: Callable[[Any], bool]) -> None:
    """The containers that a dictionary was given, and those of objects that it was given."""
    for _, (_, value) in change.added:
        if is_a(value, (list, dict, set)):
            change.inner.append((value, entries(value)))
        elif value is not None and not is_a(value, _NO_HOLDERS) and is_new(value):
            held = [each for each in (state_of(value) or {}).values() if is_a(each, (list, dict, set))]
            change.within += [(value, each) for each in held]
            change.inner += [(each, entries(each)) for each in held]


def _has_still(owner: Any, known: dict[str, Any]) -> bool:
    """Whether it is certain, without a copy, that an object has the attributes that it had."""
    if not _has_only_attributes(type(owner)):
        return False
    now = attributes_of(owner)
    return (
        now is not None
        and len(now) == len(known)
        and all(map(is_, known.values(), now.values()))
        and all(map(is_, known, now))
    )


def _of_attributes(owner: Any, before: dict[str, Any], only: set[str] | None) -> Change | None:
    now = state_of(owner)
    if only is not None and now is not None:
        now = {name: now[name] for name in only if name in now}
        before = {name: before[name] for name in only if name in before}
    if now is None or ((owner is os.environ or owner is PROCESS) and now == before):
        return None
    if same_entries(list(before), list(now), pairs=False) and all(map(is_, before.values(), now.values())):
        return None
    change = Change(owner, partial(_restore_attributes, owner, before, only), attributes=True)
    change.added = [(0, (name, value)) for name, value in now.items() if name not in before]
    change.removed = [(0, (name, value)) for name, value in before.items() if name not in now]
    change.replaced = [
        (name, before[name], value)
        for name, value in now.items()
        if name in before and not _is_same(before[name], value)
    ]
    if not (change.added or change.removed or change.replaced):
        return None  # only their order
    return change


def _value_of(owner: Any, key: str) -> Any:
    if is_a(owner, dict):
        return dict(entries(owner)).get(key, MISSING)
    return (state_of(owner) or {}).get(key, MISSING)


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and type(one) in _BY_VALUE and one == other)


def attributes_of(owner: Any) -> dict[str, Any] | None:
    """The attributes of an object, class or module; None where they can't be had without running its code."""
    if owner is os.environ:
        return read_environment()
    if is_a(owner, ModuleType):
        values: dict[str, Any] = vars(owner)
        return values
    if is_a(owner, type):
        own: dict[str, Any] = dict(type.__getattribute__(owner, "__dict__"))
        return own
    if type(owner).__dictoffset__ == 0:
        return None
    try:
        found = object.__getattribute__(owner, "__dict__")
    except Exception:  # a property of the program
        return None
    known: dict[str, Any] | None = found if type(found) is dict else None
    return known


def state_of(owner: Any) -> dict[str, Any] | None:
    """A copy of all that `_set` can set of an object: its attributes, and its slots that are filled."""
    if _has_only_attributes(type(owner)):
        known = attributes_of(owner)
        return None if known is None else dict(known)
    if owner is PROCESS:
        return read_process()
    if is_a(owner, threading.local):
        return dict(owner.__dict__)
    if is_a(owner, CellType):
        return _content_of_cell(owner)
    known = attributes_of(owner)
    slots = _slots(type(owner)) if not is_a(owner, (type, ModuleType)) else {}
    if known is None and not slots:
        return None
    found = dict(known or {})
    for name, slot in slots.items():
        try:
            found[name] = slot.__get__(owner)
        except AttributeError:  # it is empty
            continue
    return found


def _content_of_cell(cell: CellType) -> dict[str, Any]:
    try:
        return {"cell_contents": cell.cell_contents}
    except ValueError:  # it is empty
        return {}


def _fill_cell(cell: CellType, value: Any) -> None:
    if value is not MISSING:
        cell.cell_contents = value
    elif _content_of_cell(cell):
        del cell.cell_contents


class _Layout:
    """What the objects of a class can have."""

    __slots__ = ("has_only_attributes", "slots")

    def __init__(self, cls: type) -> None:
        self.slots = {} if cls.__flags__ & _HEAP_TYPE == 0 else _slots_of(cls)
        special = (type, threading.local, type(os.environ), type(PROCESS))
        self.has_only_attributes = not self.slots and cls.__dictoffset__ != 0 and not issubclass(cls, special)


_layout_of = ByClass(_Layout)


def _has_only_attributes(kind: type) -> bool:
    return _layout_of(kind).has_only_attributes


def _slots(kind: type) -> dict[str, MemberDescriptorType]:
    return _layout_of(kind).slots


def _slots_of(kind: type) -> dict[str, MemberDescriptorType]:
    spaces = [type.__getattribute__(each, "__dict__") for each in reversed(kind.__mro__)]
    return {
        name: value
        for space in spaces
        if "__slots__" in space
        for name, value in space.items()
        if type(value) is MemberDescriptorType
    }


def _set(owner: Any, name: str, value: Any) -> None:
    if owner is PROCESS:
        set_process(name, value)
        return
    if is_a(owner, CellType):
        _fill_cell(owner, value)
        return
    slot = None if is_a(owner, (type, ModuleType)) else _slots(type(owner)).get(name)
    if slot is not None:
        if value is not MISSING:
            slot.__set__(owner, value)
        elif name in (state_of(owner) or {}):
            slot.__delete__(owner)
        return
    if is_a(owner, type):
        if value is not MISSING:
            type.__setattr__(owner, name, value)
        elif name in type.__getattribute__(owner, "__dict__"):
            type.__delattr__(owner, name)
        return
    if is_a(owner, threading.local):
        values: Any = owner.__dict__
    else:
        values = os.environ if owner is os.environ else attributes_of(owner)
    if value is not MISSING:
        values[name] = value
    elif name in values:
        del values[name]
    _follow(owner, name)


def _follow(owner: Any, name: str) -> None:
    """What has to be done once an attribute was set past its owner's methods."""
    if owner is os.environ and name == "TZ" and hasattr(time, "tzset"):
        time.tzset()
    if name == "level" and is_a(owner, logging.Logger):
        logging.root.manager._clear_cache()  # type: ignore[attr-defined]


def _restore_attributes(owner: Any, before: dict[str, Any], only: set[str] | None = None) -> None:
    now = state_of(owner) or {}
    for name in now.keys() - before.keys():
        if only is None or name in only:
            _set(owner, name, MISSING)
    for name, value in before.items():
        if now.get(name, MISSING) is not value:
            _set(owner, name, value)


def _take_out_attributes(change: Change) -> None:
    now = state_of(change.owner) or {}
    for _, (name, value) in change.added:
        if _is_same(now.get(name, MISSING), value):
            _set(change.owner, name, MISSING)
    for name, old, new in change.replaced:
        value = now.get(name, MISSING)
        if _is_same(value, new):
            _set(change.owner, name, old)
        elif type(old) is type(new) is type(value) is tuple:
            mine = {id(each) for each in new} - {id(each) for each in old}
            _set(change.owner, name, tuple(each for each in value if id(each) not in mine))
    for _, (name, value) in change.removed:
        if name not in now:
            _set(change.owner, name, value)


def set_slot(owner: Any, key: Any, value: Any, *, attributes: bool) -> None:
    """Set a key of a dictionary or an attribute of another object, by what its base type does."""
    if attributes:
        _set(owner, key, value)
    else:
        put_key(owner, key, value)
