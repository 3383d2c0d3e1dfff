"""Files that hold one document: TOML, JSON and YAML."""

from __future__ import annotations

import os
from collections.abc import Callable

from reloadls.config.formats.json_text import parse_json
from reloadls.config.formats.toml_text import parse_toml
from reloadls.config.formats.yaml_text import parse_yaml
from reloadls.config.source import Part
from reloadls.config.sources.files import FileSource
from reloadls.config.sources.tables import table_of

__all__ = ["JsonFile", "TomlFile", "YamlFile"]


class _Document(FileSource):
    _parse: Callable[[str], Part]

    def __init__(self, path: str | os.PathLike[str], *, table: str = "", required: bool = True) -> None:
        super().__init__(path, required=required)
        self.table = table

    def read(self) -> Part:
        """See `LocalSource.read`."""
        text = self.text()
        return Part() if text is None else table_of(type(self)._parse(text), self.table)


class TomlFile(_Document):
    """A TOML file.

    Args:
        path: the file.
        table: the dotted name of the table that holds the configuration; "" for the whole file.
        required: whether the file must exist.
    """

    _parse = staticmethod(parse_toml)


class JsonFile(_Document):
    """A JSON file with an object at the top. Duplicate keys are errors.

    Args:
        path: the file.
        table: the dotted name of the object that holds the configuration; "" for the whole file.
        required: whether the file must exist.
    """

    _parse = staticmethod(parse_json)


class YamlFile(_Document):
    """A YAML file with a mapping at the top. Duplicate keys are errors.

    PyYAML's safe loader reads it: the extra ``config``.

    Args:
        path: the file.
        table: the dotted name of the mapping that holds the configuration; "" for the whole file.
        required: whether the file must exist.
    """

    _parse = staticmethod(parse_yaml)
