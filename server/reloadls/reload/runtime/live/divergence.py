"""Which files some processes of a program have applied and others have not. Pure: it is told, and it is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Diverged", "Divergence", "Outcome", "outcome_of"]

Json = dict[str, Any]

_WAITING = ("rolledBack", "restartRequired")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one process did with a batch.

    Attributes:
        batch: the batch's number; that of the last one if it was none of the watcher's.
        applied: the URIs of the files that it runs as they are on disk.
        failed: URI → why it does not: `message`, and `range` if that is known.
    """

    batch: int
    applied: tuple[str, ...] = ()
    failed: dict[str, Json] = field(default_factory=dict)

    def to_wire(self) -> Json:
        """Return it as JSON values."""
        return {"batch": self.batch, "applied": list(self.applied), "failed": self.failed}

    @classmethod
    def from_wire(cls, data: Json) -> Outcome:
        """Return what `to_wire` encoded.

        Raises:
            ValueError: it did not.
        """
        batch, applied, failed = data.get("batch"), data.get("applied"), data.get("failed")
        if not (isinstance(batch, int) and isinstance(applied, list) and isinstance(failed, dict)):
            raise ValueError("not an outcome")
        if not all(isinstance(each, dict) and isinstance(each.get("message"), str) for each in failed.values()):
            raise ValueError("not an outcome")
        return cls(batch, tuple(map(str, applied)), failed)


@dataclass(frozen=True, slots=True)
class Diverged:
    """A file that some processes have applied and others have not.

    Attributes:
        uri: the file.
        applied: the pids of the processes that run it as it is on disk.
        failed: pid → why that process does not.
    """

    uri: str
    applied: tuple[int, ...]
    failed: dict[int, Json]

    def to_wire(self) -> Json:
        """Return it as JSON values."""
        failed = [{"pid": pid, **why} for pid, why in self.failed.items()]
        return {"uri": self.uri, "applied": list(self.applied), "failed": failed}


@dataclass
class _Process:
    batch: int = 0
    files: dict[str, Json | None] = field(default_factory=dict)
    """URI → why it is not applied; None if it is."""


class Divergence:
    """Compares the outcomes of a program's processes."""

    def __init__(self) -> None:
        self._batch = 0
        self._last: dict[str, int] = {}
        """URI → the last batch with the file."""
        self._processes: dict[int, _Process] = {}

    def begin(self, batch: int, uris: Iterable[str]) -> None:
        """Note a batch: all processes are going to apply it."""
        self._batch = batch
        self._last.update(dict.fromkeys(uris, batch))

    def add(self, pid: int, outcome: Outcome) -> None:
        """Note what a process did."""
        process = self._processes.setdefault(pid, _Process())
        process.batch = max(process.batch, outcome.batch)
        process.files.update(dict.fromkeys(outcome.applied))
        process.files.update(outcome.failed)

    def remove(self, pid: int) -> bool:
        """Forget a process that has ended; return whether it was known."""
        return self._processes.pop(pid, None) is not None

    def is_settled(self, pids: Collection[int]) -> bool:
        """Return whether all of these processes have answered the last batch."""
        return all(pid in self._processes and self._processes[pid].batch >= self._batch for pid in pids)

    def found(self) -> list[Diverged]:
        """Return the files that diverge, among the processes that have answered the last batch with the file."""
        found = []
        for uri, batch in self._last.items():
            answered = {
                pid: each.files[uri]
                for pid, each in sorted(self._processes.items())
                if each.batch >= batch and uri in each.files
            }
            applied = tuple(pid for pid, why in answered.items() if why is None)
            failed = {pid: why for pid, why in answered.items() if why is not None}
            if applied and failed:
                found.append(Diverged(uri, applied, failed))
        return found


def outcome_of(batch: int, uris: Iterable[str], report: Json) -> Outcome:
    """Return what a process did with a batch.

    Args:
        batch: the batch's number.
        uris: the changed files that the process has loaded.
        report: its report, as it is sent to clients.
    """
    error = report.get("error")
    failed: dict[str, Json] = {}
    for module in report["modules"]:
        if module["status"] in _WAITING:
            failed[module["uri"]] = _why(module, error)
    applied = [module["uri"] for module in report["modules"] if module["status"] in ("reloaded", "unchanged")]
    if report["status"] == "failed":
        others = {uri: _why({"uri": uri}, error) for uri in uris if uri not in failed}
        return Outcome(batch, (), {**failed, **others})
    left = [uri for uri in uris if uri not in failed and uri not in applied]
    return Outcome(batch, (*applied, *left), failed)


def _why(module: Json, error: Json | None) -> Json:
    if error is None:
        return {"message": module.get("reason", "it still runs the previous code")}
    why: Json = {"message": f"{error['type']}: {error['message']}"}
    if error.get("uri") == module["uri"]:
        why["range"] = error["range"]
    return why
