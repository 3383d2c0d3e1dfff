"""A clock that tests advance and set, and a client that applies events."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reloadls.records import RecordEvent, RecordHub, RecordStream

__all__ = ["FakeClock", "Picture", "opened", "put", "shape"]


@dataclass(order=True)
class _Due:
    at: float
    number: int
    callback: Callable[[], object] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time stands still until `advance`; `set` makes the time of day jump."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._due: list[_Due] = []
        self._alarms: list[_FakeAlarm] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> _Due:
        due = _Due(self._monotonic + delay_s, next(self._numbers), callback)
        heapq.heappush(self._due, due)
        return due

    def alarm(self, callback: Callable[[], object]) -> _FakeAlarm:
        alarm = _FakeAlarm(callback)
        self._alarms.append(alarm)
        return alarm

    @property
    def next_alarm(self) -> float | None:
        """When the earliest alarm is set to go off."""
        return min((alarm.at for alarm in self._alarms if alarm.at is not None), default=None)

    def advance(self, seconds: float) -> None:
        """Let time pass: delayed calls and alarms are made."""
        self._now += seconds
        self._monotonic += seconds
        while self._due and self._due[0].at <= self._monotonic:
            due = heapq.heappop(self._due)
            if not due.cancelled:
                due.callback()
        for alarm in self._alarms:
            if alarm.at is not None and alarm.at <= self._now:
                alarm.callback()

    def set(self, now: float) -> None:
        """Set the time of day; alarms notice."""
        self._now = now
        for alarm in self._alarms:
            if alarm.at is not None:
                alarm.callback()


class _FakeAlarm:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.at: float | None = None

    def set(self, at: float | None) -> None:
        self.at = at

    def close(self) -> None:
        self.at = None


class Picture:
    """What a client that applies every event believes, and the clock that it continues from."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Any] = {}
        self.clock: str | None = None

    def apply(self, events: Iterable[RecordEvent | Mapping[str, Any]]) -> None:
        for event in events:
            values = (
                event
                if isinstance(event, Mapping)
                else {name: getattr(event, name) for name in ("event_type", "kind", "id", "data", "clock")}
            )
            key = values["kind"], values["id"]
            match values["event_type"]:
                case "snapshot" | "added" | "modified" | "expired":
                    self.records[key] = json.loads(json.dumps(values["data"]))
                case "removed":
                    self.records.pop(key, None)
                case "reset":
                    self.records.clear()
            self.clock = values["clock"]


def put(folder: Path, kind: str, name: str, content: object) -> Path:
    """Write a record in place, as a program that knows no better does; text and bytes as they are."""
    path = folder / kind / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def shape(events: Iterable[RecordEvent]) -> list[tuple[str, str]]:
    """(type, KIND/ID) of each event."""
    return [(event.event_type, f"{event.kind}/{event.id}" if event.kind else "") for event in events]


@contextlib.asynccontextmanager
async def opened(
    folder: Path, *, clock: FakeClock | None = None, state: Path | None = None, **options: Any
) -> AsyncIterator[RecordStream]:
    """A stream with a hub of its own."""
    hub = RecordHub(clock=clock, state_folder=None if state is None else os.fspath(state))
    async with RecordStream(folder, hub=hub, **options) as stream:
        yield stream
