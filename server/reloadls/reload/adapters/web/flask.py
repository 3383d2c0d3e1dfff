"""Flask and Quart: views, rules, hooks and blueprints are removed before their statements run again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.factories import Factories
from reloadls.reload.adapters.shared.registering import Entry, OwnedContainer, Registration, containers_in
from reloadls.reload.adapters.shared.registry import RegistryAdapter
from reloadls.reload.adapters.shared.startup import StartupFunctions
from reloadls.reload.engine.adapting import Places, Shortfall
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .flask_config import Configurations

__all__ = ["FlaskAdapter"]

_CALLS = (
    *("add_url_rule", "register_blueprint", "register_error_handler", "record"),
    *("before_request", "after_request", "teardown_request", "teardown_appcontext"),
    *("context_processor", "shell_context_processor", "url_value_preprocessor", "url_defaults"),
)
_OF_TEMPLATES = ("add_template_filter", "add_template_test", "add_template_global")
_KEPT_IN = (
    *("view_functions", "error_handler_spec", "before_request_funcs", "after_request_funcs", "teardown_request_funcs"),
    *("template_context_processors", "url_value_preprocessors", "url_default_functions", "teardown_appcontext_funcs"),
    *("shell_context_processors", "blueprints", "_blueprints", "deferred_functions"),
)
_AT_START = "when the application starts"
_CLOSED_BY = ("_got_first_request", "_got_registered_once")


class FlaskAdapter(RegistryAdapter):
    """Applications and blueprints."""

    library: ClassVar[str] = "flask.app"

    def __init__(self) -> None:
        super().__init__()
        self._applications = Applications(_is_application, _keep_running)
        self._factories = Factories(("flask", "quart"), self._become)
        self._by_factory: WeakKeyDictionary[Any, list[Registration]] = WeakKeyDictionary()
        """The registrations that factories made in recreated applications."""
        self._startup = StartupFunctions()
        self._configurations = Configurations()
        when_loaded("flask.config", self._configurations.watch)
        self._started: list[tuple[Any, list[Any]]] = []
        """Running applications of Quart, and the functions they called when they started."""
        self._closed: list[tuple[Any, str]] = []
        self._blueprints: list[tuple[Any, list[Entry]]] = []
        """The blueprints, and what was registered with them, before any statement ran."""
        for name in ("flask.sansio.scaffold", "flask.sansio.app", "flask.sansio.blueprints", "flask.app", "quart.app"):
            when_loaded(name, self._watch)

    def _watch(self, module: ModuleType) -> None:
        for cls in [each for each in vars(module).values() if is_a(each, type)]:
            if cls.__module__ == module.__name__ and hasattr(cls, "add_url_rule"):
                self.register.wrap(cls, *_CALLS, *_OF_TEMPLATES)
                self.register.wrap(cls, "endpoint", decorators=True)
                if cls.__name__ in ("Flask", "Quart"):
                    self._factories.watch(cls)
                for name in [name for name in _OF_TEMPLATES if name in vars(cls)]:
                    setattr(cls, name, _with_templates(vars(cls)[name]))

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The containers of applications and blueprints, an application's rules, and its Jinja environment."""
        yield from containers_in(owner, _KEPT_IN)
        if "url_map" in vars(owner):
            yield owner.url_map._rules_by_endpoint, None
        if "jinja_env" in vars(owner):  # made on first use, with many entries of Flask's own
            yield from containers_in(owner.jinja_env, ("filters", "tests", "globals"))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """An application with its blueprints, or a blueprint."""
        if _is_application(value):
            yield value
            yield from value.blueprints.values()
        elif _is_blueprint(value):
            yield value

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Reopen applications that have served requests, so that they can be changed."""
        super().before(undo, namespaces)
        undo.add(self._factories.end)
        self._factories.begin()
        self._applications.remember(namespaces)
        self._closed, self._blueprints = [], []
        undo.add(self._startup.clear)
        undo.add(self._configurations.clear)
        self._configurations.remember(filter(_is_application, self.register.owners()))
        self._started = [(app, list(app.before_serving_funcs)) for app in self._running()]
        for owner in self.register.owners():
            for name in _CLOSED_BY:
                if getattr(owner, name, False):
                    self._closed.append((owner, name))
                    undo.set_attribute(owner, name, False)
            if not _is_application(owner):
                self._blueprints.append((owner, self.register.entries_of(owner)))

    def save(self, undo: Undo) -> None:
        """Restore the rules first; the matcher is then rebuilt from them."""
        for app in filter(_is_application, self.register.owners()):
            undo.add(partial(_rebuild_matcher, app.url_map))
        super().save(undo)

    def made_again(self) -> bool:
        """See `Factories`."""
        return self._factories.made_again

    def after(self, undo: Undo, places: Places) -> None:
        """Register changed blueprints again, and close applications again."""
        for owner in self.register.owners():
            for function in vars(owner).get("deferred_functions", ()) if self.kept else ():
                _put_into_cells(function, self.kept)
        super().after(undo, places)
        for app in filter(_is_application, self.register.owners()) if self._runs_statements() else ():
            _rebuild_matcher(app.url_map)
        for owner, name in self._closed:
            setattr(owner, name, True)
        self._applications.settle(undo)
        with self._open_blueprints(), self.register.keeping() as found:
            self._factories.settle(undo)
        for each in found:
            self._by_factory.setdefault(each.owner, []).append(each)
        self._configurations.settle(undo)
        self._configurations.compare()
        for app, before in self._started:
            self._startup.compare(before, app.before_serving_funcs, _AT_START)
        self._closed, self._blueprints, self._started = [], [], []

    def _running(self) -> list[Any]:
        """Return the serving applications of Quart."""
        return [each for each in self.register.owners() if hasattr(each, "before_serving_funcs") and _serves(each)]

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note edits of functions that run only at the start."""
        undo.add(self._startup.clear)
        for app in self._running():
            self._startup.add(app.before_serving_funcs, _AT_START)
        self._startup.changed(functions)

    def notes(self) -> Iterable[Shortfall]:
        """Return notes about functions and settings that are used only at the start."""
        return [*self._startup.take(), *self._configurations.take()]

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        if _serves(old):
            self._startup.compare(old.before_serving_funcs, new.before_serving_funcs, _AT_START)
        undo.add(partial(_put_known, self.register.known, dict(self.register.known)))
        self.register.disown(old)
        self._applications.become(old, new, undo)

    @contextmanager
    def _open_blueprints(self) -> Iterator[None]:
        """Reopen blueprints for a factory, which may add to one that is already registered."""
        closed = [each for each in self.register.owners() if getattr(each, "_got_registered_once", False)]
        for each in closed:
            each._got_registered_once = False
        try:
            yield
        finally:
            for each in closed:
                each._got_registered_once = True

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """Record the function, which may make an application."""
        self._factories.calls_differ(space, name)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Record the class, which may configure an application."""
        self._factories.class_changed(cls)

    def _runs_statements(self) -> bool:
        return bool(self._closed or self._blueprints) or self._applications.remembers

    def register_again(self, places: Places) -> None:
        """Register changed blueprints again: registering copies their content once."""
        changed = {id(owner) for owner, before in self._blueprints if _differ(before, self.register.entries_of(owner))}
        if changed:
            self.register.make_again(
                registration
                for registration in self.register.in_order(places)
                if _is_application(registration.owner)
                and any(id(each) in changed for given in registration.all_given() for each in _with_nested(given))
            )


def _differ(before: list[Entry], now: list[Entry]) -> bool:
    return [(id(each.container), each.key, id(each.value)) for each in before] != [
        (id(each.container), each.key, id(each.value)) for each in now
    ]


def _keep_running(old: Any, new: Any) -> None:
    """Keep what an application of Quart made when it started."""
    for name in [name for name in ("shutdown_event", "while_serving_gens") if name in vars(old) and _serves(old)]:
        vars(new)[name] = vars(old)[name]


def _serves(app: Any) -> bool:
    """Return whether it is a running application of Quart."""
    return "shutdown_event" in vars(app)


def _put_known(known: Any, before: dict[Any, Any]) -> None:
    known.clear()
    known.update(before)


def _with_templates(plain: Any) -> Any:
    """Create the Jinja environment before the call, so that the call's own entries can be recognised."""
    if hasattr(plain, "__reloadls_templates__"):
        return plain

    @wraps(plain)
    def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
        _ = owner.jinja_env
        return plain(owner, *args, **kwargs)

    call.__reloadls_templates__ = True  # type: ignore[attr-defined]
    return call


