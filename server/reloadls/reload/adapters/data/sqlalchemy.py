"""SQLAlchemy: methods of mapped classes are reloaded, new columns are mapped, other mapping edits need a restart."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.lazy import own_annotations
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["SqlalchemyAdapter"]

_READ_ONCE = ("__tablename__", "__table_args__", "__mapper_args__", "__table__", "__abstract__", "__bind_key__")
_MARKS = ("__sa_validators__", "__sa_validation_opts__", "__sa_reconstructor__", "_sa_decl_attr")


class SqlalchemyAdapter(Adapter):
    """Declarative classes, including those of SQLModel and Flask-SQLAlchemy."""

    library: ClassVar[str] = "sqlalchemy.orm.decl_base"

    def __init__(self) -> None:
        self._new: dict[str, Any] = {}
        """New attributes to map, kept until the class's annotations are known."""
        self._mapped = False

    def takes_attributes(self, cls: type) -> bool:
        """Return True for mapped classes and their bases."""
        return any("__mapper__" in vars(each) for each in _with_subclasses(cls))

    def stores(self, cls: Any) -> bool:
        """Return True for a mapped class."""
        return is_a(cls, type) and "__mapper__" in vars(cls)

    def forget(self, value: Any, undo: Undo) -> None:
        """Raise CantBeLive: its table and its mapper can't be removed."""
        if is_a(value, type) and "__mapper__" in vars(value):
            raise CantBeLive(f"the mapped class {value.__qualname__} was removed or replaced, but its table stays")

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """Map columns that come after all others; raise CantBeLive for other edits of the mapping."""
        if name == "__annotations__":
            self._annotate(cls, value, names, undo)
            return False
        where = f"{cls.__qualname__}.{name}"
        before = vars(cls).get(name, MISSING)
        if name in _READ_ONCE:
            raise CantBeLive(f"{where} changed, and SQLAlchemy reads it only when the class is made")
        if any(_mark(each) for each in (before, value)) and _mark(before) != _mark(value):
            raise CantBeLive(f"{where} changed, and the mapper reads it only when the class is made")
        if name in _mapped_names(cls) or (before is not MISSING and _is_mapped(before)):
            raise CantBeLive(f"{where} is already mapped, and can't be mapped to something else")
        if name in _fields(cls):
            raise CantBeLive(f"{where} is a field, and it is read when the class is made")
        if value is MISSING or not _is_mapped(value):
            return False
        self._new[name] = value
        return True

    def _annotate(self, cls: Any, annotations: Mapping[str, Any], names: Sequence[str], undo: Undo) -> None:
        new, self._new = self._new, {}
        mapped = _mapped_names(cls)
        for name in annotations:
            if name in mapped and annotations[name] != own_annotations(cls).get(name, MISSING):
                raise CantBeLive(f"{cls.__qualname__}.{name} is already mapped, and can't be mapped to something else")
        for name, annotation in annotations.items():
            differs = annotation != own_annotations(cls).get(name, MISSING)
            if differs and (name in _fields(cls) or (_fields(cls) and "ClassVar" not in str(annotation))):
                raise CantBeLive(f"{cls.__qualname__}.{name} is a field, and it is read when the class is made")
            if annotation is not MISSING and name not in mapped and _says_mapped(annotation):
                new.setdefault(name, MISSING)
        for name in sorted(new, key=lambda each: names.index(each) if each in names else len(names)):
            later = names[names.index(name) + 1 :] if name in names else ()
            if not mapped.isdisjoint(later):
                raise CantBeLive(f"{cls.__qualname__}.{name} is new, and a new column must come after all others")
            _add(cls, name, new[name], annotations.get(name, MISSING), undo)
            self._mapped = True

    def after(self, undo: Undo, places: Places) -> None:
        """Have new mappers resolve their relations; raises what SQLAlchemy raises for wrong ones."""
        if self._mapped:
            self._mapped = False
            sys.modules["sqlalchemy.orm"].configure_mappers()


