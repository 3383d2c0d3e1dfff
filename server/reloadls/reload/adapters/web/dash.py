"""Dash: callbacks are removed before their statements run again, even after Dash has collected them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.adapters.shared.instances import on_created
from reloadls.reload.adapters.shared.ordering import Position, in_order
from reloadls.reload.adapters.shared.registering import restored_from_copies
from reloadls.reload.adapters.shared.registry import put_all
from reloadls.reload.adapters.shared.serving import ServedAdapter
from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["DashAdapter"]


class DashAdapter(ServedAdapter):
    """Applications and their callbacks."""

    library: ClassVar[str] = "dash.dash"
    kinds: ClassVar[tuple[str, ...]] = ("Dash",)

    def __init__(self) -> None:
        self._apps: WeakSet[Any] = WeakSet()
        self._effects: dict[str, Effect] = {}
        """Callback id → the effect of its statement."""
        self._named: list[Any] = []
        """The applications that the program has names for."""
        self._of_all: set[str] = set()
        """The ids of callbacks registered without an application."""
        self._servers: list[tuple[Any, Any]] = []
        self._lists: list[tuple[Any, list[Any]]] = []
        self._flask = Applications(lambda _: False, lambda _old, _new: None)
        super().__init__()
        when_loaded("dash._callback", self._watch_callbacks)

    def _watch(self, module: ModuleType) -> None:
        super()._watch(module)
        on_created(module.Dash, self._apps.add)

    def _watch_callbacks(self, module: ModuleType) -> None:
        plain = module.insert_callback

        @functools.wraps(plain)
        def insert_callback(*args: Any, **kwargs: Any) -> Any:
            known = plain(*args, **kwargs)
            if (args[1] if len(args) > 1 else kwargs.get("callback_map")) is module.GLOBAL_CALLBACK_MAP:
                self._of_all.add(known)
            effect = Effect(partial(self._remove, known), restored_from_copies)
            if Recorder.note(effect):
                self._effects[known] = effect
            return known

        vars(module)["insert_callback"] = insert_callback

    def _stores(self) -> list[tuple[dict[str, Any], list[Any]]]:
        shared = sys.modules["dash._callback"]
        found = [(shared.GLOBAL_CALLBACK_MAP, shared.GLOBAL_CALLBACK_LIST)]
        return [*found, *((app.callback_map, app._callback_list) for app in list(self._apps))]

    def _remove(self, known: str) -> None:
        for by_id, specs in self._stores():
            by_id.pop(known, None)
            specs[:] = [each for each in specs if each["output"] != known]
        self._effects.pop(known, None)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Restore all callbacks on failure."""
        super().before(undo, namespaces)
        undo.add(partial(put_all, self._effects, dict(self._effects)))
        self._lists = []
        self._named = [each for space in namespaces for each in list(space.values()) if self._is_application(each)]
        for by_id, specs in self._stores():
            undo.add(partial(put_all, by_id, dict(by_id)))
            undo.add(partial(specs.__setitem__, slice(None), list(specs)))
            self._lists.append((specs, list(specs)))

    def keep(self, old: Any, new: Any) -> None:
        """Keep the Flask application, which a web server holds, and collect global callbacks again."""
        shared = sys.modules["dash._callback"]
        shared.GLOBAL_CALLBACK_MAP.update(
            {known: each for known, each in old.callback_map.items() if known in self._of_all}
        )
        shared.GLOBAL_CALLBACK_LIST.extend(each for each in old._callback_list if each["output"] in self._of_all)
        if old.server is not new.server:
            self._servers.append((old.server, new.server))
            new.server = old.server

    def _become(self, old: Any, new: Any, undo: Undo) -> None:
        super()._become(old, new, undo)
        self._settle_servers(undo)

    def after(self, undo: Undo, places: Places) -> None:
        """Pass new callbacks to applications that have already collected theirs, in order."""
        super().after(undo, places)
        self._settle_servers(undo)
        shared = sys.modules["dash._callback"]
        ready = [app for app in [*self._named, *self._apps] if app._got_first_request["setup_server"]]
        self._named = []
        for app in ready[:1]:  # the one that collected the global callbacks
            app.callback_map.update(shared.GLOBAL_CALLBACK_MAP)
            hidden = app.config.get("hide_all_callbacks", False)
            app._callback_list.extend(shared.GLOBAL_CALLBACK_LIST)
            for each in app._callback_list:
                if "hidden" in each and each["hidden"] is None:
                    each["hidden"] = hidden
            shared.GLOBAL_CALLBACK_MAP.clear()
            shared.GLOBAL_CALLBACK_LIST.clear()
        for specs, before in self._lists:
            specs[:] = in_order(before, specs, partial(self._position, places), lambda _: None)
        self._lists = []

    def _settle_servers(self, undo: Undo) -> None:
        servers, self._servers = self._servers, []
        for old, new in servers:
            if type(old) is type(new):
                self._flask.become(old, new, undo)

    def _position(self, places: Places, spec: dict[str, Any]) -> Position | None:
        effect = self._effects.get(spec["output"])
        return None if effect is None else places(effect)
