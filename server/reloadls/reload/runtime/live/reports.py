"""Which reports are news, and how the program is after the last one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from reloadls.reload.report import ModuleReport, ReloadReport, ReportError

__all__ = ["Reports", "internal_error_report", "restart_failed_report", "restarted_report", "has_pending"]

TargetState = Literal["starting", "live", "paused", "restarting", "failed"]

_WAITING = ("rolledBack", "restartRequired")


class Reports:
    """The reports of this program, in order.

    Attributes:
        target: the program's id.
    """

    def __init__(self) -> None:
        self.target = str(os.getpid())
        self.last: ReloadReport | None = None
        """The last one that was news."""
        self._count = 0

    @property
    def clock(self) -> str:
        """The position after the last one."""
        return f"r:{os.getpid():x}:{self._count}"

    @property
    def state(self) -> Literal["live", "failed"]:
        """How the program is."""
        return "failed" if self.last is not None and self.last.status == "failed" else "live"

    def add(self, report: ReloadReport, *, pinned: int = 0, retried: bool = False) -> tuple[ReloadReport, bool]:
        """The report with its clock, and whether it is news.

        That nothing has changed is news only where something was wrong before and no longer is: a file that could not
        be taken up is again what runs.

        Args:
            report: as the engine made it.
            pinned: how many pins it had to wait for.
            retried: nobody has saved a source file: then the same failure again is no news.
        """
        news = (
            report.status != "unchanged"
            or bool(report.notes)
            or (self._had_trouble() and not has_pending(report.modules))
        )
        news = news and not (retried and self._is_as_before(report))
        if news:
            self._count += 1
        sessions = replace(report.sessions, pinned=report.sessions.pinned or pinned)
        report = replace(report, target=self.target, clock=self.clock, sessions=sessions)
        if news:
            self.last = report
        return report, news

    def _is_as_before(self, report: ReloadReport) -> bool:
        last = self.last
        return last is not None and report.status == last.status == "failed" and report.error == last.error

    def _had_trouble(self) -> bool:
        return self.last is not None and (
            self.last.status in ("failed", "restartRequired") or has_pending(self.last.modules)
        )


def has_pending(modules: Iterable[ModuleReport]) -> bool:
    """Whether one of them could not be taken up, and still isn't."""
    return any(module.status in _WAITING for module in modules)


def internal_error_report(error: BaseException) -> ReloadReport:
    """Stands for the report of an engine that failed itself."""
    failure = ReportError(type=type(error).__name__, message=f"a fault of reloadls: {error}")
    return ReloadReport(status="failed", at=_now(), duration_ms=0.0, error=failure)


def restarted_report(modules: Iterable[ModuleReport], duration_ms: float) -> ReloadReport:
    """What a program that took the place of another has to tell."""
    return ReloadReport(status="restarted", at=_now(), duration_ms=duration_ms, modules=tuple(modules))


def restart_failed_report(reason: str) -> ReloadReport:
    """The program that was to take this one's place has ended before it could."""
    failure = ReportError(type="RestartFailed", message=f"the program could not be started anew: {reason}")
    return ReloadReport(status="failed", at=_now(), duration_ms=0.0, error=failure)


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
