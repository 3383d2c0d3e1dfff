"""Django's admin: each model is registered once, with the current class."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.adapters.shared.registering import Entry, OwnedContainer, containers_in
from reloadls.reload.adapters.shared.registry import RegistryAdapter
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["AdminAdapter"]


class AdminAdapter(RegistryAdapter):
    """Admin sites."""

    library: ClassVar[str] = "django.contrib.admin.sites"

    def __init__(self) -> None:
        super().__init__()
        when_loaded("django.contrib.admin.sites", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.AdminSite, "register", "unregister", "add_action", "disable_action")

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The models and the actions of a site."""
        return containers_in(owner, ("_registry", "_actions", "_global_actions"))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """The value, if it is a site."""
        if type(value).__module__ == "django.contrib.admin.sites" or is_a(
            value, sys.modules["django.contrib.admin.sites"].AdminSite
        ):
            yield getattr(value, "_wrapped", value)

    def function_in(self, value: Any) -> Any:
        """The class of a model's admin object; the object is made when it is registered."""
        return type(value) if isinstance(value, sys.modules["django.contrib.admin.options"].BaseModelAdmin) else value

    def replace_in(self, entry: Entry, kept: Any, undo: Undo) -> None:
        """Give the admin object the program's class."""
        entry.value.__class__ = kept

    def file_changed(self, path: str, undo: Undo) -> bool:
        """Import a new `admin` module of an application, as Django does when it starts."""
        apps = sys.modules["django.apps.registry"].apps
        if os.path.basename(path) != "admin.py" or not apps.ready or not os.path.isfile(path):
            return False
        for config in apps.get_app_configs():
            name = f"{config.name}.admin"
            if os.path.realpath(os.path.join(config.path, "admin.py")) == path and name not in sys.modules:
                importlib.import_module(name)
                return True
        return False
