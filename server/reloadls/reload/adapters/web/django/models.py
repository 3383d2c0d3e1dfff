"""Django's models, edited in place: methods always, fields and options as far as Django supports it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import MISSING, Undo

__all__ = ["ModelsAdapter"]

_OPTIONS = frozenset({"ordering", "verbose_name", "verbose_name_plural", "get_latest_by", "permissions"})
"""Options that are read each time they are used."""
_FIXED = frozenset({"primary_key", "db_column", "name", "unique", "auto_created"})
"""Properties of a field that can't be changed."""


class ModelsAdapter(Adapter):
    """Models that are registered with their application."""

    library: ClassVar[str] = "django.db.models.base"

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Restore the registered models on failure: a model is registered as soon as it is made."""
        apps = sys.modules["django.apps"].apps
        for label, models in list(apps.all_models.items()):
            undo.add(partial(_put_models, apps, label, dict(models)))

    def stores(self, cls: Any) -> bool:
        """Return True for a model."""
        return is_a(cls, type) and issubclass(cls, sys.modules[self.library].Model)

    def takes_attributes(self, cls: type) -> bool:
        """Return True for models."""
        return is_a(cls, sys.modules["django.db.models.base"].ModelBase) and hasattr(cls, "_meta")

    def forget(self, value: Any, undo: Undo) -> None:
        """Raise CantBeLive: other models, and what was made from it, hold the model."""
        if is_a(value, type) and self.takes_attributes(value) and not _meta(value).abstract:
            raise CantBeLive(f"the model {value.__qualname__} was removed or replaced, and Django keeps the old one")

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Raise CantBeLive for a recreated model: forms, for example, have fields made from its own."""
        if double is not cls and self.takes_attributes(cls):
            raise CantBeLive(f"the model {cls.__qualname__} can't be recreated: Django keeps the old one")

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """Set fields, managers and options."""
        if name == "__annotations__":
            return False
        if name == "Meta":
            _put_options(cls, value, undo)
            return True
        field = next((each for each in _own_fields(cls) if each.name == name), None)
        if field is None and not hasattr(value, "contribute_to_class"):
            return False
        if _meta(cls).abstract:
            raise CantBeLive(f"{name} of the abstract model {cls.__qualname__} changed, and others have copies of it")
        if _is_manager(value) or _is_manager(vars(cls).get(name)):
            _put_manager(cls, name, value, undo)
        else:
            _put_field((cls, name), field, value, names, undo)
        return True


def _meta(cls: Any) -> Any:
    return cls._meta


def _put_models(apps: Any, label: str, models: dict[str, Any]) -> None:
    if dict(apps.all_models[label]) != models:
        apps.all_models[label].clear()
        apps.all_models[label].update(models)
        apps.clear_cache()


def _own_fields(cls: type) -> list[Any]:
    meta = _meta(cls)
    return [*meta.local_fields, *meta.local_many_to_many, *meta.private_fields]


def _is_manager(value: Any) -> bool:
    manager = sys.modules["django.db.models.manager"]
    return is_a(value, (manager.BaseManager, manager.ManagerDescriptor))


def _put_manager(cls: Any, name: str, value: Any, undo: Undo) -> None:
    meta = _meta(cls)
    undo.add(meta._expire_cache)
    undo.set_attribute(meta, "local_managers", [each for each in meta.local_managers if each.name != name])
    undo.set_class_attribute(cls, name, MISSING)
    if value is not MISSING:
        value.contribute_to_class(cls, name)
        if len(meta.local_managers) > 1:
            raise CantBeLive(f"the default manager of {cls.__qualname__} may have changed")
    elif name == "objects" or not meta.managers:
        raise CantBeLive(f"{cls.__qualname__} has no manager of its own any more")
    meta._expire_cache()


def _put_options(cls: Any, value: Any, undo: Undo) -> None:
    """Set options; raises CantBeLive for an option that Django reads only when the class is made."""
    meta = _meta(cls)
    inherits = value is not MISSING and value.__bases__ != (object,)
    if inherits or meta.abstract or any(hasattr(base, "Meta") or base._meta.parents for base in _bases(cls)):
        raise CantBeLive(f"options of {cls.__qualname__} changed that other models share")
    now = {} if value is MISSING else {name: each for name, each in vars(value).items() if not name.startswith("_")}
    before = meta.original_attrs
    differing = {name for name in {*now, *before} if now.get(name, MISSING) != before.get(name, MISSING)}
    if differing - _OPTIONS:
        raise CantBeLive(f"{', '.join(sorted(differing - _OPTIONS))} of {cls.__qualname__}.Meta changed")
    undo.set_attribute(meta, "original_attrs", dict(now))
    singular = sys.modules["django.utils.text"].camel_case_to_spaces(meta.object_name)
    plain = {"ordering": [], "verbose_name": singular, "get_latest_by": None, "permissions": []}
    for name in differing - {"verbose_name_plural"}:
        undo.set_attribute(meta, name, now.get(name, plain[name]))
    plural = sys.modules["django.utils.text"].format_lazy("{}s", meta.verbose_name)
    undo.set_attribute(meta, "verbose_name_plural", now.get("verbose_name_plural", plural))
    undo.add(meta._expire_cache)
    meta._expire_cache()


