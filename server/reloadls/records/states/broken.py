"""Which documents are broken, since when, and when to look at them again. Pure.

Times are in seconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reloadls.records.documents.document import Document
from reloadls.records.keys import Key

__all__ = ["REPORTED_AFTER_S", "BrokenDocuments"]

REPORTED_AFTER_S: Final = 1.0
"""How long a document may be broken before that is reported: it may be half written."""
_FIRST_RETRY_S: Final = 0.25
_LAST_RETRY_S: Final = 60.0


@dataclass(slots=True)
class _Broken:
    digest: bytes
    since: float
    look_at: float | None
    retry_s: float
    reported: bool = False


class BrokenDocuments:
    """Decides when a broken document is reported, once for each content.

    A document that can't be read is read again: after 0.25 s, then after twice as long each time, up to a minute, since
    nothing reports that it can be read again.
    """

    def __init__(self) -> None:
        self._broken: dict[Key, _Broken] = {}

    def note(self, key: Key, document: Document | None, now: float) -> bool:
        """Note what a file holds.

        Returns:
            Whether to use the document: it is good or missing, or it is broken and that must be reported.
        """
        if document is None or document.problem is None:
            self._broken.pop(key, None)
            return True
        known = self._broken.get(key)
        if known is None or known.digest != document.digest:
            known = self._broken[key] = _Broken(document.digest, now, now + REPORTED_AFTER_S, _FIRST_RETRY_S)
        report = not known.reported and now >= known.since + REPORTED_AFTER_S
        known.reported = known.reported or report
        known.look_at = None if known.reported else known.since + REPORTED_AFTER_S
        if not document.readable:
            known.look_at = min(now + known.retry_s, known.look_at or now + known.retry_s)
            known.retry_s = min(2 * known.retry_s, _LAST_RETRY_S)
        return report

    def due(self, now: float) -> list[Key]:
        """Return the documents to read again now."""
        return [key for key, broken in self._broken.items() if broken.look_at is not None and broken.look_at <= now]

    @property
    def next(self) -> float | None:
        """When `due` must be called next; None if nothing is to be read again."""
        return min((each.look_at for each in self._broken.values() if each.look_at is not None), default=None)

    @property
    def keys(self) -> Iterable[Key]:
        """All broken documents."""
        return list(self._broken)
