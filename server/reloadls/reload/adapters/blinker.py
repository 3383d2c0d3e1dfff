"""Blinker: a statement's receivers are disconnected before it runs again."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.registering import restored_from_copies
from .shared.registry import put_all

__all__ = ["BlinkerAdapter"]

_STATE = ("receivers", "_by_receiver", "_by_sender", "_weak_senders")


@dataclass
class _Connection:
    """A receiver that a statement connected."""

    receiver: Any
    connect: Callable[[Any], object]
    """Connects another receiver with the same arguments."""


class BlinkerAdapter(Adapter):
    """The signals that the program's statements connect."""

    library: ClassVar[str] = "blinker.base"

    def __init__(self) -> None:
        self._signals: WeakSet[Any] = WeakSet()
        self._connections: dict[tuple[int, int], _Connection] = {}
        """(signal id, receiver id) → what a statement connected."""
        when_loaded("blinker.base", self._watch)

    def _watch(self, module: ModuleType) -> None:
        plain = module.Signal.connect

        @functools.wraps(plain)
        def connect(signal: Any, receiver: Any, *args: Any, **kwargs: Any) -> Any:
            found = plain(signal, receiver, *args, **kwargs)
            self._signals.add(signal)
            connection = _Connection(receiver, lambda other: plain(signal, other, *args, **kwargs))
            effect = Effect(lambda: self._disconnect(signal, connection.receiver), restored_from_copies)
            if Recorder.note(effect):
                self._connections[id(signal), id(receiver)] = connection
            return found

        module.Signal.connect = connect

    def _disconnect(self, signal: Any, receiver: Any) -> None:
        self._connections.pop((id(signal), id(receiver)), None)
        module = sys.modules["blinker.base"]
        known = module.make_id(receiver)
        for sender in [*signal._by_receiver.get(known, ()), module.ANY_ID]:
            signal._disconnect(known, sender)

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Restore all signals on failure."""
        undo.add(partial(put_all, self._connections, dict(self._connections)))
        for signal in list(self._signals):
            undo.add(partial(_restore, signal, {name: _copy(vars(signal)[name]) for name in _STATE}))

    def replaced(self, double: Any, kept: Any, undo: Undo) -> None:
        """Connect the kept function instead of its double."""
        for signal in list(self._signals):
            found = self._connections.get((id(signal), id(double)))
            if found is not None:
                self._disconnect(signal, double)
                undo.add(partial(setattr, found, "receiver", double))
                found.receiver = kept
                found.connect(kept)
                self._connections[id(signal), id(kept)] = found


def _copy(mapping: Any) -> dict[Any, Any]:
    return {key: set(value) if isinstance(value, set) else value for key, value in mapping.items()}


def _restore(signal: Any, values: dict[str, dict[Any, Any]]) -> None:
    for name, content in values.items():
        put_all(vars(signal)[name], content)
