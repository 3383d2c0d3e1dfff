"""When records end: their own end, what extends it, and what ends them at once. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from reloadls.records.fields import field_at, instant
from reloadls.records.keys import Key
from reloadls.records.layout import Layout

__all__ = ["Ends"]


class Ends:
    """The ends of all records, by the rules of a layout. Times are in seconds since the epoch.

    Args:
        layout: which fields and kinds matter.
    """

    def __init__(self, layout: Layout) -> None:
        self._fields = {kind: tuple(name.split(".")) for kind, name in layout.expires.items()}
        self._extends: dict[str, list[tuple[str, tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
        self._stops: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for kind, extensions in layout.extended_by.items():
            for rule in extensions:
                self._extends[rule.kind].append((kind, tuple(rule.field.split(".")), tuple(rule.until.split("."))))
        for kind, endings in layout.ended_by.items():
            for ending in endings:
                self._stops[ending.kind].append((kind, tuple(ending.field.split("."))))
        self._own: dict[Key, float] = {}
        self._extensions: dict[Key, dict[tuple[Key, int], float]] = {}
        self._stopped: dict[Key, set[tuple[Key, int]]] = {}
        self._touched: dict[Key, list[Key]] = {}
        """Record → the others whose end it changes."""
        self._heap: list[tuple[float, Key]] = []

    @property
    def matters(self) -> bool:
        """Whether any record can end."""
        return bool(self._fields or self._stops)

    def put(self, key: Key, data: Any | None) -> set[Key]:
        """Note a record's data, None if it was removed.

        Returns:
            The records whose end may have changed.
        """
        kind = key[0]
        if kind not in self._fields and kind not in self._extends and kind not in self._stops:
            return set()
        changed = set(self._forget(key))
        if data is not None:
            changed.update(self._learn(key, data))
        for other in changed:
            self._schedule(other)
        return changed

    def end(self, key: Key) -> float | None:
        """Return when a record ends; None if it does not."""
        own = self._own.get(key)
        more = self._extensions.get(key)
        if own is None:
            return None  # what never ends needs no extension
        return max(own, *more.values()) if more else own

    def stopped(self, key: Key) -> bool:
        """Return whether another record has ended it."""
        return bool(self._stopped.get(key))

    def due(self, now: float) -> Iterable[Key]:
        """Yield the records whose end has come since the last call, once for each time they were scheduled."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[1]

    def schedule_again(self, keys: Iterable[Key]) -> None:
        """Schedule records anew: time has gone back."""
        for key in keys:
            self._schedule(key)

    @property
    def next(self) -> float | None:
        """When `due` must be called next, at the earliest; None if no record ends."""
        while self._heap and self.end(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _learn(self, key: Key, data: Any) -> Iterable[Key]:
        if (path := self._fields.get(key[0])) is not None and (end := instant(field_at(data, path))) is not None:
            self._own[key] = end
        yield key
        touched: list[Key] = []
        for number, (kind, named, until_path) in enumerate(self._extends.get(key[0], ())):
            name, until = field_at(data, named), instant(field_at(data, until_path))
            if isinstance(name, str) and until is not None:
                self._extensions.setdefault((kind, name), {})[key, number] = until
                touched.append((kind, name))
        for number, (kind, named) in enumerate(self._stops.get(key[0], ())):
            name = field_at(data, named)
            if isinstance(name, str):
                self._stopped.setdefault((kind, name), set()).add((key, number))
                touched.append((kind, name))
        if touched:
            self._touched[key] = touched
        yield from touched

    def _forget(self, key: Key) -> Iterable[Key]:
        if self._own.pop(key, None) is not None:
            yield key
        for other in self._touched.pop(key, ()):
            if (more := self._extensions.get(other)) is not None:
                for number in range(len(self._extends.get(key[0], ()))):
                    more.pop((key, number), None)
                if not more:
                    del self._extensions[other]
            if (stops := self._stopped.get(other)) is not None:
                stops.difference_update((key, number) for number in range(len(self._stops.get(key[0], ()))))
                if not stops:
                    del self._stopped[other]
            yield other

    def _schedule(self, key: Key) -> None:
        end = self.end(key)
        if end is not None:
            heapq.heappush(self._heap, (end, key))
            if len(self._heap) > 2 * len(self._own) + 64:
                self._heap = [(at, each) for each in self._own if (at := self.end(each)) is not None]
                heapq.heapify(self._heap)
