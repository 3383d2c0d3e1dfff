"""What became of sessions after a reload, summed over the workers of a pool."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from reloadls.base.live_sessions import Counts

__all__ = ["Accounting"]

_EARLY_S: Final = 2.0
"""A worker may have followed an edit so long before this process has."""


@dataclass(slots=True)
class _Followed:
    reload: str
    """When the worker has reloaded."""
    paths: frozenset[str]
    counts: Counts
    at: float
    counted: bool = False
    """It belongs to a reload of this process."""


class Accounting:
    """A `SessionHost` for the reports of this process, with the sessions of all workers.

    Each process reloads by itself, so a worker may be earlier or later. Its counts belong to the last report of this
    process that reloaded one of the same files.

    Args:
        changed: called when counts have changed, on the thread of `note`.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._last: dict[object, _Followed] = {}
        self._paths: frozenset[str] = frozenset()
        self._report: Callable[[Counts], object] = lambda counts: None

    @property
    def total(self) -> Counts:
        """The counts of the last reload of each worker."""
        with self._lock:
            return sum((each.counts for each in self._last.values()), Counts())

    def note(self, worker: object, reload: str, paths: Iterable[str], counts: Counts) -> None:
        """A worker's sessions have followed its last reload so far; none of them live any more where nothing counts."""
        found = _Followed(reload, frozenset(paths), counts, time.monotonic())
        with self._lock:
            before = self._last.get(worker)
            was_counted = before is not None and before.counted
            if before is not None and before.reload == reload:
                found.counted = was_counted
            else:  # the second one of a worker is earlier than that of this process
                found.counted = not was_counted and not self._paths.isdisjoint(found.paths)
            self._last[worker] = found
            counted = self._counted()
        self._changed()
        if found.counted or was_counted:
            self._report(counted)

    def rebind(self, report: Any, changed: Callable[[Counts], object]) -> Counts:
        """Count what workers have done with the same edit; see `SessionHost`."""
        paths = frozenset(module.path for module in report.modules if module.status == "reloaded")
        if report.status != "reloaded" or not paths:
            return Counts()
        with self._lock:
            self._paths, self._report = paths, changed
            since = time.monotonic() - _EARLY_S
            for each in self._last.values():
                each.counted = not each.counted and each.at >= since and not paths.isdisjoint(each.paths)
            return self._counted()

    def _counted(self) -> Counts:
        return sum((each.counts for each in self._last.values() if each.counted), Counts())
