"""Validate the statuses and reports that running programs send."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import attrs

from reloadls.base.timestamps import utc_text
from reloadls.protocol import (
    ConfigurationProblem,
    ConfigurationStatus,
    ModuleReport,
    Note,
    ReloadReport,
    ReportError,
    TargetStatus,
    from_uri,
    make_converter,
    structure_params,
    to_uri,
)
from reloadls.protocol.errors import Mismatch
from reloadls.service.targets.advert import Advert

__all__ = ["no_answer_report", "validate_report", "validate_reports", "validate_status"]

_MOST_HOSTED: Final = 1000
"""The most that a program may list of what it hosts."""
_MOST_DIVERGED: Final = 200
"""The most diverged files of a program that are kept."""


@attrs.frozen
class _Status:
    """The part of `ReloadStatus` in use; other fields may come from another version."""

    targets: tuple[TargetStatus, ...]


def validate_status(advert: Advert, params: object) -> TargetStatus:
    """Validate a program's status.

    Args:
        advert: the program's advert.
        params: the params of `reload/didChangeStatus`, as plain data.

    Raises:
        InvalidParams: not a status.
        Mismatch: the status of another program.
    """
    status: _Status = structure_params(make_converter(), params, _Status)
    if len(status.targets) != 1:
        raise Mismatch(f"must hold one program, not {len(status.targets)}", field="targets")
    target = status.targets[0]
    if (target.id, target.pid) != (advert.id, advert.pid):
        raise Mismatch(f"belongs to another program ({target.id[:100]!r})", field="targets[0]")
    report = None if target.last_report is None else _validated(advert, target.last_report)
    _check_hosted(target)
    configurations = tuple(map(_configuration, target.configurations))
    diverged = tuple(attrs.evolve(each, uri=_uri(each.uri)) for each in target.diverged[:_MOST_DIVERGED])
    return attrs.evolve(target, name=advert.name, last_report=report, configurations=configurations, diverged=diverged)


def _check_hosted(target: TargetStatus) -> None:
    sessions = sum(1 + len(pool.sessions) for pool in target.pools)
    others = sum(1 + len(each.members) + len(each.problems) for each in target.configurations)
    if sessions + others > _MOST_HOSTED:
        text = f"must list at most {_MOST_HOSTED} sessions, members and problems, not {sessions + others}"
        raise Mismatch(text, field="targets[0]")
    for pool in target.pools:
        for session in pool.sessions:
            _check_time(session.started_at, "startedAt")


def _configuration(status: ConfigurationStatus) -> ConfigurationStatus:
    for at, field in ((status.updated_at, "updatedAt"), (status.leader_since, "leaderSince")):
        if at is not None:
            _check_time(at, field)
    return attrs.evolve(status, problems=tuple(map(_problem, status.problems)))


def _problem(problem: ConfigurationProblem) -> ConfigurationProblem:
    if problem.since is not None:
        _check_time(problem.since, "since")
    return problem if problem.uri is None else attrs.evolve(problem, uri=_uri(problem.uri))


def _check_time(at: str, field: str) -> None:
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise Mismatch(f"must be an ISO 8601 time, not {at[:100]!r}", field=field) from None


def validate_report(advert: Advert, params: object) -> ReloadReport:
    """Validate a program's report and normalise its URIs.

    Args:
        advert: the program's advert.
        params: the params of `reload/didReload`, as plain data.

    Raises:
        InvalidParams: not a report.
        Mismatch: the report of another program, or impossible values.
    """
    return _validated(advert, structure_params(make_converter(), params, ReloadReport))


def validate_reports(advert: Advert, result: object) -> tuple[ReloadReport, ...]:
    """Validate the reports in a response to `reload/trigger`; see `validate_report`."""
    reports: Any = structure_params(make_converter(), result, tuple[ReloadReport, ...])
    return tuple(_validated(advert, report) for report in reports)


def no_answer_report(advert: Advert, seconds: float, reason: str) -> ReloadReport:
    """Return a failed report in place of one that did not arrive.

    Args:
        advert: the program's advert.
        seconds: how long the service waited.
        reason: why there is no report.
    """
    return ReloadReport(
        target=advert.id,
        clock="",
        at=utc_text(),
        duration_ms=round(seconds * 1000, 3),
        status="failed",
        error=ReportError(type="NoAnswer", message=f"{advert.name} (process {advert.pid}): {reason}"),
    )


def _validated(advert: Advert, report: ReloadReport) -> ReloadReport:
    if report.target != advert.id:
        raise Mismatch(f"names another program ({report.target[:100]!r})", field="target")
    if not 0 <= report.duration_ms < float("inf"):
        raise Mismatch(f"must be a finite number of at least 0, not {report.duration_ms}", field="durationMs")
    _check_time(report.at, "at")
    modules, notes = tuple(map(_module, report.modules)), tuple(map(_note, report.notes))
    return attrs.evolve(report, modules=modules, error=_error(report.error), notes=notes)


def _module(module: ModuleReport) -> ModuleReport:
    return attrs.evolve(module, uri=_uri(module.uri))


def _error(error: ReportError | None) -> ReportError | None:
    return error if error is None or error.uri is None else attrs.evolve(error, uri=_uri(error.uri))


def _note(note: Note) -> Note:
    return note if note.uri is None else attrs.evolve(note, uri=_uri(note.uri))


def _uri(uri: str) -> str:
    try:
        return to_uri(from_uri(uri))
    except ValueError as error:
        raise Mismatch(str(error), field="uri") from None
