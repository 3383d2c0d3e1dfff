"""Django's templates: loaded templates follow their files, tags and filters their functions."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.adapters.shared.registering import Entry, OwnedContainer, containers_in
from reloadls.reload.adapters.shared.registry import RegistryAdapter
from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["LibrariesAdapter", "TemplatesAdapter"]


class LibrariesAdapter(RegistryAdapter):
    """The libraries of tags and filters that templates load."""

    library: ClassVar[str] = "django.template.library"

    def __init__(self) -> None:
        super().__init__()
        when_loaded("django.template.library", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.Library, "tag", "filter", "tag_function", "filter_function", "simple_tag")
        self.register.wrap(module.Library, "inclusion_tag", "simple_block_tag")

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The tags and the filters."""
        return containers_in(owner, ("tags", "filters"))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """The value, if it is a library."""
        if is_a(value, sys.modules["django.template.library"].Library):
            yield value

    def function_in(self, value: Any) -> Any:
        """The program's function inside the one that compiles a simple tag."""
        inner = getattr(value, "__wrapped__", None)
        return value if inner is None or isinstance(inner, type) else _innermost(value)

    def replace_in(self, entry: Entry, kept: Any, undo: Undo) -> None:
        """Call the program's own function."""
        for cell in getattr(entry.value, "__closure__", None) or ():
            if id(cell.cell_contents) in self.kept:
                cell.cell_contents = self.kept[id(cell.cell_contents)]


class TemplatesAdapter(Adapter):
    """The templates that loaders cache, and those that the program holds."""

    library: ClassVar[str] = "django.template.base"

    def __init__(self) -> None:
        self._templates: WeakSet[Any] = WeakSet()
        self._changed: list[tuple[Any, str]] = []
        """(template, file) for each changed file."""
        self._look_again = False
        when_loaded("django.template.base", self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.Template, self._templates.add)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Reset the loaders after the commit: statements may register tags, which parsed templates then use."""
        undo.add(self._end)
        self._look_again = True

    def file_changed(self, path: str, undo: Undo) -> bool:
        """Remember the templates; they are compiled after statements have run, which may add tags."""
        held = [each for each in list(self._templates) if _is_of(each, path)]
        if not held and not any(path.startswith(os.path.realpath(each) + os.sep) for each in _folders()):
            return False
        undo.add(self._end)
        self._changed += [(each, path) for each in held if os.path.isfile(path)]
        self._look_again = True
        return True

    def _end(self) -> None:
        self._changed, self._look_again = [], False

    def after(self, undo: Undo, places: Places) -> None:
        """Compile changed templates in place, and reset the loaders; raises TemplateSyntaxError."""
        for template, path in self._changed:
            _compile_again(template, path, undo)
        if self._look_again:
            undo.add(_reset_loaders)
            _reset_loaders()
        self._end()


def _innermost(function: Any) -> Any:
    while isinstance(inner := getattr(function, "__wrapped__", None), FunctionType):
        function = inner
    return function


def _is_of(template: Any, path: str) -> bool:
    name = getattr(template.origin, "name", None)
    return isinstance(name, str) and os.path.isabs(name) and os.path.realpath(name) == path


def _compile_again(template: Any, path: str, undo: Undo) -> None:
    undo.add(partial(vars(template).update, dict(vars(template))))
    with open(path, encoding=template.engine.file_charset) as file:
        template.source = file.read()
    template.nodelist = template.compile_nodelist()


def _engines() -> list[Any]:
    backends = sys.modules.get("django.template.backends.django")
    settings = sys.modules["django.conf"].settings
    if backends is None or not settings.configured:
        return []
    there = sys.modules["django.template"].engines.all()
    return [each for each in there if isinstance(each, backends.DjangoTemplates)]


def _folders() -> Iterable[str]:
    if not _engines():
        return ()
    return [str(each) for each in importlib.import_module("django.template.autoreload").get_template_directories()]


def _reset_loaders() -> None:
    if _engines():
        importlib.import_module("django.template.autoreload").reset_loaders()
