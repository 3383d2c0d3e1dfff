"""Celery: a task keeps its identity when its statement runs again, and workers use the new code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.instances import on_created
from .shared.registry import function_of

__all__ = ["CeleryAdapter"]


class CeleryAdapter(Adapter):
    """The tasks of applications, and the workers of this process that consume them."""

    library: ClassVar[str] = "celery.app.base"

    def __init__(self) -> None:
        self._apps: WeakSet[Any] = WeakSet()
        self._consumers: WeakSet[Any] = WeakSet()
        self._before: list[tuple[Any, dict[str, Any]]] = []
        when_loaded("celery.app.base", lambda module: on_created(module.Celery, self._apps.add))
        when_loaded("celery.worker.consumer.consumer", self._watch_consumers)

    def _watch_consumers(self, module: ModuleType) -> None:
        on_created(module.Consumer, self._consumers.add)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the tasks."""
        self._before = [(app, dict(app._tasks)) for app in list(self._apps)]
        undo.add(self._update_workers)
        for app, tasks in self._before:
            undo.add(partial(_put_tasks, app, tasks))
        undo.add(self._end)

    def _end(self) -> None:
        self._before = []

    def forget(self, value: Any, undo: Undo) -> None:
        """Remove a task by its function, since it is registered when the application is first used."""
        local = sys.modules.get("celery.local")
        if local is not None and issubclass(type(value), local.Proxy):
            value = value._get_current_object()
        function = value if is_a(value, FunctionType) else _function_in(value)
        for app in list(self._apps) if function is not None else ():
            for name in [name for name, task in app._tasks.items() if _function_in(task) is function]:
                del app._tasks[name]

    def after(self, undo: Undo, places: Places) -> None:
        """Update each existing task from the new registration with the same name."""
        before, self._before = self._before, []
        for app, tasks in before:
            for pending in list(app._pending) if app.finalized else ():
                pending.__maybe_evaluate__()
            for name, old in tasks.items():
                new = app._tasks.get(name)
                if new is not None and new is not old:
                    undo.add(partial(_put, old, type(old), vars(old)))
                    shared = dict(vars(new))  # of neither, as applications have it
                    new.__dict__ = shared
                    _put(old, type(new), shared)
                    app._tasks[name] = old
        if before:
            self._update_workers()

    def _update_workers(self) -> None:
        """Update workers, which look up tasks by name in tables that they built when they started."""
        for consumer in list(self._consumers):
            consumer.update_strategies()  # messages may arrive meanwhile
            for name in consumer.strategies.keys() - consumer.app._tasks.keys():
                del consumer.strategies[name]
        trace = sys.modules.get("celery.app.trace")
        for app in list(self._apps) if trace is not None and trace._localized else ():
            for name, task in list(app._tasks.items()):
                if task.__trace__ is None and trace is not None:
                    task.__trace__ = trace.build_tracer(name, task, app.loader, trace._localized[1], app=app)


def _function_in(task: Any) -> FunctionType | None:
    """Return the function that a task runs."""
    own = vars(type(task))
    return function_of(own.get("_decorated_fun") or own.get("run"))


def _put(task: Any, cls: type, values: dict[str, Any]) -> None:
    task.__class__ = cls
    task.__dict__ = values


def _put_tasks(app: Any, tasks: dict[str, Any]) -> None:
    app._tasks.clear()
    app._tasks.update(tasks)
