"""Variables of the environment, as they were before `export=True` changed any."""

from __future__ import annotations

import os
from dataclasses import replace

from reloadls.config.formats.flat import flat_part
from reloadls.config.source import OwnSource, Part, Place

__all__ = ["EXPORTED", "Environment"]

EXPORTED: dict[str, tuple[str, str | None]] = {}
"""Variables that were exported: what they were set to, and what they were before."""


class Environment(OwnSource):
    """The environment's variables. They are looked at when the configuration starts and whenever something changes.

    Without a prefix only those count that the model has a key for; with one, all that begin with it.

    Args:
        prefix: what the names begin with, in any case; it is not part of the key.
        delimiter: what divides a name into nested keys: ``APP_DB__URL`` is ``db.url``.
    """

    required = False
    paths: tuple[str, ...] = ()

    def __init__(self, prefix: str = "", *, delimiter: str = "__") -> None:
        self.prefix, self.delimiter = prefix, delimiter
        self.name = f"environment ({prefix}*)" if prefix else "environment"

    def __repr__(self) -> str:
        return f"Environment({self.prefix!r})"

    def read(self) -> Part:
        """See `LocalSource.read`."""
        found = []
        for name, value in os.environ.items():
            exported = EXPORTED.get(name)
            given = exported[1] if exported is not None and exported[0] == value else value
            if given is not None:
                found.append((name, given, Place(name=name)))
        for name, (_, before) in EXPORTED.items():
            if name not in os.environ and before is not None:
                found.append((name, before, Place(name=name)))
        part = flat_part(found, prefix=self.prefix, delimiter=self.delimiter)
        return part if self.prefix else replace(part, known_only=True)
