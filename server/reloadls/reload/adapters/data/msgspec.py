"""msgspec: edits of a Struct's fields need a restart, because they are read when the class is made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.undo import Undo

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
        if name in getattr(cls, "__struct_fields__", ()):
            raise CantBeLive(
                f"the field {cls.__qualname__}.{name} changed, and msgspec reads fields only when a class is made"
            )
        return False

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Raise CantBeLive if fields or their defaults changed."""
        if self.takes_attributes(cls) and double is not cls and _defaults(cls) != _defaults(double):
            raise CantBeLive(
                f"fields of {cls.__qualname__} changed, and msgspec reads fields only when a class is made"
            )


def _defaults(cls: Any) -> str:
    return repr((cls.__struct_fields__, cls.__struct_defaults__, cls.__struct_config__, cls.__annotations__))
