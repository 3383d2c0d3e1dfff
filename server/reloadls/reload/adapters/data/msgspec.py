"""msgspec: edits of a Struct's fields need a restart, because they are read when the class is made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.lazy import own_annotations
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["MsgspecAdapter"]

_ONCE = ", and msgspec reads the fields of a Struct only when the class is made"


class MsgspecAdapter(Adapter):
    """Structs. Their methods are reloaded like those of any class."""

    library: ClassVar[str] = "msgspec"

    def takes_attributes(self, cls: type) -> bool:
        """Return True for a Struct."""
        module = sys.modules.get("msgspec")
        return module is not None and issubclass(cls, module.Struct)

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """Raise CantBeLive for a field."""
        changed = _fields_in(cls, value) if name == "__annotations__" else [name]
        known = getattr(cls, "__struct_fields__", ())
        for each in changed:
            if each in known or name == "__annotations__":
                raise CantBeLive(f"the field {cls.__qualname__}.{each} changed{_ONCE}")
        return False

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Raise CantBeLive if fields or their defaults changed."""
        if self.takes_attributes(cls) and double is not cls and _defaults(cls) != _defaults(double):
            raise CantBeLive(f"fields of {cls.__qualname__} changed{_ONCE}")


def _fields_in(cls: Any, annotations: dict[str, Any]) -> list[str]:
    """Return the fields whose annotations differ, and those that are new or gone."""
    known = own_annotations(cls)
    differ = (name for name, value in annotations.items() if value != known.get(name, MISSING))
    return [name for name in differ if "ClassVar" not in str(annotations[name])]


def _defaults(cls: Any) -> str:
    config = cls.__struct_config__
    options = [(name, getattr(config, name)) for name in dir(config) if not name.startswith("_")]
    encoded = cls.__struct_encode_fields__
    return repr((cls.__struct_fields__, encoded, cls.__struct_defaults__, options, cls.__annotations__))
