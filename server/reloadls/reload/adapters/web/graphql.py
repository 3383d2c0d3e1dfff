"""GraphQL: schemas of strawberry and graphene follow their types, wherever they are held."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from reloadls.reload.adapters.shared.serving import ServedAdapter
from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.undo import Undo

__all__ = ["GrapheneAdapter", "StrawberryAdapter"]

_DEFINITION = "__strawberry_definition__"


@dataclass(frozen=True)
class _Given:
    """What a schema was made of."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class _SchemaAdapter(ServedAdapter):
    """Schemas, which copy what their types say when they are made, those that other types lead to included."""

    kinds: ClassVar[tuple[str, ...]] = ("Schema",)

    def __init__(self) -> None:
        self._given: WeakKeyDictionary[Any, _Given] = WeakKeyDictionary()
        self._types_changed = False
        super().__init__()

    def _watch(self, module: ModuleType) -> None:
        super()._watch(module)
        kind: Any = module.Schema
        kind.__init__ = self._noting(kind.__init__)

    def _noting(self, plain: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(plain)
        def __init__(schema: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            plain(schema, *args, **kwargs)
            self._given[schema] = _Given(args, kwargs)

        return __init__

    def _end(self) -> None:
        super()._end()
        self._types_changed = False

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Notice types; a schema may have them from other types only."""
        super().class_changed(cls, double, undo)
        self._types_changed = self._types_changed or self.reads_class(cls)

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        super()._become(old, new, undo)
        if old in self._given and new in self._given:
            undo.add(partial(self._given.__setitem__, old, self._given[old]))
            self._given[old] = self._given[new]

    def after(self, undo: Undo, places: Places) -> None:
        """Make schemas again of what they were made of, if their types say something else; raises what that raises."""
        changed, before = self._types_changed, list(self._given.items())
        super().after(undo, places)
        for schema, given in before if changed else ():
            if self._given.get(schema) is given and type(schema).__name__ in self.kinds:
                self._become(schema, type(schema)(*given.args, **given.kwargs), undo)
        self._end()


class StrawberryAdapter(_SchemaAdapter):
    """strawberry."""

    library: ClassVar[str] = "strawberry.schema.schema"

    def reads_class(self, cls: type) -> bool:
        """A type's fields are read when the schema is made."""
        return _DEFINITION in vars(cls)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Let its definition refer to the kept class instead of its double."""
        super().class_changed(cls, double, undo)
        definition: Any = vars(cls).get(_DEFINITION)
        name = "wrapped_cls" if hasattr(definition, "wrapped_cls") else "origin"  # of an enum, else of a type
        if definition is not None and getattr(definition, name) is double:
            undo.set_attribute(definition, name, cls)


class GrapheneAdapter(_SchemaAdapter):
    """graphene."""

    library: ClassVar[str] = "graphene.types.schema"

    def reads_class(self, cls: type) -> bool:
        """A type's fields are read when the schema is made."""
        module = sys.modules.get("graphene.types.base")
        return module is not None and issubclass(cls, module.BaseType)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Let a mutation answer with the kept class, and what it is a field of take its arguments."""
        super().class_changed(cls, double, undo)
        module = sys.modules.get("graphene.types.mutation")
        if module is None or not issubclass(cls, module.Mutation):
            return
        meta: Any = cls._meta  # type: ignore[attr-defined]
        if meta.output is double:
            undo.set_item(vars(meta), "output", cls)
        if meta.output is not cls:
            return
        to_arguments = sys.modules["graphene.types.argument"].to_arguments
        for each in _fields(sys.modules["graphene.types.objecttype"].ObjectType):
            if getattr(each, "_type", None) is cls:
                undo.set_attribute(each, "args", to_arguments(meta.arguments or {}))
                undo.set_attribute(each, "resolver", meta.resolver)


def _fields(base: Any) -> Iterator[Any]:
    """Yield the fields of all object types."""
    kinds: list[Any] = type.__subclasses__(base)
    for each in kinds:
        yield from dict(getattr(getattr(each, "_meta", None), "fields", None) or {}).values()
        yield from _fields(each)
