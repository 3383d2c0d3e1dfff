"""What a model has against some values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reloadls.config.source import Key

__all__ = ["Fault", "Invalid"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not validate.

    Attributes:
        key: where.
        message: what is wrong; may hold secrets if it is `foreign`.
        allowed: what is allowed; "" if the message says all.
        code: see `Problem.code`.
        foreign: whether a user's code made the message.
    """

    key: Key
    message: str
    allowed: str = ""
    code: Literal["invalid", "missing", "unknown"] = "invalid"
    foreign: bool = False


class Invalid(Exception):
    """Values do not validate."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)
