"""The last good content of every record of a folder: documents in, changes out. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reloadls.records.documents.document import Document, Problem
from reloadls.records.keys import Key
from reloadls.records.layout import Layout
from reloadls.records.states.broken import BrokenDocuments
from reloadls.records.states.expiry import Ends
from reloadls.records.states.state import Change, RecordState

__all__ = ["Moment", "RecordStore", "Update"]

_FOREVER = 32_503_680_000.0
"""The year 3000: nothing is due, but a clock that is set must be noticed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on two clocks.

    Attributes:
        time: seconds since the epoch; may jump.
        monotonic: seconds since some moment; never goes back.
    """

    time: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Update:
    """The result of `RecordStore.update`.

    Attributes:
        changes: one for each record whose state differs from before.
        alarm: when to call `update` again, in seconds since the epoch; None: not before something else happens.
        look_at: when to read broken documents again, on the monotonic clock; None: not before they change.
    """

    changes: list[Change]
    alarm: float | None
    look_at: float | None


class RecordStore:
    """The states of all records of one folder.

    Args:
        layout: the kinds, and when records end.
    """

    def __init__(self, layout: Layout) -> None:
        self._ends = Ends(layout)
        self._good: dict[Key, Document] = {}
        self._problems: dict[Key, Problem] = {}
        self._links: dict[str, Problem] = {}
        self._broken = BrokenDocuments()
        self._states: dict[Key, RecordState] = {}
        self._expired: set[Key] = set()
        self._time: float | None = None

    def seed(self, states: Mapping[Key, RecordState]) -> None:
        """Continue from the states that an earlier run ended with. The first `update` must have all their files."""
        for key, state in states.items():
            self._states[key] = state
            if state.good is not None:
                self._good[key] = Document(state.good, None, state.digest, state.size)
                self._ends.put(key, state.good)
            if state.problem is not None and key[1]:
                self._problems[key] = state.problem
            elif state.problem is not None:
                self._links[key[0]] = state.problem
            if state.expired_at is not None:
                self._expired.add(key)

    @property
    def states(self) -> dict[Key, RecordState]:
        """A copy of all states."""
        return dict(self._states)

    def update(
        self, documents: Mapping[Key, Document | None], now: Moment, links: Mapping[str, str] | None = None
    ) -> Update:
        """Take over what files hold, and let end what ends.

        Args:
            documents: what was read; None: the file is missing.
            now: the current moment.
            links: the kinds' folders that are links, and where they lead; None: as before.

        Returns:
            What has changed, and when to call again.
        """
        touched: set[Key] = set()
        for key, document in documents.items():
            if self._broken.note(key, document, now.monotonic):
                touched |= self._put(key, document)
        if links is not None:
            touched |= self._link(links)
        touched |= self._passed(now.time)
        changes = [change for key in touched if (change := self._renewed(key, now.time)) is not None]
        return Update(changes, self._alarm, self._broken.next)

    def to_read(self, now: Moment) -> list[Key]:
        """Return the broken documents to read again now."""
        return self._broken.due(now.monotonic)

    @property
    def broken(self) -> Iterable[Key]:
        """All broken documents."""
        return self._broken.keys

    def _put(self, key: Key, document: Document | None) -> set[Key]:
        self._problems.pop(key, None)
        if document is not None and document.problem is not None:
            self._problems[key] = document.problem
            return {key}
        known = self._good.get(key)
        if document is None:
            self._good.pop(key, None)
        elif known is None or not _same_text(known, document):
            self._good[key] = document
        return {key, *self._ends.put(key, None if document is None else document.data)}

    def _link(self, links: Mapping[str, str]) -> set[Key]:
        found = {
            kind: Problem(f"the folder {kind} is a link to {target}; a kind must be a real folder, so it is not read")
            for kind, target in links.items()
        }
        touched: set[Key] = {(kind, "") for kind in found.keys() | self._links.keys()}
        self._links = found
        return touched

    def _passed(self, now: float) -> set[Key]:
        """Return the records whose end has come, or, after the clock was set back, may be to come again."""
        last, self._time = self._time, now
        touched = set()
        if last is None or now < last:
            touched |= self._expired
            self._ends.schedule_again(self._expired)
        touched.update(self._ends.due(now))
        return touched

    def _renewed(self, key: Key, now: float) -> Change | None:
        before = self._states.get(key)
        problem = self._problems.get(key) or (None if key[1] else self._links.get(key[0]))
        after = RecordState.of(self._good.get(key), problem, self._expired_at(key, now, before))
        if after == before:
            return None
        if after is None:
            self._states.pop(key, None)
        else:
            self._states[key] = after
        if after is not None and after.expired_at is not None:
            self._expired.add(key)
        else:
            self._expired.discard(key)
        return Change(key, before, after)

    def _expired_at(self, key: Key, now: float, before: RecordState | None) -> float | None:
        """Return when a record expired; None while it is live."""
        if key not in self._good:
            return None
        end = self._ends.end(key)
        past = end is not None and end <= now
        if not past and not self._ends.stopped(key):
            return None
        if before is not None and before.expired_at is not None:
            return before.expired_at  # once
        return end if past else now

    @property
    def _alarm(self) -> float | None:
        return self._ends.next or (_FOREVER if self._expired else None)


def _same_text(one: Document, other: Document) -> bool:
    """Return whether two good documents hold the same data, written differently. In Python, 1 == 1.0 == True."""
    return one.digest == other.digest or (one.data == other.data and json.dumps(one.data) == json.dumps(other.data))
