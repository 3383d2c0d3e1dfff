"""Django's signals: receivers are identified by sender and receiver, or by their dispatch_uid."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar
from weakref import ref

from reloadls.reload.adapters.shared.registering import Entry, OwnedContainer, containers_in, key_of
from reloadls.reload.adapters.shared.registry import RegistryAdapter
from reloadls.reload.engine.adapting import Places
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

__all__ = ["SignalsAdapter"]


class SignalsAdapter(RegistryAdapter):
    """Signals of Django, of its applications, and of the program."""

    library: ClassVar[str] = "django.dispatch.dispatcher"

    def __init__(self) -> None:
        super().__init__()
        when_loaded("django.dispatch.dispatcher", self._watch)

    def _watch(self, module: ModuleType) -> None:
        self.register.wrap(module.Signal, "connect", "disconnect")

    def containers(self, owner: Any) -> Iterable[OwnedContainer]:
        """The receivers of a signal."""
        return containers_in(owner, ("receivers",))

    def owners_in(self, value: Any) -> Iterable[Any]:
        """The value, if it is a signal."""
        if is_a(value, sys.modules["django.dispatch.dispatcher"].Signal):
            yield value

    def function_in(self, value: Any) -> Any:
        """The receiver."""
        receiver = value[1]
        return receiver() if isinstance(receiver, ref) else receiver

    def replace_in(self, entry: Entry, kept: Any, undo: Undo) -> None:
        """Replace the receiver, whose identity is part of the key."""
        key, receiver, *rest = entry.value
        by_name = key[0] != id(self.function_in(entry.value))
        new = ((key[0] if by_name else id(kept), *key[1:]), ref(kept) if isinstance(receiver, ref) else kept, *rest)
        index = next(index for index, each in enumerate(entry.container) if each is entry.value)
        entry.container[index] = new
        registration = self.register.known.pop(key_of(entry.container, entry.value), None)
        if registration is not None:
            self.register.known[key_of(entry.container, new)] = registration
            for each in registration.entries:
                if each.value is entry.value:
                    each.value = new

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Clear the caches on failure: a signal caches its receivers per sender."""
        undo.add(self._forget_found)
        super().before(undo, namespaces)

    def after(self, undo: Undo, places: Places) -> None:
        """Clear the caches."""
        super().after(undo, places)
        self._forget_found()

    def _forget_found(self) -> None:
        for signal in self.register.owners():
            with signal.lock:
                signal.sender_receivers_cache.clear()
