"""Plays the corpus of real programs, under reloadls and under the reloaders that its programs have of their own.

Prints a table for each: how many edits were live, rolled back, restarted, noted or wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.programs.corpus import PROGRAMS
from tests.programs.environment import make_folder, python_of
from tests.programs.oracle import Fresh, Verdict, play
from tests.programs.program import Edit, Program
from tests.programs.running import Running

__all__ = ["main"]

_RIGHT_S = 8.0
"""How long a reloader that restarts may take to be right, in seconds."""
_LIVE_S = 3.0
"""The same for one that reloads in the process."""
_ENGINES = ("jurigged", "hmr", "uvicorn-hmr")
"""What is installed beside a program that other engines run."""
_WITH_ENGINES = (
    *("asyncio script", "threaded script", "plugin host", "FastAPI, SQLAlchemy, pydantic-settings"),
    *("Starlette", "Flask factory", "aiohttp", "Litestar", "Django startproject"),
)
"""The programs that jurigged and hmr can run; the others end at once, or own the terminal."""
_VERDICTS: tuple[Verdict, ...] = ("live", "rolled back", "restarted", "noted", "wrong")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="programs", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="only programs whose names contain this")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count(), help="how many programs at a time")
    options = parser.parse_args(arguments)
    lock = threading.Lock()
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

    def play_one(program: Program) -> None:
        print(f"== {program.name}", file=sys.stderr)
        outcomes = list(play(program))
        counted = Counter(each.verdict for each in outcomes)
        found = [f"- {program.name}, {each.edit.what}: {each.why}" for each in outcomes if each.verdict == "wrong"]
        with lock:
            total.update(counted)
            rows[program.name] = [_row(program.name, "reloadls run", counted)]
            wrong.extend(found)
            write()

    def play_peers(program: Program) -> None:
        for name, peer in _peers(program).items():
            print(f"== {program.name}, {name}", file=sys.stderr)
            row = _row(program.name, name, Counter(_play_peer(peer)))
            with lock:
                rows[program.name].append(row)
                write()

    rows |= {program.name: [] for program in programs}  # in their order
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(play_one, programs))
        list(pool.map(play_peers, programs))
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
with its reason, or equal with the state lost; *noted*: the difference was reported; *wrong*: none of these, or it was
down.

| program | under | {} |
|---|---|{}
""".format(" | ".join(_VERDICTS), "---|" * len(_VERDICTS))


def _row(program: str, under: str, counts: Counter[Verdict]) -> str:
    return f"| {program} | {under} | {' | '.join(str(counts[each]) for each in _VERDICTS)} |"


@dataclass(frozen=True)
class _Peer:
    """A program under another reloader."""

    program: Program
    command: tuple[str, ...]
    seconds: float


def _peers(program: Program) -> dict[str, _Peer]:
    """Return the reloader that a program has of its own, and the engines that can run it."""
    found = {name: _Peer(program, command, _RIGHT_S) for name, command in program.peers.items()}
    if program.name in _WITH_ENGINES:
        name, packages = f"{program.environment or 'scripts'}-engines", (*program.packages, *_ENGINES)
        with_engines = replace(program, environment=name, packages=packages)
        commands = os.path.dirname(python_of(name, packages))
        found["jurigged"] = _Peer(with_engines, ("-m", "jurigged", *program.run), _LIVE_S)
        found["hmr"] = _Peer(with_engines, _under_hmr(program.run, commands), _LIVE_S)
    return found


def _under_hmr(run: tuple[str, ...], commands: str) -> tuple[str, ...]:
    if run[:2] == ("-m", "uvicorn"):
        return (os.path.join(commands, "uvicorn-hmr"), *run[2:])
    return (os.path.join(commands, "hmr"), *run)


def _play_peer(peer: _Peer) -> Iterator[Verdict]:
    """Make the edits. As under reloadls, the program is started anew after one that it did not follow."""
    fresh = Fresh(peer.program)
    with tempfile.TemporaryDirectory(prefix="programs-") as place:
        folder = Path(place) / "project"
        make_folder(peer.program, folder)
        waiting = list(peer.program.edits)
        while waiting:
            with Running(peer.program, folder, command=peer.command) as running:
                up = _is_up(running)
                time.sleep(1)  # until it watches
                while waiting:
                    edit = waiting.pop(0)
                    verdict = _edit_under(peer, folder, fresh, running, edit) if up else "wrong"
                    if not up:
                        for change in edit.changes:
                            change.make(folder)
                    yield verdict
                    if verdict == "wrong":
                        break


def _is_up(running: Running) -> bool:
    try:
        return running.wait_until_up(20)
    except TimeoutError:
        return False


def _edit_under(peer: _Peer, folder: Path, fresh: Fresh, running: Running, edit: Edit) -> Verdict:
    counted = running.number() if peer.program.state and not running.ended else 0
    for change in edit.changes:
        change.make(folder)
    wanted = fresh.answer(folder)
    end = time.monotonic() + peer.seconds
    while (answer := running.answer()) != wanted and wanted and time.monotonic() < end:
        time.sleep(0.1)
    if not wanted:
        return "rolled back" if answer else "wrong"
    if answer != wanted:
        return "wrong"
    kept = peer.seconds == _LIVE_S and (not peer.program.state or running.number() > counted)
    return "live" if kept else "restarted"


if __name__ == "__main__":
    sys.exit(main())
