"""Which kind of model a class or function is."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from reloadls.config.values.faults import Fault, Invalid
from reloadls.config.values.models import Model, plain
from reloadls.config.values.shapes import Shape

__all__ = ["model_of"]


def model_of(settings: Any) -> Model:
    """Return how to validate with `settings`.

    Args:
        settings: a pydantic model or dataclass, a dataclass, an attrs class, or a function from mapping to object.

    Raises:
        TypeError: it is none of them.
    """
    if hasattr(settings, "__pydantic_validator__"):
        from reloadls.config.values.pydantic_model import PydanticModel  # noqa: PLC0415 - the user's own

        return PydanticModel(settings)
    if isinstance(settings, type) and (dataclasses.is_dataclass(settings) or hasattr(settings, "__attrs_attrs__")):
        from reloadls.config.values.class_model import ClassModel  # noqa: PLC0415 - cattrs takes time to import

        return ClassModel(settings)
    if callable(settings) and not isinstance(settings, type):
        return _FunctionModel(settings)
    raise TypeError(
        f"settings {settings!r}: must be a pydantic model, a dataclass, an attrs class, or a function from mapping to "
        "object"
    )


class _FunctionModel:
    shape = Shape(())

    def __init__(self, function: Callable[[Mapping[str, Any]], Any]) -> None:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"settings {function!r}: must be a plain function; it is called on a thread")
        self._function = function
        self.name = getattr(function, "__qualname__", type(function).__name__)

    def load(self, values: Mapping[str, Any]) -> Any:
        try:
            return self._function(plain(values))
        except Exception as error:
            key = getattr(error, "key", None)
            if key is None and isinstance(error, KeyError) and error.args:
                faults = [Fault((error.args[0],), "missing: no source has it", code="missing")]
            else:
                steps = tuple(key.split(".")) if isinstance(key, str) else ()
                faults = [Fault(steps, f"{type(error).__name__}: {error}", foreign=True)]
        raise Invalid(faults)
