"""Mirrors values into the environment, and takes all of it back."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

from reloadls.config.sources.environment import EXPORTED
from reloadls.config.values.keys import leaves
from reloadls.config.values.merge import Merged, named

__all__ = ["Export"]

_log = logging.getLogger("reloadls.config")


class Export:
    """The variables that one configuration has set."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}

    def apply(self, merged: Merged) -> None:
        """Set new and changed variables, and restore those that have vanished."""
        wanted = dict(_variables(merged))
        for name in [name for name in self._set if name not in wanted]:
            self._restore(name)
        for name, text in wanted.items():
            if self._set.get(name) == text:
                continue
            first = EXPORTED.get(name, (text, os.environ.get(name)))[1]
            try:
                os.environ[name] = text
            except (ValueError, OSError):  # a null character, or a name with an equals sign
                _log.warning("%s can't be exported: not a name and value of an environment variable", name)
                continue
            EXPORTED[name] = (text, first)
            self._set[name] = text

    def undo(self) -> None:
        """Take everything back."""
        for name in list(self._set):
            self._restore(name)

    def _restore(self, name: str) -> None:
        text = self._set.pop(name)
        _, before = EXPORTED.pop(name, ("", None))
        if os.environ.get(name) != text:  # the program has changed it meanwhile
            return
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _variables(merged: Merged) -> Any:
    for key, value in leaves(merged.values):
        if not key or value is None:
            continue
        origin = merged.origins.get(key)
        name = origin.name if origin is not None and origin.name else named(key)
        yield name, value if isinstance(value, str) else json.dumps(value, default=str)