def _bases(cls: type) -> list[Any]:
    return [base for base in cls.__bases__ if hasattr(base, "_meta")]


def _put_field(owner: tuple[Any, str], field: Any, value: Any, names: Sequence[str], undo: Undo) -> None:
    """Set a field; raises CantBeLive for relations, and for fields that something was made from."""
    cls, name = owner
    where = f"{cls.__qualname__}.{name}"
    for each in (field, value):
        if getattr(each, "is_relation", False) or getattr(each, "primary_key", False):
            raise CantBeLive(f"{where} changed, and other models refer to it")
    if field is None and not hasattr(value, "get_attname_column"):
        raise CantBeLive(f"{where} changed, and it is read only when the model is made")
    form = _form_of(cls)
    if form is not None:
        raise CantBeLive(f"{where} changed, and the form {form.__qualname__} was made from it")
    meta = _meta(cls)
    if type.__subclasses__(cls):
        raise CantBeLive(f"{where} changed, and other models inherit it")
    undo.add(meta._expire_cache)
    if value is MISSING:
        _remove(cls, field, undo)
    elif field is None:
        _add(cls, name, value, names, undo)
    elif type(field) is type(value) and _known_by(field) == _known_by(value):
        _become(cls, name, field, value, undo)
    else:
        raise CantBeLive(f"{where} changed its field type or its column")
    meta._expire_cache()
    sys.modules["django.apps"].apps.clear_cache()


def _form_of(cls: type) -> Any:
    forms = sys.modules.get("django.forms.models")
    waiting = [] if forms is None else type.__subclasses__(forms.BaseModelForm)
    for each in waiting:
        waiting += [other for other in type.__subclasses__(each) if other not in waiting]
        ours = (
            vars(sys.modules.get(each.__module__)).get(each.__name__) is each if each.__module__ in sys.modules else 0
        )
        if ours and getattr(getattr(each, "_meta", None), "model", None) is cls:
            return each
    return None


def _known_by(field: Any) -> dict[str, Any]:
    return {name: value for name, value in field.deconstruct()[3].items() if name in _FIXED}


def _become(cls: Any, name: str, field: Any, value: Any, undo: Undo) -> None:
    """Update the existing field, which others hold, from the new one."""
    before = dict(vars(field))
    undo.add(partial(_set_vars, field, before))
    value.set_attributes_from_name(name)
    value.model, value.creation_counter = cls, field.creation_counter
    _set_vars(field, vars(value))
    display = f"get_{name}_display"
    if (before.get("choices") is None) != (field.choices is None):
        made = sys.modules["functools"].partialmethod(cls._get_FIELD_display, field=field)
        undo.set_class_attribute(cls, display, made if field.choices is not None else MISSING)


def _set_vars(field: Any, values: dict[str, Any]) -> None:
    kept = dict(values)
    vars(field).clear()
    vars(field).update(kept)


def _remove(cls: Any, field: Any, undo: Undo) -> None:
    meta = _meta(cls)
    undo.set_attribute(meta, "local_fields", [each for each in meta.local_fields if each is not field])
    undo.set_class_attribute(cls, field.attname, MISSING)
    if f"get_{field.name}_display" in vars(cls):
        undo.set_class_attribute(cls, f"get_{field.name}_display", MISSING)


def _add(cls: Any, name: str, value: Any, names: Sequence[str], undo: Undo) -> None:
    """Add a field between its neighbours; fields are ordered by their creation counters."""
    meta = _meta(cls)
    later = names[names.index(name) + 1 :] if name in names else ()
    after = [each.creation_counter for each in meta.local_fields if each.name in later]
    before = [each.creation_counter for each in meta.local_fields if each.name not in later]
    if after:
        value.creation_counter = (max([*before, min(after) - 1]) + min(after)) / 2
    undo.set_attribute(meta, "local_fields", list(meta.local_fields))
    for each in (name, f"get_{name}_display"):
        undo.set_class_attribute(cls, each, vars(cls).get(each, MISSING))
    value.contribute_to_class(cls, name)
