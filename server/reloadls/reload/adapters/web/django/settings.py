"""Django's settings follow their module; code that derived something from one is notified."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import partial
from types import FunctionType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.undo import MISSING, Undo

from .readers import read_at_import

__all__ = ["SettingsAdapter"]

_AT_START = frozenset(
    {
        *("INSTALLED_APPS", "DATABASES", "AUTH_USER_MODEL", "DEFAULT_AUTO_FIELD", "ABSOLUTE_URL_OVERRIDES", "DEBUG"),
        *("WSGI_APPLICATION", "ASGI_APPLICATION", "STATIC_URL", "FORCE_SCRIPT_NAME", "MIGRATION_MODULES", "TASKS"),
    }
)
"""Settings that Django and its applications read once."""


class SettingsAdapter(Adapter):
    """`django.conf.settings`."""

    library: ClassVar[str] = "django.conf"

    def __init__(self) -> None:
        self._held: dict[str, Any] = {}
        """The settings before any statement ran; ``INSTALLED_APPS += […]`` changes the list that Django holds."""

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the settings."""
        settings = sys.modules["django.conf"].settings
        module = sys.modules.get(_module_of(settings) or "")
        if module is not None and any(space is vars(module) for space in namespaces):
            self._held = {name: _copy(value) for name, value in vars(settings._wrapped).items() if name.isupper()}

    def module_behind(self, value: Any) -> str | None:
        """Return the settings module."""
        if not is_a(value, sys.modules["django.conf"].LazySettings):
            return None
        return _module_of(value)

    def ran(self, module: str, undo: Undo) -> None:
        """Update each setting that differs from the module."""
        settings = sys.modules["django.conf"].settings
        if _module_of(settings) != module:
            return
        space = vars(sys.modules[module])
        now = {name: value for name, value in space.items() if name.isupper()}
        gone = [name for name in settings._wrapped._explicit_settings if name not in now]
        for name in [*now, *gone]:
            held, value = self._held.get(name, MISSING), now.get(name, MISSING)
            if held is not value and _differ(held, value):
                _change(settings, name, value, undo)
                self._held[name] = _copy(value)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Raise CantBeLive for an application's `ready`, which is called only when Django starts."""
        apps = sys.modules.get("django.apps.registry")
        if apps is None or not any(each.__name__ == "ready" for each in functions):
            return
        for config in apps.apps.app_configs.values():
            if vars(type(config)).get("ready") in functions:
                raise CantBeLive(
                    f"{type(config).__qualname__}.ready() changed, and Django calls it only when it starts"
                )


def _module_of(settings: Any) -> str | None:
    wrapped = vars(settings).get("_wrapped")
    name = vars(wrapped).get("SETTINGS_MODULE") if type(wrapped).__module__ == "django.conf" else None
    return name if isinstance(name, str) else None


def _copy(value: Any) -> Any:
    """Return a copy of nested lists, tuples, dictionaries and sets."""
    if type(value) in (list, tuple):
        return type(value)(_copy(item) for item in value)
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    return set(value) if type(value) is set else value


def _differ(one: Any, other: Any) -> bool:
    try:
        return type(one) is not type(other) or bool(one != other)
    except Exception:  # an __eq__ of the program's
        return True


def _change(settings: Any, name: str, value: Any, undo: Undo) -> None:
    if name in _AT_START:
        raise CantBeLive(f"the setting {name} changed, and Django reads it only when it starts")
    if (reader := read_at_import(name)) is not None:
        raise CantBeLive(f"the setting {name} changed, and {reader} read it when it was imported")
    importlib.import_module("django.test.signals")  # its receivers update what Django derives from settings
    before = vars(settings._wrapped).get(name, MISSING)
    explicit = settings._wrapped._explicit_settings
    undo.add(partial(_put, settings, name, before, explicit=name in explicit))
    _put(settings, name, value, explicit=value is not MISSING)
    if name in ("LOGGING", "LOGGING_CONFIG"):
        log = importlib.import_module("django.utils.log")
        log.configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


def _put(settings: Any, name: str, value: Any, *, explicit: bool) -> None:
    wrapped = settings._wrapped
    if value is MISSING:
        value = getattr(sys.modules["django.conf"].global_settings, name, MISSING)
    if value is MISSING:
        vars(wrapped).pop(name, None)
    else:
        vars(wrapped)[name] = value
    vars(settings).pop(name, None)
    (wrapped._explicit_settings.add if explicit else wrapped._explicit_settings.discard)(name)
    sent = None if value is MISSING else value
    changed = sys.modules["django.core.signals"].setting_changed
    changed.send(sender=type(wrapped), setting=name, value=sent, enter=True)
