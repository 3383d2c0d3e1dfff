"""Recreate a route in place from its original arguments, when their meaning has changed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from reloadls.reload.engine.undo import Undo

__all__ = ["remember_arguments", "remake"]

_ARGUMENTS = "_reloadls_made_of"


class _Arguments:
    """A route's original arguments; an object, so that it is not searched for registrations."""

    __slots__ = ("_args", "_kwargs", "_plain")

    def __init__(self, plain: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
        self._plain = plain
        self._args = tuple(args)
        self._kwargs = tuple(kwargs.items())

    def calling(self, before: Any, endpoint: Any) -> _Arguments:
        """Return the same with another endpoint."""
        args = [endpoint if each is before else each for each in self._args]
        return _Arguments(
            self._plain, args, {name: endpoint if each is before else each for name, each in self._kwargs}
        )

    def make(self, route: Any) -> None:
        """Initialize the route."""
        self._plain(route, *self._args, **dict(self._kwargs))


def remember_arguments(cls: type) -> None:
    """Have each route of a class remember its original arguments."""
    plain = vars(cls).get("__init__")
    if plain is None or hasattr(plain, "__reloadls_route__"):
        return
    signature = inspect.signature(plain)

    @functools.wraps(plain)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        vars(self).setdefault(_ARGUMENTS, None)
        outermost = vars(self)[_ARGUMENTS] is None
        if outermost:
            vars(self)[_ARGUMENTS] = ()
        plain(self, *args, **kwargs)
        if outermost:
            bound = signature.bind(self, *args, **kwargs)
            vars(self)[_ARGUMENTS] = _Arguments(plain, bound.args[1:], bound.kwargs)

    __init__.__reloadls_route__ = True  # type: ignore[attr-defined]
    cls.__init__ = __init__  # type: ignore[misc]


def remake(route: Any, undo: Undo, endpoint: Any = None) -> None:
    """Recreate a route; raises what its library raises.

    Args:
        route: the route, which keeps its identity.
        undo: restores it.
        endpoint: its new endpoint; by default it keeps its own.
    """
    made = vars(route).get(_ARGUMENTS) or _arguments_from_attributes(route)
    undo.add(partial(_restore, route, dict(vars(route))))
    vars(route)[_ARGUMENTS] = made if endpoint is None else made.calling(route.endpoint, endpoint)
    vars(route)[_ARGUMENTS].make(route)


def _restore(route: Any, values: dict[str, Any]) -> None:
    vars(route).clear()
    vars(route).update(values)


def _arguments_from_attributes(route: Any) -> _Arguments:
    """Return the arguments of a route that was made before patching, as far as its attributes have them."""
    made = type(route).__init__
    plain = getattr(made, "__wrapped__", made)
    names = list(inspect.signature(plain).parameters)[1:]
    given = {name: getattr(route, name) for name in names if hasattr(route, name)}
    endpoint = given.get("endpoint")
    if given.get("description") == inspect.cleandoc(getattr(endpoint, "__doc__", None) or "").split("\f")[0].strip():
        given.pop("description", None)
    if "response_model" in given and given["response_model"] is _return_annotation(endpoint):
        given.pop("response_model")
    return _Arguments(plain, (), given)


def _return_annotation(endpoint: Any) -> Any:
    try:
        return inspect.signature(endpoint, eval_str=True).return_annotation
    except Exception:  # evaluating an annotation may raise anything
        return None
