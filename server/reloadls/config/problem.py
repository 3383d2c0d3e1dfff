"""What is wrong with a configuration now, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reloadls.base.text import shown

__all__ = ["Problem", "ProblemCode"]

ProblemCode = Literal["invalid", "missing", "unknown", "unreadable", "unavailable", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that keeps the newest state of the sources from taking effect, or a source from being read.

    Holds no value of the configuration, so it can be logged and shown.

    Attributes:
        code: ``invalid``, ``missing`` or ``unknown`` for a key; ``unreadable`` for a source that can't be parsed;
            ``unavailable`` for a remote one, which keeps its last good part; ``refused`` by a callback or by a worker.
        message: what is wrong.
        key: the dotted key; "" if it is not a single one.
        source: the name of the source.
        path: the file, absolute; None if it is not a file.
        line: counted from 1.
        column: counted from 1, in characters.
        allowed: what is allowed; "" if the message says all.
    """

    code: ProblemCode
    message: str
    key: str = ""
    source: str = ""
    path: str | None = None
    line: int | None = None
    column: int | None = None
    allowed: str = ""

    def __str__(self) -> str:
        place = self.path or self.source
        if place and self.line is not None:
            place = f"{place}:{self.line}" + ("" if self.column is None else f":{self.column}")
        return shown(": ".join(part for part in (place, self.key, self.message) if part))
