"""`.env` files by python-dotenv's rules, with the place of each value. A line that is not one is an error."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from reloadls.config.errors import MissingExtra, SourceFailed
from reloadls.config.source import Place

__all__ = ["parse_env"]

_NEWLINE = re.compile(r"\r\n|\n|\r")


def parse_env(text: str, *, interpolate: bool) -> Iterator[tuple[str, str, Place]]:
    """Yield each variable with its value and place; of one that is set twice, the last.

    Args:
        text: the file.
        interpolate: whether ``${NAME}`` stands for a variable of the file, or else of the environment.

    Raises:
        MissingExtra: python-dotenv is not installed.
        SourceFailed: a line is not a variable.
    """
    try:
        from dotenv.main import DotEnv  # noqa: PLC0415 - an extra
        from dotenv.parser import parse_stream  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("EnvFile", "python-dotenv", "config") from None
    places: dict[str, Place] = {}
    for binding in parse_stream(io.StringIO(text, newline="")):
        place = _place(binding)
        if binding.error:
            raise SourceFailed("is not a variable; must be NAME=value", line=place.line, column=place.column)
        if binding.key is not None:
            places[binding.key] = place
    values = DotEnv(None, stream=io.StringIO(text, newline=""), interpolate=interpolate, override=True).dict()
    for name, value in values.items():
        if value is not None:
            yield name, value, places[name]


def _place(binding: Any) -> Place:
    """Where the variable's name begins: its text has the blank lines before it, too."""
    text = binding.original.string
    before = text[: len(text) - len(text.lstrip())]
    newlines = _NEWLINE.findall(before)
    indent = len(_NEWLINE.split(before)[-1])
    return Place(binding.original.line + len(newlines), indent + 1, None, binding.key)
