"""JSON objects and arrays that can't be changed: all subscribers of a record share one."""

from __future__ import annotations

import copy
from typing import Any, NoReturn, Self

__all__ = ["FrozenList", "FrozenObject", "freeze"]


class FrozenObject(dict[str, Any]):
    """A dict that can't be changed. `copy()` and `copy.deepcopy` return plain ones that can."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the data of a record is shared and can't be changed; change a copy.deepcopy() of it")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = _refuse

    def __ior__(self, other: object) -> Self:  # type: ignore[override,misc]  # it refuses
        self._refuse()

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: copy.deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class FrozenList(list[Any]):
    """A list that can't be changed. `copy()` and `copy.deepcopy` return plain ones that can."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the data of a record is shared and can't be changed; change a copy.deepcopy() of it")

    __setitem__ = __delitem__ = append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __iadd__(self, other: object) -> Self:  # type: ignore[misc]  # it refuses
        self._refuse()

    def __imul__(self, other: object) -> Self:
        self._refuse()

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [copy.deepcopy(value, memo) for value in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def freeze(value: Any) -> Any:
    """Return a JSON value with its arrays frozen; objects within it are frozen already."""
    if type(value) is list:
        return FrozenList(map(freeze, value))
    return value
