"""Reports about installed requirements, in the form of every other report of the program. Pure functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from reloadls.base.timestamps import utc_text
from reloadls.reload.report import ModuleReport, ReloadReport, ReportError, ReportStatus, SourceLocation

from .distributions import DistributionChange

__all__ = ["failed_report", "installed_report", "restart_report", "unchanged_report"]

_MOST_LINES: Final = 20


def failed_report(
    message: str,
    place: tuple[str, int],
    lines: Sequence[str],
    duration_s: float,
    *,
    kind: str = "RequirementsNotInstalled",
) -> ReloadReport:
    """Return the report for requirements that could not be installed.

    Args:
        message: why.
        place: the path and line of the demand that caused it.
        lines: the installer's output.
        duration_s: how long it took, in seconds.
        kind: the error's type.
    """
    path, line = place
    location = SourceLocation(path=path, line=line)
    output = "\n".join(lines[-_MOST_LINES:]) or None
    error = ReportError(type=kind, message=message, location=location, traceback=output)
    module = ModuleReport(name=os.path.basename(path), path=path, status="rolledBack", reason=message)
    return _report("failed", duration_s, (module,), error)


def installed_report(path: str, changes: Sequence[DistributionChange], duration_s: float) -> ReloadReport:
    """Return the report for installed requirements.

    Args:
        path: the file that demanded them.
        changes: what was installed.
        duration_s: how long it took, in seconds.
    """
    changed = tuple(map(str, changes))
    module = ModuleReport(name=os.path.basename(path), path=path, status="reloaded", changed=changed)
    return _report("reloaded", duration_s, (module,))


def unchanged_report() -> ReloadReport:
    """Return the report for files that demand again what is installed."""
    return _report("unchanged", 0.0, ())


def restart_report(changes: Sequence[DistributionChange]) -> ReloadReport:
    """Return the report for changed distributions that this process has imported.

    Args:
        changes: the distributions; at least one.
    """
    path, line = changes[0].path, changes[0].line
    names = ", ".join(map(str, changes))
    reason = f"the program has imported {names}"
    module = ModuleReport(name=os.path.basename(path), path=path, status="restartRequired", reason=reason)
    error = ReportError(type="RestartRequired", message=reason, location=SourceLocation(path=path, line=line))
    return _report("restartRequired", 0.0, (module,), error)


def _report(
    status: ReportStatus, duration_s: float, modules: tuple[ModuleReport, ...], error: ReportError | None = None
) -> ReloadReport:
    milliseconds = round(duration_s * 1000, 1)
    return ReloadReport(status=status, at=utc_text(), duration_ms=milliseconds, modules=modules, error=error)
