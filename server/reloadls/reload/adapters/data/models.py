"""Tortoise ORM, peewee and Pony: methods of models are reloaded; edits of fields and `Meta` need a restart."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import Undo

__all__ = ["PeeweeAdapter", "PonyAdapter", "TortoiseAdapter"]


class _ModelAdapter(Adapter):
    """Models that their library connects to a database, and to each other, when they are made."""

    name: ClassVar[str]
    """The library, for people."""
    field: ClassVar[tuple[str, str]]
    """The class of fields, and its module."""

    def fields(self, cls: Any) -> Mapping[str, Any]:
        """Return a model's fields by their names."""
        raise NotImplementedError

    def takes_attributes(self, cls: type) -> bool:
        """Return True for a model."""
        return self.stores(cls)

    def stores(self, cls: Any) -> bool:
        """Return True for a model."""
        return is_a(cls, type) and issubclass(cls, sys.modules[self.library].Model)

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """Raise CantBeLive for a field, and for `Meta`."""
        kind, module = self.field
        if name == "Meta" or name in self.fields(cls) or is_a(value, getattr(sys.modules[module], kind)):
            raise CantBeLive(f"{cls.__qualname__}.{name} changed{self._only_once}")
        return False

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Raise CantBeLive for a model that its whole statement made anew: the library knows the other one."""
        if double is not cls and self.stores(cls):
            raise CantBeLive(f"the bases or decorators of {cls.__qualname__} changed{self._only_once}")

    @property
    def _only_once(self) -> str:
        return f", and {self.name} reads them only when the class is made"


class TortoiseAdapter(_ModelAdapter):
    """Tortoise ORM."""

    library: ClassVar[str] = "tortoise.models"
    name: ClassVar[str] = "Tortoise"
    field: ClassVar[tuple[str, str]] = ("Field", "tortoise.fields.base")

    def fields(self, cls: Any) -> Mapping[str, Any]:
        """Return its fields."""
        found: Mapping[str, Any] = cls._meta.fields_map
        return found


class PeeweeAdapter(_ModelAdapter):
    """peewee."""

    library: ClassVar[str] = "peewee"
    name: ClassVar[str] = "peewee"
    field: ClassVar[tuple[str, str]] = ("Field", "peewee")

    def fields(self, cls: Any) -> Mapping[str, Any]:
        """Return its fields."""
        found: Mapping[str, Any] = cls._meta.fields
        return found


class PonyAdapter(_ModelAdapter):
    """Pony ORM."""

    library: ClassVar[str] = "pony.orm.core"
    name: ClassVar[str] = "Pony"
    field: ClassVar[tuple[str, str]] = ("Attribute", "pony.orm.core")

    def stores(self, cls: Any) -> bool:
        """Return True for an entity."""
        return is_a(cls, sys.modules[self.library].EntityMeta)

    def fields(self, cls: Any) -> Mapping[str, Any]:
        """Return its attributes."""
        found: Mapping[str, Any] = cls._adict_
        return found
