"""What the updater needs of the engine, and of what restarts the program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from reloadls.reload.report import ReloadReport
from reloadls.watch.change import FileChange

__all__ = ["Reloader", "Supervision"]


class Reloader(Protocol):
    """The part of `HotReloader` that is used."""

    def apply(self, changes: Iterable[FileChange]) -> ReloadReport:
        """Apply changed files."""

    def trigger(self, paths: Iterable[str] | None) -> ReloadReport:
        """Reload these files, changed or not."""

    def retry(self) -> ReloadReport:
        """Try again what failed before."""

    def without_ended(self, report: ReloadReport) -> ReloadReport:
        """Return the report without the notes about old code that has ended since."""

    def loaded_paths(self) -> tuple[str, ...]:
        """Return the files whose changes count."""

    def reads(self, path: str) -> bool:
        """Return whether statements of the program have read a file."""

    def adopt_late(self) -> None:
        """Follow what was run past the import system."""

    def survey(self) -> tuple[int, list[tuple[str, str]]]:
        """Return how many files are reloaded when edited, and (path, reason) for each loaded file that is not."""

    def warm_up(self) -> None:
        """Import what the first change needs."""


class Supervision(Protocol):
    """The connection to what can restart the program."""

    @property
    def leader_args(self) -> tuple[int, tuple[str, ...]]:
        """For spawned processes: the pid of the program's first process, and the codes of notes to ignore."""

    def request_restart(self, report: ReloadReport | None) -> None:
        """Restart the program; `report` is the reason."""

    def cancel_restart(self) -> None:
        """Cancel a requested restart: it is no longer needed."""

    def restarts_for(self, report: ReloadReport) -> bool:
        """Return whether a report causes a restart."""
