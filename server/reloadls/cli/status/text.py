"""The lines of `reloadls status` about one program."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from lsprotocol.types import Range

from reloadls.protocol import (
    ConfigurationProblem,
    DivergedFile,
    ModuleReport,
    Note,
    ReloadReport,
    ReportError,
    from_uri,
)
from reloadls.service.targets.query import QueriedTarget
from reloadls.terminal.text import relative, shown

from .hosted import hosted_lines

__all__ = ["ago", "program_text"]

_COLOURS: Final = {
    "live": "32",
    "reloaded": "32",
    "running": "32",
    "draining": "33",
    "closing": "33",
    "failed": "31",
    "gone": "31",
    "restartRequired": "33",
    "paused": "33",
}
_WORDS: Final = {"restartRequired": "restart required", "gone": "unreachable"}
_WAITING: Final = {"restartRequired": "needs a restart", "rolledBack": "not applied"}
_NAMED: Final = 5
"""How many modules or roots are named before they are counted."""
_UNITS: Final = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))


def program_text(target: QueriedTarget, folder: str, *, colour: bool, now: datetime | None = None) -> str:
    """Return the lines about one program.

    Args:
        target: the result of the query.
        folder: paths below it are shown relative to it.
        colour: whether escape sequences may be used.
        now: the current time; None: read the clock.
    """
    now = now or datetime.now(UTC)
    advert, status = target.advert, target.status
    state = _coloured(status.state, colour)
    head = f"{shown(advert.name)}  process {advert.pid}, {state}, started {ago(advert.started_at, now)}"
    lines = [head, f"  watches      {_some(shown(_name(root, folder)) for root in advert.roots)}"]
    if target.problem is not None:
        lines.append(f"  problem      {shown(target.problem)}")
    if status.last_report is not None:
        lines += _report(status.last_report, folder, colour, now)
    elif target.problem is None:
        lines.append("  last reload  none yet")
    lines += [f"  diverged     {_diverged(each, folder)}" for each in status.diverged]
    lines += hosted_lines(status, now, lambda state: _coloured(state, colour), lambda each: _source(each, folder))
    return "".join(f"{line}\n" for line in lines)


def _diverged(diverged: DivergedFile, folder: str) -> str:
    place = shown(relative(from_uri(diverged.uri), folder))
    applied = _some(map(str, diverged.applied))
    failed = "; ".join(f"process {each.pid}: {shown(each.message)}" for each in diverged.failed[:_NAMED])
    return f"{place}: applied in processes {applied}, not in {failed}"


def ago(at: str, now: datetime) -> str:
    """Return the time from `at` (ISO 8601) to `now`, as text."""
    then = datetime.fromisoformat(at)
    seconds = (now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit.removesuffix('s') if (count, unit) == (1, 'days') else unit} ago"
    return "just now"


def _report(report: ReloadReport, folder: str, colour: bool, now: datetime) -> Iterable[str]:
    names = [shown(module.name) for module in report.modules if module.status == "reloaded"]
    what = f": {_some(names)}" if names else ""
    yield (
        f"  last reload  {_coloured(report.status, colour)}, {ago(report.at, now)}, {report.duration_ms:.1f} ms{what}"
    )
    if report.error is not None:
        yield f"    {_error(report.error, folder)}"
    for module in report.modules:
        if module.status in _WAITING and (report.status != "failed" or module.status == "restartRequired"):
            yield f"    {_waiting(module, folder)}"
    for note in report.notes:
        yield f"    {_note(note, folder)}"


def _error(error: ReportError, folder: str) -> str:
    text = f"{shown(error.type)}: {shown(error.message)}"
    return text if error.uri is None else f"{_where(error.uri, error.range, folder)}: {text}"


def _note(note: Note, folder: str) -> str:
    where = "" if note.uri is None else f"{_where(note.uri, note.range, folder)}: "
    return f"{note.code}: {where}{shown(note.message)}"


def _where(uri: str, position: Range | None, folder: str) -> str:
    where = shown(_name(from_uri(uri), folder))
    return where if position is None else f"{where}:{position.start.line + 1}:{position.start.character + 1}"


def _source(problem: ConfigurationProblem, folder: str) -> str:
    return shown(problem.source or "") if problem.uri is None else _where(problem.uri, problem.range, folder)


def _waiting(module: ModuleReport, folder: str) -> str:
    reason = f": {shown(module.reason)}" if module.reason else ""
    return f"{shown(_name(from_uri(module.uri), folder))}: {_WAITING[module.status]}{reason}"


def _name(path: str, folder: str) -> str:
    return "this folder" if path == folder else relative(path, folder)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more


def _coloured(state: str, colour: bool) -> str:
    word, code = _WORDS.get(state, state), _COLOURS.get(state)
    return f"\x1b[{code}m{word}\x1b[0m" if colour and code else word
