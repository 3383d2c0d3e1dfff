"""What a clock is: a position in the journal of one run, and its form as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Clock"]

_FORM = re.compile(r"c:([0-9a-f]{1,32}):([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Clock:
    """A position in a journal. As text, which is what clients receive: ``c:EPOCH:NUMBER``.

    Attributes:
        epoch: the run that it belongs to, in hexadecimal digits. Each run has a new one, so a clock is either resolved
            exactly or not at all.
        number: the position. Positions continue across runs.
    """

    epoch: str
    number: int

    def __str__(self) -> str:
        return f"c:{self.epoch}:{self.number}"

    @classmethod
    def parse(cls, text: str) -> Clock | None:
        """Return the clock that `text` stands for; None if it stands for none."""
        found = _FORM.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]))

    @staticmethod
    def number_in(text: str) -> int:
        """Return the position in the text of a clock that is known to be valid."""
        return int(text.rpartition(":")[2])