def _with_nested(blueprint: Any) -> Iterable[Any]:
    if _is_blueprint(blueprint):
        yield blueprint
        for inner, _ in blueprint._blueprints:
            yield from _with_nested(inner)


def _is_application(value: Any) -> bool:
    module = sys.modules.get("flask.sansio.app")
    return module is not None and isinstance(type(value), type) and issubclass(type(value), module.App)


def _is_blueprint(value: Any) -> bool:
    module = sys.modules.get("flask.sansio.blueprints") or sys.modules.get("flask.blueprints")
    return module is not None and issubclass(type(value), module.Blueprint)


def _rebuild_matcher(rules: Any) -> None:
    """Rebuild the matcher, which rules can't be removed from."""
    if not hasattr(rules, "_matcher"):
        return
    machine = type(rules._matcher)(rules.merge_slashes)
    for rule in rules.iter_rules():
        if not rule.build_only:
            machine.add(rule)
    rules._matcher = machine
    rules._remap = True


def _put_into_cells(function: Any, kept: dict[int, Any]) -> None:
    for cell in getattr(function, "__closure__", None) or ():
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        if id(value) in kept:
            cell.cell_contents = kept[id(value)]
        elif is_a(value, FunctionType) and value.__module__ == "flask.sansio.blueprints":
            _put_into_cells(value, kept)
