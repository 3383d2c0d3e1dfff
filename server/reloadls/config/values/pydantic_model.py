"""Validation by pydantic, whose errors hold the values: only their messages are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from reloadls.config.source import Key
from reloadls.config.values.faults import Fault, Invalid
from reloadls.config.values.models import plain
from reloadls.config.values.shapes import Shape

__all__ = ["PydanticModel"]

_FOREIGN = {"value_error", "assertion_error"}
_MUST = ("Input should be ", "Input should ")


class PydanticModel:
    """A pydantic model, a `BaseSettings`, or a pydantic dataclass. See `Model`.

    A `BaseSettings` reads no source of its own: the sources of the configuration are all there are.
    """

    def __init__(self, settings: Any) -> None:
        self.name = settings.__qualname__
        self.shape = Shape.of(settings)
        self._settings = settings
        self._adapter: TypeAdapter[Any] = TypeAdapter(_without_sources(settings))

    def load(self, values: Mapping[str, Any]) -> Any:
        """See `Model.load`."""
        values = plain(values)
        try:
            made = self._adapter.validate_python(values)
        except ValidationError as error:
            faults = [
                _fault(each, values)
                for each in error.errors(include_url=False, include_input=False, include_context=False)
            ]
        except Exception as error:  # a validator's own
            faults = [Fault((), f"{type(error).__name__}: {error}", foreign=True)]
        else:
            if type(made) is not self._settings and isinstance(made, self._settings):
                object.__setattr__(made, "__class__", self._settings)
            return made
        raise Invalid(faults)


def _without_sources(settings: Any) -> Any:
    """Return a `BaseSettings` that takes what it is given and reads nothing else; any other model as it is."""
    if not hasattr(settings, "settings_customise_sources"):
        return settings

    def settings_customise_sources(cls: Any, /, settings_cls: Any, init_settings: Any, **_: Any) -> tuple[Any, ...]:
        return (init_settings,)

    namespace = {
        "__module__": settings.__module__,
        "__qualname__": settings.__qualname__,
        "__doc__": settings.__doc__,
        "settings_customise_sources": classmethod(settings_customise_sources),
    }
    return type(settings)(settings.__name__, (settings,), namespace)


def _fault(error: Mapping[str, Any], values: Any) -> Fault:
    kind, message = error["type"], error["msg"]
    key = _key(error["loc"], values, missing=kind in ("missing", "extra_forbidden"))
    if kind == "missing":
        return Fault(key, "missing: no source has it", code="missing")
    if kind == "extra_forbidden":
        return Fault(key, "unknown key: the model has none of that name", code="unknown")
    for start in _MUST:
        if message.startswith(start):
            rest = message[len(start) :]
            return Fault(key, f"must {'be ' if start == _MUST[0] else ''}{rest}", allowed=rest)
    return Fault(key, message, foreign=kind in _FOREIGN or kind not in _KNOWN)


_KNOWN: set[str] = set()
try:
    from typing import get_args

    from pydantic_core.core_schema import ErrorType

    _KNOWN.update(get_args(ErrorType))
except ImportError:  # every message is then treated as a user's
    pass


def _key(location: tuple[Any, ...], values: Any, *, missing: bool) -> Key:
    """Return the key of an error: its location also names the alternatives of unions, and validators."""
    key: Key = ()
    for index, step in enumerate(location):
        inside = (isinstance(values, dict) and step in values) or (
            isinstance(values, list) and isinstance(step, int) and step < len(values)
        )
        if inside:
            key, values = (*key, step), values[step]
        elif missing and index == len(location) - 1:
            key = (*key, step)
    return key
