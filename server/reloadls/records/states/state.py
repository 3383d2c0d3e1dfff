"""What is known of one record, and how two such states differ. Pure."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from sys import intern
from typing import Final

from reloadls.records.documents.document import Document, Problem
from reloadls.records.documents.frozen import FrozenObject, freeze
from reloadls.records.keys import Key

__all__ = ["EXPIRED", "Change", "RecordState", "pack", "unpack"]

EXPIRED = "expired"
"""The field that marks the data of an expired record."""


@dataclass(frozen=True, slots=True)
class RecordState:
    """What is known of one record. One that never was good and was not reported as broken has none.

    Attributes:
        good: its last good content; None if it never was good.
        digest: equal for equal contents of the file.
        size: bytes of the file.
        expired_at: when it expired, in seconds since the epoch; None while it is live.
        problem: why its file is broken, if that was reported.
    """

    good: FrozenObject | None
    digest: bytes
    size: int = 0
    expired_at: float | None = None
    problem: Problem | None = None

    @property
    def data(self) -> FrozenObject | None:
        """What subscribers receive: the last good content, with `EXPIRED` true if the record has expired."""
        if self.good is None or self.expired_at is None:
            return self.good
        return FrozenObject({**self.good, EXPIRED: True})

    @classmethod
    def of(cls, good: Document | None, problem: Problem | None, expired_at: float | None) -> RecordState | None:
        """Return the state of these parts; None if there is nothing to know.

        Args:
            good: its last good document.
            problem: see `RecordState`.
            expired_at: see `RecordState`.
        """
        if good is None or good.data is None:
            return None if problem is None else cls(None, b"", problem=problem)
        return cls(good.data, good.digest, good.size, expired_at, problem)


@dataclass(frozen=True, slots=True)
class Change:
    """One record's states before and after something happened; None where it is not known."""

    key: Key
    before: RecordState | None
    after: RecordState | None


def pack(state: RecordState | None) -> bytes | None:
    """Return a state as bytes; equal states give equal bytes."""
    if state is None:
        return None
    problem = None if state.problem is None else [*astuple(state.problem)]
    parts = [state.good, state.digest.hex(), state.size, state.expired_at, problem]
    return json.dumps(parts, separators=(",", ":")).encode("ascii")


def unpack(raw: bytes | None) -> RecordState | None:
    """Return the state that `pack` made bytes of.

    Raises:
        ValueError: it did not make them.
    """
    if raw is None:
        return None
    good, digest, size, expired_at, problem = _DECODER.decode(raw.decode("ascii"))
    return RecordState(
        freeze(good), bytes.fromhex(digest), size, expired_at, None if problem is None else Problem(*problem)
    )


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=lambda pairs: FrozenObject((intern(name), freeze(value)) for name, value in pairs)
)
