"""What became of each edit: the program's answer beside that of a fresh start from the same files."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .environment import make_folder
from .program import Edit, Program
from .running import RELOADLS, Running

__all__ = ["Fresh", "Outcome", "Verdict", "play"]

Verdict = Literal["live", "rolled back", "restarted", "noted", "wrong"]

_LIVE_S = 10.0
"""How long an edit may take to be live, in seconds; other processes of the machine may be at work."""
_NOTED_S = 2.0
"""How long the answer is waited for once the report has said that something differs, in seconds."""
_FRESH_S = 20.0
"""After how long a fresh start that does not answer counts as failed, in seconds."""
_STAYS_S = 0.15
"""An answer that is right is asked for once more after so long."""

_SHOWN = 120
"""How much of an answer that is wrong is shown, in characters."""


@dataclass(frozen=True)
class Outcome:
    """What became of one edit.

    Attributes:
        verdict: in one word; "restarted" is a report that says that a restart is needed, and why.
        said: the lines that reloadls printed about it.
        why: if it is wrong, what is.
    """

    edit: Edit
    verdict: Verdict
    said: tuple[str, ...] = ()
    why: str = ""


class Fresh:
    """The answers of fresh starts."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def answer(self, folder: Path) -> list[str]:
        """What a program that starts with a copy of the folder answers; empty if it can't start."""
        with tempfile.TemporaryDirectory(prefix="programs-fresh-") as place:
            copy = Path(place) / folder.name
            shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.db"))
            with Running(self._program, copy) as running:
                try:
                    return running.answer() if running.wait_until_up(_FRESH_S) else []
                except TimeoutError:  # its server goes on, and tries again and again
                    return []


def play(program: Program) -> Iterator[Outcome]:
    """Make the program's edits one after the other, and say what became of each.

    The program is started anew after each edit that was not made live.
    """
    fresh = Fresh(program)
    with tempfile.TemporaryDirectory(prefix="programs-") as place:
        folder = Path(place) / "project"
        make_folder(program, folder)
        waiting = list(program.edits)
        while waiting:
            with Running(program, folder, RELOADLS) as running:
                if not running.wait_until_up():
                    if len(waiting) == len(program.edits):
                        raise AssertionError(f"{program.name} does not start:\n{running.errors}")
                    yield _while_it_is_down(folder, waiting.pop(0))
                    continue
                running.wait_until_watched()
                while waiting:
                    edit = waiting.pop(0)
                    outcome = _one(program, folder, running, fresh, edit)
                    yield outcome
                    if outcome.verdict not in ("live", "rolled back"):
                        break
                    if outcome.verdict == "rolled back" and fresh.answer(folder):
                        break


def _while_it_is_down(folder: Path, edit: Edit) -> Outcome:
    """An edit after one that it needed a restart for, and can't start with."""
    for change in edit.changes:
        change.make(folder)
    return Outcome(edit, "restarted")


def _one(program: Program, folder: Path, running: Running, fresh: Fresh, edit: Edit) -> Outcome:
    counted = running.number() if program.state else 0
    before = len(running.said())
    for change in edit.changes:
        change.make(folder)
    wanted = fresh.answer(folder)
    deadline = time.monotonic() + _LIVE_S
    while time.monotonic() < deadline and not running.ended:
        said = running.said()[before:]
        if (said and running.answer() == wanted) or (not wanted and _last(said) in ("failed", "restart")):
            break
        if _last(said) == "restart" or _is_noted(said):
            deadline = min(deadline, time.monotonic() + _NOTED_S)
    time.sleep(_STAYS_S)
    answer = running.answer()
    said = running.said()[before:]
    verdict, why = _judge(program, _last(said), _is_noted(said), answer, wanted)
    if running.ended:
        verdict, why = "wrong", f"the program has ended:\n{running.errors[-2000:]}"
    elif verdict == "live" and program.state and running.number() <= counted:
        verdict, why = "wrong", "its state was lost"
    return Outcome(edit, verdict, tuple(said), why)


def _judge(program: Program, last: str, noted: bool, answer: list[str], wanted: list[str]) -> tuple[Verdict, str]:
    if last == "restart":
        return "restarted", ""
    if not answer:
        return "wrong", "it answers no longer"
    if last == "failed":
        works = bool(wanted) and not any(each.startswith("500") for each in wanted)
        return ("wrong", "it was rolled back, but a fresh start works") if works else ("rolled back", "")
    if answer == wanted:
        return "live", ""
    if noted:
        return "noted", ""
    how = "the report says nothing of it" if last else "there is no report"
    return "wrong", f"{how}: {_difference(program, answer, wanted)}"


def _is_noted(said: list[str]) -> bool:
    return any(line.startswith(" ") for line in said)


def _last(said: list[str]) -> str:
    """The first word of the last report."""
    return next((line.split()[0] for line in reversed(said) if not line.startswith(" ")), "")


def _difference(program: Program, answer: list[str], wanted: list[str]) -> str:
    if not wanted:
        return "it goes on, a fresh start fails"
    for asked, one, other in zip(program.asks or ("",), answer, wanted, strict=True):
        if one != other:
            begin = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
            begin = 0 if begin < _SHOWN else begin - _SHOWN // 4
            return f"{asked} answers {one[begin:][:_SHOWN]!r}, a fresh start {other[begin:][:_SHOWN]!r}"
    return "no difference"
