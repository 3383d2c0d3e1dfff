"""GraphQL: schemas of strawberry and graphene follow their types, wherever they are held."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.serving import ServedAdapter
from reloadls.reload.engine.undo import Undo

__all__ = ["GrapheneAdapter", "StrawberryAdapter"]

_DEFINITION = "__strawberry_definition__"


class StrawberryAdapter(ServedAdapter):
    """strawberry."""

    library: ClassVar[str] = "strawberry.schema.schema"
    kinds: ClassVar[tuple[str, ...]] = ("Schema",)

    def reads_class(self, cls: type) -> bool:
        """A type's fields are read when the schema is made."""
        return _DEFINITION in vars(cls)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Let its definition refer to the kept class instead of its double."""
        super().class_changed(cls, double, undo)
        definition: Any = vars(cls).get(_DEFINITION)
        if definition is not None and definition.origin is double:
            undo.add(partial(setattr, definition, "origin", double))
            definition.origin = cls


class GrapheneAdapter(ServedAdapter):
    """graphene."""

    library: ClassVar[str] = "graphene.types.schema"
    kinds: ClassVar[tuple[str, ...]] = ("Schema",)

    def reads_class(self, cls: type) -> bool:
        """A type's fields are read when the schema is made."""
        module = sys.modules.get("graphene.types.base")
        return module is not None and issubclass(cls, module.BaseType)
