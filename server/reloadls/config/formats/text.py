"""Text in one of the formats that a source without files may hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from reloadls.config.source import Part

from .env_text import parse_env
from .flat import flat_part
from .json_text import parse_json
from .toml_text import parse_toml
from .yaml_text import parse_yaml

__all__ = ["Format", "parse_text"]

Format = Literal["json", "toml", "yaml", "env"]


def parse_text(text: str, format: str) -> Part:
    """Return what a text holds.

    Args:
        text: the text.
        format: one of `Format`; any other is read as JSON.

    Raises:
        SourceFailed: it can't be parsed.
    """
    return _PARSERS.get(format, parse_json)(text)


def _env(text: str) -> Part:
    return flat_part(parse_env(text, interpolate=False), prefix="", delimiter="__")


_PARSERS: Final[dict[str, Callable[[str], Part]]] = {
    "json": parse_json,
    "toml": parse_toml,
    "yaml": parse_yaml,
    "env": _env,
}
