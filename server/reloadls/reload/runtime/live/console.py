"""What hot reload prints on stderr: one short line per report."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reloadls.reload.report import ModuleReport, ReloadReport

__all__ = ["followed_line", "note_lines", "report_line", "print_line", "wants_colour"]

_MOST_NAMES: Final = 5
_MOST_MODULES: Final = 3
_MOST_NOTES: Final = 10
_LONGEST: Final = 300
_PROMPTS: Final = frozenset({"readline", "_pyrepl"})
_SCREENS: Final = frozenset({"_curses", "textual", "urwid", "prompt_toolkit", "blessed", "asciimatics"})
_COLOURS: Final = {"reloaded": "32", "restarted": "32", "failed": "31", "restart": "33"}


def print_line(word: str, text: str, *, quiet: bool = False) -> None:
    """Print a line on the process's real stderr, even if the program has replaced `sys.stderr`.

    Args:
        word: the first column, such as "reloaded".
        text: the rest of the line.
        quiet: print nothing.
    """
    if quiet or sys.__stderr__ is None or _is_captured():
        return
    head = f"{word:<9}"
    if wants_colour() and word in _COLOURS:
        head = f"\x1b[{_COLOURS[word]}m{head}\x1b[0m"
    with contextlib.suppress(OSError, ValueError):  # stderr is closed
        sys.__stderr__.write(f"{head} {printable(text)}\n")
        sys.__stderr__.flush()


def _is_captured() -> bool:
    """Return whether stderr is a terminal on which the program draws a screen: it reads keys, not lines."""
    try:
        assert sys.__stderr__ is not None
        descriptor = sys.__stderr__.fileno()
        if not os.isatty(descriptor):
            return False
        import termios  # noqa: PLC0415 - not on Windows

        modes = termios.tcgetattr(descriptor)[3]
        return not modes & termios.ICANON and not (modes & termios.ISIG and _is_prompt())
    except (ImportError, OSError, ValueError):
        return False
    except termios.error:
        return False


def _is_prompt() -> bool:
    """Return whether the program edits a line that it can redraw below another line, rather than a whole screen."""
    return bool(_PROMPTS & sys.modules.keys()) and not _SCREENS & sys.modules.keys()


def wants_colour() -> bool:
    """Return whether to print in colour: only on a terminal, and not with NO_COLOR (https://no-color.org)."""
    try:
        terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    except ValueError:
        return False
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """Return text without terminal control characters, shortened to a line."""
    line = "".join(character if character.isprintable() else " " for character in text.strip())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def report_line(report: ReloadReport, folder: str, *, supervised: bool) -> tuple[str, str]:
    """Return the first word and the text of the line for a report.

    Args:
        report: the report.
        folder: paths below it are printed relative to it.
        supervised: whether a supervisor will restart the program.
    """
    match report.status:
        case "reloaded":
            return "reloaded", f"{_modules(report.modules, folder) or 'no visible change'}  {_duration(report)}"
        case "restarted":
            what = _modules(report.modules, folder)
            return "restarted", "  ".join(filter(None, [what, _duration(report)]))
        case "failed":
            return "failed", _failure(report, folder)
        case "restartRequired":
            advice = "" if supervised else " (the program still runs the old code; restart it to apply this edit)"
            return "restart", _reasons(report.modules, folder) + advice
        case "unchanged":
            return "unchanged", "nothing reloaded" if report.notes else "the files match the running program again"


def followed_line(roots: Iterable[str], count: int, others: Sequence[tuple[str, str]]) -> str:
    """Return the line that says what is watched, and which loaded files are ignored.

    Args:
        roots: the watched folders.
        count: how many of the program's loaded files are reloaded when edited.
        others: (path, reason) for each loaded file that is ignored.
    """
    loaded = f"{count} loaded file{'' if count == 1 else 's'}" if count else "none of its modules loaded yet"
    text = f"{', '.join(roots)}: {loaded}"
    if others:
        parts = [f"{os.path.basename(path)} ({why})" for path, why in others[:_MOST_MODULES]]
        more = [f"{len(others) - _MOST_MODULES} more"] if len(others) > _MOST_MODULES else []
        text += f"; ignored: {', '.join([*parts, *more])}"
    return text


def note_lines(report: ReloadReport, folder: str) -> Iterator[str]:
    """Yield one line for each note, to be printed below the report's own line.

    Args:
        report: the report.
        folder: paths below it are printed relative to it.
    """
    for note in report.notes[:_MOST_NOTES]:
        where = f"{_short(note.location.path, folder)}:{note.location.line}: " if note.location else ""
        yield f"{note.code}: {where}{printable(note.message)}"
    if len(report.notes) > _MOST_NOTES:
        yield f"{len(report.notes) - _MOST_NOTES} more notes; see reloadls status"


def _failure(report: ReloadReport, folder: str) -> str:
    error = report.error
    if error is None:
        return "nothing changed in the program"
    where = f"{_short(error.location.path, folder)}:{error.location.line}: " if error.location else ""
    message = printable(error.message)[:200]
    return f"{where}{error.type}: {message} (nothing changed in the program)"


def _modules(modules: Iterable[ModuleReport], folder: str) -> str:
    reloaded = [module for module in modules if module.status == "reloaded"]
    parts = []
    for module in reloaded[:_MOST_MODULES]:
        names = ", ".join(module.changed[:_MOST_NAMES]) + (", …" if len(module.changed) > _MOST_NAMES else "")
        parts.append(f"{_short(module.path, folder)}: {names}" if names else _short(module.path, folder))
    if len(reloaded) > _MOST_MODULES:
        parts.append(f"{len(reloaded) - _MOST_MODULES} more")
    return "; ".join(parts)


def _reasons(modules: Iterable[ModuleReport], folder: str) -> str:
    affected = [module for module in modules if module.status == "restartRequired"]
    return "; ".join(f"{_short(module.path, folder)}: {module.reason}" for module in affected[:_MOST_MODULES])


def _duration(report: ReloadReport) -> str:
    return f"{report.duration_ms:.1f} ms"


def _short(path: str, folder: str) -> str:
    inside = folder.rstrip(os.sep) + os.sep
    return path[len(inside) :] if path.startswith(inside) else path
