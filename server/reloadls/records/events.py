"""What subscribers receive, and which events lead from one state of the records to another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from reloadls.records.documents.frozen import FrozenObject
from reloadls.records.filters import RecordFilter
from reloadls.records.keys import SUFFIX, Key
from reloadls.records.layout import Layout
from reloadls.records.states.state import RecordState

__all__ = ["EVENT_TYPES", "NOWHERE", "EventType", "RecordEvent", "affects", "net_events", "notice", "snapshot_events"]

EventType = Literal["snapshot", "added", "modified", "removed", "expired", "invalid", "reset", "bookmark"]
EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)
NOWHERE: Final = "c:0:0"
"""The clock of an event before a whole snapshot has been received: no run has it, so the next one begins anew."""
_NOTHING: Final = FrozenObject()


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """One event of a record stream.

    Attributes:
        event_type: ``snapshot``: the record existed when the stream began. ``added``: it exists, or matches, now.
            ``modified``: its data has changed, or it is live or good again. ``removed``: it no longer exists or
            matches. ``expired``: its end has come. ``invalid``: its file is broken. ``reset``: everything received so
            far is void, and a snapshot follows. ``bookmark``: nothing has happened up to `clock`.
        kind: the name of the record's folder; "" for ``reset`` and ``bookmark``.
        id: the name of its file without ``.json``; "" where the event is about no record, or about a kind's folder.
        timestamp: when it was noticed, in UTC; of ``expired``: when the record ended.
        data: the record, which can't be changed, with ``"expired": true`` if it has expired; of ``removed``: its last
            content that was received. Of ``invalid``: ``file``, ``line``, ``column`` and ``reason``.
        clock: where a later stream continues (``since``) that has received this event and all before it. Several
            events of one moment have the clock before it, except the last one, so that none of them can be missed.
    """

    event_type: EventType
    kind: str
    id: str
    timestamp: datetime
    data: Mapping[str, Any]
    clock: str


@dataclass(frozen=True, slots=True)
class _Event:
    """An event that has no clock yet."""

    event_type: EventType
    key: Key
    at: float
    data: Mapping[str, Any]


def affects(filter_: RecordFilter, key: Key, before: RecordState | None, after: RecordState | None) -> bool:
    """Return whether a change of a record may give events."""
    if filter_.kinds or filter_.ids:
        if not key[1]:
            return filter_.takes((key[0], next(iter(filter_.ids), "")))
        if not filter_.takes(key):
            return False
    if not filter_.where:
        return True
    broken = after is not None and after.problem is not None and after.good is None
    return broken or _matches(filter_, key, before) or _matches(filter_, key, after)


def snapshot_events(
    states: Mapping[Key, RecordState], filter_: RecordFilter, layout: Layout, *, at: float, clock: str
) -> Iterator[RecordEvent]:
    """Yield the records that exist, sorted, and then what is wrong with others.

    Args:
        states: what is known.
        filter_: which of it counts.
        layout: sorts the kinds.
        at: the current time, in seconds since the epoch.
        clock: the position of `states`.
    """
    keys = sorted((key for key, state in states.items() if affects(filter_, key, None, state)), key=_Order(layout))
    found = [key for key in keys if _matches(filter_, key, states[key])]
    events = [_Event("snapshot", key, at, _data(states[key])) for key in found]
    events += [event for key in keys if (event := _invalid(key, None, states[key], filter_, at)) is not None]
    return _clocked(events, NOWHERE, clock)


def net_events(
    before: Mapping[Key, RecordState | None],
    now: Mapping[Key, RecordState],
    filter_: RecordFilter,
    layout: Layout,
    *,
    at: float,
    since: str,
    clock: str,
) -> list[RecordEvent]:
    """Return the events that lead from one state to another: added, removed, modified, expired, then invalid.

    Args:
        before: the states of the records that may have changed, as the subscriber knows them.
        now: the current states.
        filter_: which records the subscriber receives.
        layout: sorts the kinds.
        at: the current time, in seconds since the epoch.
        since: the clock of `before`.
        clock: the clock of `now`.
    """
    groups: dict[EventType, list[_Event]] = {name: [] for name in EVENT_TYPES}
    for key in sorted(before, key=_Order(layout)):
        for event in _between(key, before[key], now.get(key), filter_, at):
            groups[event.event_type].append(event)
    groups["expired"].sort(key=lambda event: (event.at, event.key[1]))
    ordered = [event for name in ("added", "removed", "modified", "expired", "invalid") for event in groups[name]]
    return list(_clocked(ordered, since, clock))


def notice(event_type: EventType, *, at: float, clock: str, data: Mapping[str, Any] = _NOTHING) -> RecordEvent:
    """Return an event that is about no record."""
    return RecordEvent(event_type, "", "", _time(at), data, clock)


def _between(
    key: Key, before: RecordState | None, after: RecordState | None, filter_: RecordFilter, at: float
) -> Iterator[_Event]:
    was, is_now = _matches(filter_, key, before), _matches(filter_, key, after)
    ended = after.expired_at if after is not None and is_now else None
    if was and not is_now:
        yield _Event("removed", key, at, _data(before))
    elif is_now and not was:
        yield _Event("added", key, at, _data(after))
    elif is_now and before is not None and after is not None and _is_modified(before, after):
        yield _Event("modified", key, at, _data(after))
    if ended is not None and (not was or before is None or before.expired_at != ended):
        yield _Event("expired", key, ended, _data(after))
    invalid = _invalid(key, before, after, filter_, at)
    if invalid is not None:
        yield invalid


def _is_modified(before: RecordState, after: RecordState) -> bool:
    lives_again = before.expired_at is not None and after.expired_at is None
    mended = before.problem is not None and after.problem is None
    return before.digest != after.digest or lives_again or mended


def _invalid(
    key: Key, before: RecordState | None, after: RecordState | None, filter_: RecordFilter, at: float
) -> _Event | None:
    if after is None or after.problem is None or (before is not None and before.problem == after.problem):
        return None
    if after.good is not None and not _matches(filter_, key, after):
        return None
    if after.good is None and not affects(filter_, key, None, after):
        return None
    problem = after.problem
    file = f"{key[0]}/{key[1]}{SUFFIX}" if key[1] else key[0]
    data = {"file": file, "line": problem.line, "column": problem.column, "reason": problem.reason}
    return _Event("invalid", key, at, FrozenObject(data))


def _matches(filter_: RecordFilter, key: Key, state: RecordState | None) -> bool:
    return state is not None and state.good is not None and filter_.matches(key, state.data)


def _data(state: RecordState | None) -> Mapping[str, Any]:
    return _NOTHING if state is None or state.data is None else state.data


def _clocked(events: Sequence[_Event], since: str, clock: str) -> Iterator[RecordEvent]:
    """Yield `events`; all but the last have the clock before them."""
    last = len(events) - 1
    for place, event in enumerate(events):
        kind, name = event.key
        yield RecordEvent(event.event_type, kind, name, _time(event.at), event.data, clock if place == last else since)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


class _Order:
    """Sorts keys: kinds as in the layout, then ids."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def __call__(self, key: Key) -> tuple[tuple[int, str], str]:
        return self._layout.order(key[0]), key[1]
