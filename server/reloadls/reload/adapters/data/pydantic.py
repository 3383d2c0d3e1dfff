"""Pydantic: models validate and serialize by their edited fields; so do models that contain them."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields as dataclass_fields
from functools import partial
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.annotations import ReferenceFinder, substitute
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.reach import reach
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["PydanticAdapter"]

_MOST = 20_000
_DERIVED = (
    *("__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__", "__pydantic_complete__"),
    *("__pydantic_decorators__", "__pydantic_fields_complete__", "__signature__"),
)


class PydanticAdapter(Adapter):
    """Models, and objects that hold their schemas."""

    library: ClassVar[str] = "pydantic.main"

    def __init__(self) -> None:
        self._spaces: Sequence[dict[str, Any]] = ()
        self._changed: set[type] = set()

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember where to search for objects that hold a schema."""
        self._spaces, self._changed = namespaces, set()
        undo.add(self._end)

    def _end(self) -> None:
        self._spaces, self._changed = (), set()

    def makes_values(self, cls: Any) -> bool:
        """Settings are instances that depend on their class and the environment; so are the models in them."""
        settings = sys.modules.get("pydantic_settings.main")
        if settings is None or not is_a(cls, type(sys.modules["pydantic.main"].BaseModel)):
            return False
        return issubclass(cls, settings.BaseSettings) or any(_settings_with(cls))

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Rebuild the schema for the class that is kept, and then those of all models that refer to it."""
        if double is not cls:
            self._parametrize(cls, double, undo)
        self._changed.add(cls)
        model = sys.modules["pydantic.main"].BaseModel
        if isinstance(cls, type(model)):
            _take_over(cls, double, undo)
        refers = ReferenceFinder({cls})
        following = [each for each in _subclasses(model) if each is not cls and refers(each)]
        following = [each for each in following if "__pydantic_validator__" in vars(each) and each is not double]
        models = [cls, *following] if isinstance(cls, type(model)) else following
        _rebuild(models, undo)

    def _parametrize(self, cls: Any, double: Any, undo: Undo) -> None:
        """Update `Box[int]`, a class of its own that was made from `Box`."""
        for each in list(type.__subclasses__(cls)):
            made_of = vars(each).get("__pydantic_generic_metadata__") or {}
            if made_of.get("origin") is cls:
                new = double[made_of["args"]]
                for name in [name for name in vars(new) if name.startswith(("__pydantic_", "__annot", "__class_vars"))]:
                    if name != "__pydantic_generic_metadata__":
                        undo.set_class_attribute(each, name, vars(new)[name])
                self.class_changed(each, new, undo)

    def after(self, undo: Undo, places: Places) -> None:
        """Rebuild the type adapters that the program holds."""
        found = sys.modules.get("pydantic.type_adapter")
        if not self._changed or found is None:
            return
        own = frozenset(str(space.get("__name__")) for space in self._spaces)
        values = [value for space in self._spaces for value in list(space.values())]
        refers = ReferenceFinder(self._changed)
        each: Any
        for each in reach(values, own, most=_MOST):
            if is_a(each, found.TypeAdapter) and refers(each._type):
                undo.add(partial(vars(each).update, dict(vars(each))))
                with warnings.catch_warnings():  # the warnings were already issued when it was made
                    warnings.simplefilter("ignore")
                    each.rebuild(force=True, raise_errors=True)
        self._end()


def _settings_with(cls: type) -> Iterator[type]:
    """Yield the classes of settings whose fields refer to a model."""
    settings = sys.modules.get("pydantic_settings.main")
    refers = ReferenceFinder({cls})
    for each in () if settings is None else _subclasses(settings.BaseSettings):
        if each is not cls and refers(each):
            yield each


def _subclasses(cls: type) -> Iterator[type]:
    waiting, seen = [cls], {cls}
    while waiting:
        found: list[type] = type.__subclasses__(waiting.pop())
        for each in found:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
                yield each


def _take_over(cls: Any, double: Any, undo: Undo) -> None:
    """Rebind to the kept class what was bound to its double."""
    undo.add(partial(_restore, cls, {name: vars(cls).get(name, MISSING) for name in _DERIVED}))
    cls.__pydantic_decorators__ = _bound_to(cls, cls.__pydantic_decorators__)
    for field in cls.__pydantic_fields__.values():
        field.annotation = substitute(field.annotation, double, cls)


def _bound_to(cls: Any, decorators: Any) -> Any:
    bound = {
        part.name: {name: _bind(each, cls) for name, each in getattr(decorators, part.name).items()}
        for part in dataclass_fields(decorators)
    }
    return type(decorators)(**bound)


def _bind(decorator: Any, cls: type) -> Any:
    if "cls_ref" in inspect.signature(decorator.bind_to_cls).parameters:
        return decorator.bind_to_cls(cls, decorator.cls_ref)
    return decorator.bind_to_cls(cls)


def _rebuild(models: Iterable[Any], undo: Undo) -> None:
    """Rebuild the schemas of models that refer to each other, without reusing an old one."""
    models = list(models)
    for each in models:
        undo.add(partial(_restore, each, {name: vars(each).get(name, MISSING) for name in _DERIVED}))
    for each in models:
        if "__pydantic_core_schema__" in vars(each):
            type.__delattr__(each, "__pydantic_core_schema__")
    for each in models:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            each.model_rebuild(force=True, _parent_namespace_depth=0)


def _restore(cls: type, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if value is not MISSING:
            type.__setattr__(cls, name, value)
        elif name in vars(cls):
            type.__delattr__(cls, name)
