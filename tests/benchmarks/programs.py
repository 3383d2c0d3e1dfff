"""Plays the corpus of real programs, under reloadls and under the reloaders that its programs have of their own.

Prints a table for each: how many edits were live, rolled back, restarted, noted or wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.programs.corpus import PROGRAMS
from tests.programs.environment import make_folder
from tests.programs.oracle import Fresh, Verdict, play
from tests.programs.program import Program
from tests.programs.running import Running

__all__ = ["main"]

_RIGHT_S = 8.0
"""How long a reloader may take to be right, in seconds."""
_VERDICTS: tuple[Verdict, ...] = ("live", "rolled back", "restarted", "noted", "wrong")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="programs", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="only programs whose names contain this")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables")
    options = parser.parse_args(arguments)
    programs = [each for each in PROGRAMS if options.only in each.name]
    rows: dict[str, list[str]] = {}
    wrong: list[str] = []
    total: Counter[Verdict] = Counter()

    def write() -> str:
        """A run that is interrupted has what it came to."""
        text = _text([row for each in rows.values() for row in each], total, wrong)
        if options.markdown:
            Path(options.markdown).write_text(text, encoding="utf-8")
        return text

    for program in programs:
        print(f"== {program.name}", file=sys.stderr)
        outcomes = list(play(program))
        counted = Counter(each.verdict for each in outcomes)
        total += counted
        rows[program.name] = [_row(program.name, "reloadls run", counted)]
        wrong += [f"- {program.name}, {each.edit.what}: {each.why}" for each in outcomes if each.verdict == "wrong"]
        write()
    for program in programs:
        for name, command in program.peers.items():
            print(f"== {program.name}, {name}", file=sys.stderr)
            rows[program.name].append(_row(program.name, name, Counter(_play_peer(program, command))))
            write()
    print(write())
    return 0


def _text(rows: Sequence[str], total: Counter[Verdict], wrong: Sequence[str]) -> str:
    text = _HEAD + "\n".join([*rows, _row("**all**", "reloadls run", total)]) + "\n"
    if wrong:
        text += "\nWrong under reloadls:\n\n" + "\n".join(wrong) + "\n"
    return text


_HEAD = """# Real programs

Programs of the corpus (`tests/programs/`), edited one save at a time as a developer does. After each edit the program's
answers are compared with those of a fresh start from the same files. *live*: equal, with the state kept; *rolled
back*: it continued as before, and reported the reason; *restarted*: equal after a restart, or a restart was required,
with its reason; *noted*: the difference was reported; *wrong*: none of these, or it was down.

| program | under | {} |
|---|---|{}
""".format(" | ".join(_VERDICTS), "---|" * len(_VERDICTS))


def _row(program: str, under: str, counts: Counter[Verdict]) -> str:
    return f"| {program} | {under} | {' | '.join(str(counts[each]) for each in _VERDICTS)} |"


def _play_peer(program: Program, command: tuple[str, ...]) -> Iterator[Verdict]:
    fresh = Fresh(program)
    with tempfile.TemporaryDirectory(prefix="programs-") as place:
        folder = Path(place) / "project"
        make_folder(program, folder)
        with Running(program, folder, command=command) as running:
            running.wait_until_up()
            time.sleep(1)  # until it watches
            for edit in program.edits:
                for change in edit.changes:
                    change.make(folder)
                wanted = fresh.answer(folder)
                end = time.monotonic() + _RIGHT_S
                while (answer := running.answer()) != wanted and wanted and time.monotonic() < end:
                    time.sleep(0.1)
                if wanted:
                    yield "restarted" if answer == wanted else "wrong"
                else:
                    yield "rolled back" if answer else "wrong"


if __name__ == "__main__":
    sys.exit(main())
