"""Applications that are single objects: update the served one from the one that a statement made."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Places, Shortfall
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .applications import Applications
from .factories import Factories
from .instances import on_created
from .startup import StartupFunctions

__all__ = ["FalconAdapter", "LitestarAdapter", "ServedAdapter", "TornadoAdapter"]


class ServedAdapter(Adapter):
    """The applications of one library, whether a statement or a factory made them."""

    kinds: ClassVar[tuple[str, ...]]
    """The names of their classes in `library`."""

    def __init__(self) -> None:
        self._applications = Applications(self._is_application, self._carry_over, self._become)
        self._factories = Factories((self.library.partition(".")[0],), self._become)
        self._startup = StartupFunctions()
        when_loaded(self.library, self._watch)

    def _watch(self, module: ModuleType) -> None:
        for name in self.kinds:
            self._factories.watch(getattr(module, name))
            on_created(getattr(module, name), self._track)

    def _track(self, app: Any) -> None:
        for when, functions in self.at_start(app).items():
            self._startup.add(functions, when)

    def _is_application(self, value: Any) -> bool:
        module = sys.modules.get(self.library)
        return module is not None and is_a(value, tuple(getattr(module, name) for name in self.kinds))

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        self._applications.become(old, new, undo)

    def _carry_over(self, old: Any, new: Any) -> None:
        self.keep(old, new)
        self._compare_start(old, new)

    def _compare_start(self, old: Any, new: Any) -> None:
        for when, functions in self.at_start(new).items():
            self._startup.compare(self.at_start(old).get(when, ()), functions, when)

    # -- defined by each library

    def keep(self, old: Any, new: Any) -> None:
        """Carry over to the new application what outlives its statement."""

    def at_start(self, app: Any) -> dict[str, Sequence[Any]]:
        """Return the functions that an application calls once: when → functions."""
        return {}

    # -- called by the engine

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Remember the applications that the program has names for."""
        undo.add(self._end)
        self._factories.begin()
        self._applications.remember(namespaces)

    def _end(self) -> None:
        self._factories.end()
        self._startup.clear()

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """Record the function, which may make an application."""
        self._factories.calls_differ(space, name)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Record the class, which may configure an application."""
        self._factories.class_changed(cls)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """Note edits of functions that run only at the start."""
        undo.add(self._end)
        self._startup.changed(functions)

    def made_again(self) -> bool:
        """See `Factories`."""
        return self._factories.made_again

    def after(self, undo: Undo, places: Places) -> None:
        """Update served applications; raises what a factory raises."""
        self._applications.settle(undo)
        self._factories.settle(undo)

    def notes(self) -> Iterable[Shortfall]:
        """Return notes about functions that run only at the start."""
        return self._startup.take()


class LitestarAdapter(ServedAdapter):
    """Litestar."""

    library: ClassVar[str] = "litestar.app"
    kinds: ClassVar[tuple[str, ...]] = ("Litestar",)

    def keep(self, old: Any, new: Any) -> None:
        """Keep its state, its stores, and the running event emitter."""
        new.state = old.state
        for name, store in new.stores._stores.items():
            old.stores._stores.setdefault(name, store)
        new.stores = old.stores
        listeners = new.event_emitter.listeners
        new.event_emitter = old.event_emitter
        new.event_emitter.listeners = listeners

    def at_start(self, app: Any) -> dict[str, Sequence[Any]]:
        """Its start-up hooks; the engine notes a running lifespan."""
        return {"when the application starts": app.on_startup}

    def reads_class(self, cls: type) -> bool:
        """A controller's handlers are registered when the application is made."""
        module = sys.modules.get("litestar.controller")
        return module is not None and issubclass(cls, module.Controller)


class TornadoAdapter(ServedAdapter):
    """Tornado."""

    library: ClassVar[str] = "tornado.web"
    kinds: ClassVar[tuple[str, ...]] = ("Application",)


class FalconAdapter(ServedAdapter):
    """Falcon, for WSGI and ASGI."""

    library: ClassVar[str] = "falcon.app"
    kinds: ClassVar[tuple[str, ...]] = ("App",)

    def reads_class(self, cls: type) -> bool:
        """A resource's responders are looked up when it is added."""
        return any(_RESPONDER.match(name) for kind in cls.__mro__ for name in vars(kind))

    def after(self, undo: Undo, places: Places) -> None:
        """Have routers compile their routes again; removed ones are in the compiled code still."""
        apps = self._applications.named()
        super().after(undo, places)
        for app in apps:
            router: Any = getattr(app, "_router", None)
            if hasattr(router, "_compile_and_find"):
                undo.add(partial(setattr, router, "_find", router._find))
                router._find = router._compile_and_find


_RESPONDER = re.compile(r"on_[a-z]+")
