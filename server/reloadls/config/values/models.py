"""How a model makes an object of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from reloadls.config.source import Text
from reloadls.config.values.shapes import Shape

__all__ = ["Model", "plain"]


class Model(Protocol):
    """Makes an object of values.

    Attributes:
        name: for people.
        shape: what it looks like.
    """

    name: str
    shape: Shape

    def load(self, values: Mapping[str, Any]) -> Any:
        """Return the object.

        Raises:
            Invalid: the values do not validate.
        """


def plain(values: Any) -> Any:
    """Return a copy of values in which text is plain text."""
    if isinstance(values, Mapping):
        return {name: plain(value) for name, value in values.items()}
    if isinstance(values, list):
        return [plain(value) for value in values]
    return str(values) if isinstance(values, Text) else values
