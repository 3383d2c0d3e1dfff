"""Take a commit back: its steps are undone, the last first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from inspect import getmro
from types import WrapperDescriptorType
from typing import Any

__all__ = ["MISSING", "Undo"]

_log = logging.getLogger(__name__)

MISSING = object()
"""Stands for a name that was not there."""


class Undo:
    """The steps to take back, and those that are taken only once nothing can fail any more."""

    def __init__(self) -> None:
        self._back: list[Callable[[], object]] = []
        self._later: list[Callable[[], object]] = []

    def add(self, step: Callable[[], object]) -> None:
        """What undoes the step that is about to be taken."""
        self._back.append(step)

    def at_the_end(self, step: Callable[[], object]) -> None:
        """A step that can't be undone, so that it waits until the rest has worked."""
        self._later.append(step)

    def set_item(self, mapping: dict[str, object], name: str, value: object) -> None:
        """Bind a name in a namespace; MISSING unbinds it."""
        before = mapping.get(name, MISSING)
        self.add(lambda: _put(mapping, name, before))
        _put(mapping, name, value)

    def set_attribute(self, owner: object, name: str, value: object) -> None:
        """Set an attribute of an object that has it."""
        before = getattr(owner, name)
        self.add(lambda: setattr(owner, name, before))
        setattr(owner, name, value)

    def set_class_attribute(self, owner: type, name: str, value: object) -> None:
        """Bind a name in a class itself, past what its metaclass allows; MISSING unbinds it."""
        before = vars(owner).get(name, MISSING)
        self.add(lambda: _put_in_class(owner, name, before))
        _put_in_class(owner, name, value)

    def restore_namespaces(self, namespaces: Iterable[dict[str, object]]) -> None:
        """Have the namespaces as they are now when the commit is taken back."""
        for namespace in namespaces:
            self.add(partial(_restore, namespace, dict(namespace)))

    def take_back(self) -> None:
        """Undo all steps, the last first. One that fails is logged, and the others are still undone."""
        _run(reversed(self._back))
        self.forget()

    def finish(self) -> None:
        """Take the steps that had to wait; from now on there is no way back."""
        later = self._later
        self.forget()
        _run(later)

    def forget(self) -> None:
        """Drop all steps."""
        self._back = []
        self._later = []


def _run(steps: Iterable[Callable[[], object]]) -> None:
    for step in steps:
        try:
            step()
        except Exception:
            _log.exception("a step of a reload could not be taken")


def _put(mapping: dict[str, object], name: str, value: object) -> None:
    if value is MISSING:
        mapping.pop(name, None)
    else:
        mapping[name] = value


def _put_in_class(owner: type, name: str, value: object) -> None:
    kind = _base_metaclass(owner)
    if value is not MISSING:
        kind.__setattr__(owner, name, value)
    elif name in vars(owner):
        kind.__delattr__(owner, name)


def _base_metaclass(owner: type) -> Any:
    """The metaclass nearest to a class that is written in C: it knows more of the class than `type` does."""
    return next(
        each for each in getmro(type(owner)) if isinstance(vars(each).get("__setattr__"), WrapperDescriptorType)
    )


def _restore(namespace: dict[str, object], before: dict[str, object]) -> None:
    for name in namespace.keys() - before.keys():
        del namespace[name]
    for name, value in before.items():
        if namespace.get(name, MISSING) is not value:
            namespace[name] = value
