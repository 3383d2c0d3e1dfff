"""Plays programs of the corpus, and prints what became of each edit: ``python -m tests.programs [NAME…]``."""

from __future__ import annotations

import sys

from .corpus import PROGRAMS
from .oracle import play


def main(names: list[str]) -> int:
    """Play those whose names contain one of these words; all if there is none."""
    wrong = 0
    for program in PROGRAMS:
        if names and not any(name in program.name for name in names):
            continue
        print(f"== {program.name}", flush=True)
        for outcome in play(program):
            wrong += outcome.verdict == "wrong"
            print(f"{outcome.verdict:<12} {outcome.edit.what}", flush=True)
            for line in (*outcome.said, outcome.why):
                print(*(f"             | {each}\n" for each in line.splitlines()), sep="", end="", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
