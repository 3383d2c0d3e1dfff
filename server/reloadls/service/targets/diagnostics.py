"""Convert what running programs report to diagnostics: failures at their line, required restarts, bad configuration.

A diagnostic of a reload stays until the program has applied the file. A successful report names the modules that are
still not applied, so it resolves everything else. One of a configuration stays as long as a status names the problem.

Pure functions: reports in, diagnostics out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from attrs import evolve
from lsprotocol.types import Diagnostic, DiagnosticSeverity, Position, PublishDiagnosticsParams, Range

from reloadls.protocol import ConfigurationProblem, ModuleReport, Note, ReloadReport, ReportError

__all__ = ["Outstanding", "differences", "to_diagnostics"]

_SOURCE: Final = "reloadls"
_MAX_MESSAGE: Final = 4000
_MOST_REPORTS: Final = 50
"""The most outstanding reports of one program; beyond that the oldest are dropped."""
_MOST_SHOWN: Final = 200
"""The most diagnostics per program."""
_WAITING: Final = ("rolledBack", "restartRequired")
"""The states of a module that was not applied."""
_NOWHERE: Final = Range(Position(0, 0), Position(0, 0))

Shown = Mapping[str, Sequence[Diagnostic]]
"""URI → its diagnostics."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """One program's unresolved reports: failures and required restarts."""

    reports: tuple[ReloadReport, ...] = ()
    notes: tuple[Note, ...] = ()
    """The notes of the last reload of each file: differences from a fresh start."""

    def after(self, report: ReloadReport) -> Outstanding:
        """Return what is outstanding after `report`.

        A failure or required restart replaces the reports that share a file with it, and those that name no file. A
        success keeps only what it lists as not applied; a restart clears everything. A note stays until its file is
        reloaded successfully again.

        Args:
            report: the new report.
        """
        if report.status == "restarted":
            return Outstanding()
        if report.status in ("failed", "restartRequired"):
            files = _files(report)
            kept = [old for old in self.reports if _files(old) and not _files(old) & files]
            return Outstanding((*kept, _without_traceback(report))[-_MOST_REPORTS:], self.notes)
        waiting = {module.uri for module in report.modules if module.status in _WAITING}
        kept = [old for old in self.reports if _files(old) & waiting]
        known = set().union(*map(_files, kept))
        unknown = tuple(module for module in report.modules if module.uri in waiting - known)
        reports = (*kept, evolve(report, modules=unknown))[-_MOST_REPORTS:] if unknown else tuple(kept)
        return Outstanding(reports, self._notes_after(report))

    def _notes_after(self, report: ReloadReport) -> tuple[Note, ...]:
        again = {module.uri for module in report.modules} | {note.uri for note in report.notes}
        kept = [note for note in self.notes if note.uri not in again]
        return (*kept, *(note for note in report.notes if note.uri is not None))[-_MOST_SHOWN:]


def _without_traceback(report: ReloadReport) -> ReloadReport:
    """Drop the traceback: it is large and not shown."""
    return report if report.error is None else evolve(report, error=evolve(report.error, traceback=None))


def _files(report: ReloadReport) -> set[str]:
    """Return the URIs that a report mentions."""
    files = {module.uri for module in report.modules if module.status != "skipped"}
    return files if report.error is None or report.error.uri is None else files | {report.error.uri}


def to_diagnostics(
    programs: Iterable[tuple[str, Outstanding]], problems: Iterable[ConfigurationProblem] = ()
) -> dict[str, list[Diagnostic]]:
    """Return the diagnostics of each URI; equal ones of several programs are listed once.

    Args:
        programs: (name, outstanding reports) of each program.
        problems: those of the configurations of all programs.
    """
    shown: dict[str, list[Diagnostic]] = {}
    for name, outstanding in programs:
        reports = (pair for report in outstanding.reports for pair in _diagnostics(name, report))
        found = chain(reports, map(_note, outstanding.notes))
        _add(shown, islice(found, _MOST_SHOWN))
    _add(shown, islice((_problem(each) for each in problems if each.uri is not None), _MOST_SHOWN))
    return shown


def _add(shown: dict[str, list[Diagnostic]], found: Iterable[tuple[str, Diagnostic]]) -> None:
    for uri, diagnostic in found:
        there = shown.setdefault(uri, [])
        if diagnostic not in there:
            there.append(diagnostic)


def differences(before: Shown, now: Shown) -> list[PublishDiagnosticsParams]:
    """Return what to publish so that a client that shows `before` shows `now`."""
    gone = [PublishDiagnosticsParams(uri, []) for uri in before if uri not in now]
    new = [PublishDiagnosticsParams(uri, list(now[uri])) for uri in now if before.get(uri) != now[uri]]
    return gone + new


def _diagnostics(name: str, report: ReloadReport) -> Iterable[tuple[str, Diagnostic]]:
    if report.status == "failed" and report.error is not None:
        uri = report.error.uri or _blamed(report.modules)
        if uri is not None:
            yield uri, _failure(report.error)
    for module in report.modules:
        if module.status == "restartRequired":
            yield module.uri, _restart(name, module, report.error)
        elif module.status == "rolledBack" and report.status != "failed":
            yield module.uri, _still_waiting(module)


def _blamed(modules: Sequence[ModuleReport]) -> str | None:
    """Return the module that shows an error without a URI: the first one that was rolled back."""
    rolled_back = (module.uri for module in modules if module.status == "rolledBack")
    return next(rolled_back, modules[0].uri if modules else None)


def _failure(error: ReportError) -> Diagnostic:
    return Diagnostic(
        range=error.range or _NOWHERE,
        severity=DiagnosticSeverity.Error,
        code=error.type,
        source=_SOURCE,
        message=(error.message or error.type)[:_MAX_MESSAGE],
    )


def _still_waiting(module: ModuleReport) -> Diagnostic:
    """Convert a failure from before the connection: only its reason is known."""
    return Diagnostic(
        range=_NOWHERE,
        severity=DiagnosticSeverity.Error,
        code=module.status,
        source=_SOURCE,
        message=(module.reason or "the program still runs its previous code")[:_MAX_MESSAGE],
    )


def _note(note: Note) -> tuple[str, Diagnostic]:
    diagnostic = Diagnostic(
        range=note.range or _NOWHERE,
        severity=DiagnosticSeverity.Warning,
        code=note.code,
        source=_SOURCE,
        message=note.message[:_MAX_MESSAGE],
    )
    return note.uri or "", diagnostic


def _problem(problem: ConfigurationProblem) -> tuple[str, Diagnostic]:
    text = problem.message if problem.key is None else f"{problem.key}: {problem.message}"
    diagnostic = Diagnostic(
        range=problem.range or _NOWHERE,
        severity=DiagnosticSeverity.Error,
        code="configuration",
        source=_SOURCE,
        message=text[:_MAX_MESSAGE],
    )
    return problem.uri or "", diagnostic


def _restart(name: str, module: ModuleReport, error: ReportError | None) -> Diagnostic:
    """Convert a required restart, at the error's position if it is in this module."""
    position = error.range if error is not None and error.uri == module.uri else None
    reason = module.reason or (error.message if error is not None else "") or "this change can't be applied live"
    return Diagnostic(
        range=position or _NOWHERE,
        severity=DiagnosticSeverity.Warning,
        code="restartRequired",
        source=_SOURCE,
        message=f"restart {name} to apply this change: {reason}"[:_MAX_MESSAGE],
    )
