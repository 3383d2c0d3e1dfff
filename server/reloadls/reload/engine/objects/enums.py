"""Add members to an enumeration in place, and keep the existing ones."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import FunctionType
from typing import Any

from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import MISSING, Undo

from .adopt import adopt_function
from .values import same_value

__all__ = ["adopt_enum", "is_enum", "other_members", "values_of_members"]

_MAPS = ("_member_map_", "_member_names_", "_value2member_map_")
_OF_ITS_OWN = frozenset({"__dict__", "__weakref__", "__module__", *_MAPS})


def is_enum(cls: type) -> bool:
    """Whether it is an enumeration with members of its own kind."""
    return is_a(cls, enum.EnumMeta)


def values_of_members(cls: Any) -> dict[str, Any]:
    """The values of an enumeration's members; none of anything else."""
    members = cls._member_map_ if is_enum(cls) else {}
    return {name: member._value_ for name, member in members.items()}


def other_members(before: Mapping[str, Any], cls: Any) -> list[str]:
    """The members with another number or text than before, though their statements may be the same (`auto()`)."""
    return [
        name
        for name, value in values_of_members(cls).items()
        if name in before and is_a(value, (int, str)) and not same_value(before[name], value)
    ]


def adopt_enum(old: Any, new: Any, undo: Undo) -> None:
    """Have `old` be what `new` is: a member that is in both stays the same object, also where its value changed."""
    members = {name: _member(old, member, name, undo) for name, member in new._member_map_.items()}
    _drop(old, new, undo)
    for name, value in list(vars(new).items()):
        if name in _OF_ITS_OWN or name in members:
            continue
        before = vars(old).get(name)
        both = is_a(before, FunctionType) and is_a(value, FunctionType)
        undo.set_class_attribute(old, name, adopt_function(before, value, undo) if both else value)
    for name, member in members.items():
        undo.set_class_attribute(old, name, _in_class(vars(new).get(name, MISSING), member))
    by_value = {member._value_: member for member in members.values() if _hashable(member)}
    undo.set_class_attribute(old, "_member_map_", members)
    undo.set_class_attribute(old, "_member_names_", list(new._member_names_))
    undo.set_class_attribute(old, "_value2member_map_", by_value)


def _drop(old: Any, new: Any, undo: Undo) -> None:
    for name in list(vars(old)):
        if name not in vars(new) and name not in _OF_ITS_OWN:
            undo.set_class_attribute(old, name, MISSING)


def _member(old: Any, member: Any, name: str, undo: Undo) -> Any:
    known = old._member_map_.get(name)
    if known is None or (known._value_ != member._value_ and not _free(old)):
        before = member.__class__
        undo.add(lambda: setattr(member, "__class__", before))
        member.__class__ = old
        _set(member, "__objclass__", old, undo)
        return member
    for attribute, value in list(vars(member).items()):
        if attribute not in ("__objclass__", "_name_"):
            _set(known, attribute, value, undo)
    return known


def _set(member: Any, name: str, value: Any, undo: Undo) -> None:
    before = vars(member).get(name, MISSING)
    undo.add(lambda: vars(member).pop(name, None) if before is MISSING else vars(member).__setitem__(name, before))
    vars(member)[name] = value


def _free(cls: Any) -> bool:
    """Whether a member's value is an attribute of it only, and not what it is (as with IntEnum)."""
    return cls._member_type_ is object


def _in_class(attribute: Any, member: Any) -> Any:
    """What stands in the class for a member: the member itself, or a descriptor that answers it."""
    if attribute is not MISSING and isinstance(attribute, enum.property):
        attribute.member = member
        return attribute
    return member


def _hashable(member: Any) -> bool:
    try:
        hash(member._value_)
    except TypeError:
        return False
    return True
