"""marshmallow: schema instances have the fields that their class currently declares."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["MarshmallowAdapter"]


class MarshmallowAdapter(Adapter):
    """Schemas that the program or fields of other schemas hold."""

    library: ClassVar[str] = "marshmallow.schema"

    def __init__(self) -> None:
        self._schemas: WeakSet[Any] = WeakSet()
        self._named = Applications(_is_schema, lambda _old, _new: None)
        when_loaded("marshmallow.schema", lambda module: on_created(module.Schema, self._schemas.add))

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the schemas that the program has names for."""
        self._named.remember(namespaces)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Recreate the fields of its instances; raises what a schema raises if its options don't fit any more."""
        found: list[Any] = [each for each in list(self._schemas) if isinstance(each, cls)]
        for schema in found:
            undo.add(partial(vars(schema).update, dict(vars(schema))))
            schema.declared_fields = copy.deepcopy(type(schema)._declared_fields)
            schema._init_fields()

    def after(self, undo: Undo, places: Places) -> None:
        """Update held schemas from the ones that replaced them."""
        self._named.settle(undo)


def _is_schema(value: Any) -> bool:
    module = sys.modules.get("marshmallow.schema")
    return module is not None and is_a(value, module.Schema)
