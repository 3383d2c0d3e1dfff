"""Sanic: functions are reloaded; an edit that would have to remove a route needs a restart."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter, Places
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["SanicAdapter"]

_OF_APPLICATIONS = ("route", "middleware", "static", "signal", "blueprint")
"""Methods that register what can't be removed; all others end in one of them."""
_OF_BLUEPRINTS = (*_OF_APPLICATIONS, "exception", "listener")
_ONCE = "and Sanic can't take back what is registered"


class SanicAdapter(Adapter):
    """What applications and blueprints serve: Sanic compiles it, copies that of blueprints, and removes nothing."""

    library: ClassVar[str] = "sanic.app"

    def __init__(self) -> None:
        self._runs = False
        self._late: list[Any] = []
        """The applications and blueprints of which something is gone in this commit."""
        when_loaded("sanic.app", lambda module: self._watch(module.Sanic, _OF_APPLICATIONS))
        when_loaded("sanic.blueprints", lambda module: self._watch(module.Blueprint, _OF_BLUEPRINTS))

    def _watch(self, kind: type, names: Sequence[str]) -> None:
        for name in names:
            plain = getattr(kind, name, None)
            if plain is not None:
                setattr(kind, name, self._noting(plain))

    def _noting(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def register(owner: Any, *args: Any, **kwargs: Any) -> Any:
            if self._runs and getattr(owner, "_apps", None):  # these have copied what the blueprint had
                raise CantBeLive(f"what {_name_of(owner)} serves changed, {_ONCE}")
            Recorder.note(Effect(partial(self._late.append, owner), _nothing))
            return plain(owner, *args, **kwargs)

        return register

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Notice what is registered from now on."""
        undo.add(self._end)
        self._end()
        self._runs = True

    def _end(self) -> None:
        self._runs = False
        self._late.clear()

    def after(self, undo: Undo, places: Places) -> None:
        """Raise CantBeLive where something would have to be removed."""
        names = sorted({_name_of(each) for each in self._late})
        self._end()
        if names:
            raise CantBeLive(f"what {', '.join(names)} serves changed, {_ONCE}")


def _name_of(owner: Any) -> str:
    return f"{type(owner).__name__} {owner.name!r}"


def _nothing() -> None:
    """What has not been taken back need not be brought back."""