def _with_subclasses(cls: type) -> Iterator[type]:
    waiting = [cls]
    for each in waiting:
        yield each
        below: list[type] = type.__subclasses__(each)
        waiting += [other for other in below if other not in waiting]


def _mark(value: Any) -> Any:
    """Return the marks that the mapper looks for on a class's functions."""
    own = getattr(value, "__dict__", {})
    return {name: repr(own[name]) for name in _MARKS if name in own}


def _is_mapped(value: Any) -> bool:
    orm = sys.modules["sqlalchemy.orm"]
    kinds = [sys.modules["sqlalchemy"].Column, orm.MapperProperty, orm.QueryableAttribute]
    kinds += [kind for name in ("MappedColumn", "Mapped") if (kind := getattr(orm, name, None)) is not None]
    return is_a(value, tuple(kinds)) or type(value).__name__ in ("declared_attr", "FieldInfo")


def _says_mapped(annotation: Any) -> bool:
    return "Mapped" in (annotation if isinstance(annotation, str) else repr(annotation))


def _mapped_names(cls: type) -> set[str]:
    """Return the names mapped by a class, or by subclasses that inherit them from it."""
    found: set[str] = set()
    for each in _with_subclasses(cls):
        mapper = vars(each).get("__mapper__")
        if mapper is not None:
            found.update(mapper.attrs.keys() if mapper.configured else mapper._props)
    own = {*vars(cls), *own_annotations(cls)}
    return found if "__mapper__" in vars(cls) else found & own


def _fields(cls: Any) -> Mapping[str, Any]:
    """Return the fields of a dataclass or Pydantic model."""
    found: Mapping[str, Any] = getattr(cls, "__dataclass_fields__", None) or getattr(cls, "model_fields", None) or {}
    return found


def _add(cls: Any, name: str, value: Any, annotation: Any, undo: Undo) -> None:
    where = f"{cls.__qualname__}.{name}"
    orm = sys.modules["sqlalchemy.orm"]
    if "__mapper__" not in vars(cls):
        raise CantBeLive(f"{where} is new in a base class of mapped classes")
    column = getattr(value, "column", value)
    if value is not MISSING and not isinstance(column, sys.modules["sqlalchemy"].Column):
        raise CantBeLive(f"{where} is new, and not a plain column")
    if type.__subclasses__(cls) or _fields(cls):
        raise CantBeLive(f"{where} is new, and the class has subclasses or fields")
    # SQLAlchemy evaluates an annotation only while it makes a class.
    space = {} if value is MISSING else {name: value}
    annotations = {"reloadls_key": orm.Mapped[int]} | ({} if annotation is MISSING else {name: annotation})
    space |= {"__tablename__": cls.__tablename__, "__annotations__": annotations, "__module__": cls.__module__}
    space["reloadls_key"] = orm.mapped_column(primary_key=True)
    registry = orm.registry(type_annotation_map=dict(cls.registry.type_annotation_map))
    made = registry.mapped(type(cls.__name__, (), space))
    column = made.__table__.c[made.__mapper__.get_property(name).columns[0].key]._copy()
    registry.dispose()
    undo.add(partial(_take_out, cls, name, column))
    setattr(cls, name, column)


def _take_out(cls: Any, name: str, column: Any) -> None:
    """Undo the mapping of a column."""
    mapper = cls.__mapper__
    if name not in mapper._props:
        return
    mapper.class_manager.local_attrs.pop(name, None)
    mapper.class_manager.pop(name, None)
    mapper.class_manager._reset_memoizations()
    type.__delattr__(cls, name)
    mapper._props.pop(name)
    mapper._columntoproperty.pop(column, None)
    mapper._cols_by_table.get(cls.__table__, set()).discard(column)
    mapper.columns.remove(column)
    cls.__table__._columns.remove(column)
    mapper._expire_memoizations()
