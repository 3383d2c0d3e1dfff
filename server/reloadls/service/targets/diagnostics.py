"""What an editor shows of running programs' reports: a failure at its line, and what needs a restart.

What is wrong is shown until the program has taken it up. A report that succeeded names the modules that still wait, so
it settles everything else.

Pure: reports go in, diagnostics come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from attrs import evolve
from lsprotocol.types import Diagnostic, DiagnosticSeverity, Position, PublishDiagnosticsParams, Range

from reloadls.protocol import ModuleReport, Note, ReloadReport, ReportError

__all__ = ["Outstanding", "differences", "to_diagnostics"]

_SOURCE: Final = "reloadls"
_MAX_MESSAGE: Final = 4000
_MOST_REPORTS: Final = 50
"""How many reports of one program may be outstanding; the oldest goes."""
_MOST_SHOWN: Final = 200
"""How many diagnostics are shown of one program."""
_WAITING: Final = ("rolledBack", "restartRequired")
"""How a module is that could not be taken up."""
_NOWHERE: Final = Range(Position(0, 0), Position(0, 0))

Shown = Mapping[str, Sequence[Diagnostic]]
"""URI → what is shown there."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """One program's reports that are still to be seen to: failures, and what needs a restart."""

    reports: tuple[ReloadReport, ...] = ()
    notes: tuple[Note, ...] = ()
    """What the program's last reload of each file left different from a fresh start."""

    def after(self, report: ReloadReport) -> Outstanding:
        """What is outstanding once `report` has come.

        A failure, and what needs a restart, takes the place of those with which it shares a file, and of those that
        name none. A success leaves what it says still waits, a restart nothing. A note stays until its file is
        reloaded again: a failed reload changes nothing of what it says.
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
    """It is large, and not shown."""
    return report if report.error is None else evolve(report, error=evolve(report.error, traceback=None))


def _files(report: ReloadReport) -> set[str]:
    """All that a report speaks of."""
    files = {module.uri for module in report.modules if module.status != "skipped"}
    return files if report.error is None or report.error.uri is None else files | {report.error.uri}


def to_diagnostics(programs: Iterable[tuple[str, Outstanding]]) -> dict[str, list[Diagnostic]]:
    """URI → what is to be shown there of these programs, by name; what several say alike is shown once."""
    shown: dict[str, list[Diagnostic]] = {}
    for name, outstanding in programs:
        reports = (pair for report in outstanding.reports for pair in _diagnostics(name, report))
        found = chain(reports, map(_note, outstanding.notes))
        for uri, diagnostic in islice(found, _MOST_SHOWN):
            there = shown.setdefault(uri, [])
            if diagnostic not in there:
                there.append(diagnostic)
    return shown


def differences(before: Shown, now: Shown) -> list[PublishDiagnosticsParams]:
    """What to publish so that a client that shows `before` shows `now`."""
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
    """Where an error without a place is shown: the first module that was taken back."""
    taken_back = (module.uri for module in modules if module.status == "rolledBack")
    return next(taken_back, modules[0].uri if modules else None)


def _failure(error: ReportError) -> Diagnostic:
    return Diagnostic(
        range=error.range or _NOWHERE,
        severity=DiagnosticSeverity.Error,
        code=error.type,
        source=_SOURCE,
        message=(error.message or error.type)[:_MAX_MESSAGE],
    )


def _still_waiting(module: ModuleReport) -> Diagnostic:
    """Of a failure that was before our time: all that is left of it is the reason."""
    return Diagnostic(
        range=_NOWHERE,
        severity=DiagnosticSeverity.Error,
        code=module.status,
        source=_SOURCE,
        message=(module.reason or "the program runs on with the code it had")[:_MAX_MESSAGE],
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


def _restart(name: str, module: ModuleReport, error: ReportError | None) -> Diagnostic:
    """A report may say by its error where in the module it is; else it is the module as a whole."""
    position = error.range if error is not None and error.uri == module.uri else None
    reason = module.reason or (error.message if error is not None else "") or "this change can't be made live"
    return Diagnostic(
        range=position or _NOWHERE,
        severity=DiagnosticSeverity.Warning,
        code="restartRequired",
        source=_SOURCE,
        message=f"{name} must be restarted to take this up: {reason}"[:_MAX_MESSAGE],
    )
