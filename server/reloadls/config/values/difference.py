"""Which keys differ between two objects and the values that they were made of."""

from __future__ import annotations

from typing import Any

from reloadls.config.source import Key
from reloadls.config.values.keys import MISSING, dotted, leaves, same

__all__ = ["changed_keys", "equal"]


def equal(old: Any, new: Any) -> bool:
    """Return whether two objects are equal; objects that can't be compared are not."""
    try:
        return type(old) is type(new) and bool(old == new)
    except Exception:
        return False


def changed_keys(old: Any, new: Any, old_object: Any, new_object: Any) -> tuple[str, ...]:
    """Return the dotted keys whose values differ, in order; a key whose value the model makes equal is not changed.

    Args:
        old: the values before.
        new: the values now.
        old_object: what was made of `old`.
        new_object: what was made of `new`.
    """
    before, after = dict(leaves(old)), dict(leaves(new))
    keys = []
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key, MISSING), after.get(key, MISSING)
        if key and not _same(one, other) and not _equal_inside(old_object, new_object, key):
            keys.append(dotted(key))
    return tuple(sorted(keys))


def _same(one: Any, other: Any) -> bool:
    return one is not MISSING and other is not MISSING and same(one, other)


def _equal_inside(old: Any, new: Any, key: Key) -> bool:
    one, other = _member(old, key), _member(new, key)
    return one is not MISSING and other is not MISSING and equal(one, other)


def _member(value: Any, key: Key) -> Any:
    for step in key:
        if isinstance(value, dict | list | tuple):
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return MISSING
        else:
            value = vars(value).get(step, MISSING) if hasattr(value, "__dict__") else getattr(value, str(step), MISSING)
        if value is MISSING:
            return MISSING
    return value
