"""Decide which reports to publish, and keep the program's state after the last one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from reloadls.base.timestamps import utc_text
from reloadls.reload.report import ModuleReport, ReloadReport, ReportError, SessionCounts

__all__ = ["Reports", "internal_error_report", "restart_failed_report", "restarted_report", "has_pending"]

TargetState = Literal["starting", "live", "paused", "restarting", "failed"]

_WAITING = ("rolledBack", "restartRequired")


class Reports:
    """Numbers this program's reports.

    Attributes:
        target: the program's target id.
    """

    def __init__(self) -> None:
        self.target = str(os.getpid())
        self.last: ReloadReport | None = None
        """The last published report."""
        self.waiting: dict[str, ModuleReport] = {}
        """What the engine does not know of and is not applied, by status; each report of a success names it."""
        self._count = 0
        self._sessions: tuple[str, SessionCounts] | None = None

    @property
    def clock(self) -> str:
        """The position after the last report."""
        return f"r:{os.getpid():x}:{self._count}"

    @property
    def state(self) -> Literal["live", "failed"]:
        """The program's state."""
        return "failed" if self.last is not None and self.last.status == "failed" else "live"

    def add(self, report: ReloadReport, *, pinned: int = 0, retried: bool = False) -> tuple[ReloadReport, bool]:
        """Number a report, and decide whether it is news.

        "unchanged" is news only after a failure that it resolves: a file whose edit could not be applied matches the
        running program again.

        Args:
            report: as the engine made it.
            pinned: how many pins held it back.
            retried: no source file was saved; repeating the same failure is then not news.

        Returns:
            The report with its clock, and whether to publish it.
        """
        if self.waiting and report.status in ("reloaded", "unchanged"):
            report = replace(report, modules=(*report.modules, *self.waiting.values()))
        news = (
            report.status != "unchanged"
            or bool(report.notes)
            or (self._had_trouble() and not has_pending(report.modules))
        )
        news = news and not (retried and self._is_as_before(report))
        if news:
            self._count += 1
        sessions = replace(report.sessions, pinned=report.sessions.pinned or pinned)
        if self._sessions is not None and self._sessions[0] == report.at:
            sessions = self._sessions[1]  # they changed before the report was published
        report = replace(report, target=self.target, clock=self.clock, sessions=sessions)
        if news:
            self.last = report
        return report, news

    def update_sessions(self, at: str, sessions: SessionCounts) -> bool:
        """Set the counts of the last report; returns whether it is the one made `at` that time."""
        self._sessions = (at, sessions)
        if self.last is None or self.last.at != at:
            return False
        self.last = replace(self.last, sessions=sessions)
        return True

    def _is_as_before(self, report: ReloadReport) -> bool:
        last = self.last
        return last is not None and report.status == last.status == "failed" and report.error == last.error

    def _had_trouble(self) -> bool:
        return self.last is not None and (
            self.last.status in ("failed", "restartRequired") or has_pending(self.last.modules)
        )


def has_pending(modules: Iterable[ModuleReport]) -> bool:
    """Return whether the edit of one of them is still not applied."""
    return any(module.status in _WAITING for module in modules)


def internal_error_report(error: BaseException) -> ReloadReport:
    """Return a report that says that the engine itself failed."""
    failure = ReportError(type=type(error).__name__, message=f"internal error: {error}")
    return ReloadReport(status="failed", at=utc_text(), duration_ms=0.0, error=failure)


def restarted_report(modules: Iterable[ModuleReport], duration_ms: float) -> ReloadReport:
    """Return the report of a program that replaced another."""
    return ReloadReport(status="restarted", at=utc_text(), duration_ms=duration_ms, modules=tuple(modules))


def restart_failed_report(reason: str) -> ReloadReport:
    """Return the report for a replacement that ended before it was ready."""
    failure = ReportError(type="RestartFailed", message=f"restart failed: {reason}")
    return ReloadReport(status="failed", at=utc_text(), duration_ms=0.0, error=failure)
