"""Edits random programs, and makes what fails small enough to read: `python -m tests.reload.fuzz.run SEED EDITS`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from random import Random

from tests.reload.fuzz.duel import Disagreement, dueling
from tests.reload.fuzz.oracle import PACKAGE, fresh_start
from tests.reload.fuzz.program import SCRIPT, Program, begun, edited, rendered, without
from tests.reload.support.disk import write

__all__ = ["fuzz", "main"]

EDITS_OF_ONE = 50
"""After so many edits another program begins."""


def fuzz(seed: str, edits: int) -> str:
    """Do this many edits, on one program after another; return what went wrong, or ''."""
    counts: dict[str, int] = {}
    for number in range(0, edits, EDITS_OF_ONE):
        problem = one(f"{seed}.{number}", min(EDITS_OF_ONE, edits - number), counts)
        if problem:
            return problem
    print(f"seed {seed}: {edits} edits, {counts}")
    return ""


def one(seed: str, edits: int, counts: dict[str, int]) -> str:
    """Edit one program."""
    random = Random(seed)
    good = started(random)
    history = [good]
    statuses = [""]
    folder = os.path.realpath(tempfile.mkdtemp(prefix="reloadls-fuzz-"))
    try:
        with dueling(folder, [rendered(good)], Random(seed), twin=good.twin) as (duel, reloader):
            for _ in range(edits):
                program = following(good, history[-1], random)
                history.append(program)
                status = duel.edit(rendered(program), reloader)
                statuses.append(status)
                counts[status] = counts.get(status, 0) + 1
                if status == "noted":
                    break
                if rendered(program) == duel.live:
                    good = program
        return ""
    except Disagreement as error:
        told = list(zip(history, [*statuses, ""], strict=True))
        return f"seed {seed}, edit {len(history) - 1}: {error}\n\n{smallest(told, seed)}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def started(random: Random) -> Program:
    """A program that can be started."""
    while True:
        program = begun(random)
        folder = os.path.realpath(tempfile.mkdtemp(prefix="reloadls-fuzz-"))
        try:
            os.mkdir(os.path.join(folder, PACKAGE))
            for name, text in rendered(program).items():
                write(os.path.join(folder, PACKAGE, name + ".py"), text)
            modules = tuple("__main__" if name == SCRIPT else name for name in program.modules)
            if not isinstance(fresh_start(folder, modules), str):
                return program
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def following(good: Program, last: Program, random: Random) -> Program:
    """What is saved next: after a failure mostly something that mends it, else edits of other files."""
    if last is not good and random.random() < 0.3:
        return edited(last, random, [name for name, module in last.modules.items() if module != good.modules[name]])
    program = edited(good, random)
    still = [name for name, module in program.modules.items() if module == last.modules[name] != good.modules[name]]
    return good if last is not good and (still or random.random() < 0.3) else program


History = Sequence[tuple[Program, str]]
"""Each state of the program, with the status that its edit ended with; the last one's is what fails."""


def smallest(history: History, seed: str) -> str:
    """The shortest history that still fails, with the fewest statements, as a scenario."""

    def fails(candidate: History) -> bool:
        return in_child(lambda: attempted(candidate, seed))

    if not fails(history):
        return "it does not happen again with the same edits"
    length = 2
    while length < len(history) and not fails(history[-length:]):
        length *= 2
    small = list(history[-length:])
    for at in range(len(small) - 2, 0, -1):
        if fails(small[:at] + small[at + 1 :]):
            del small[at]
    return as_scenario([program for program, _ in with_fewer_statements(small, fails)])


def with_fewer_statements(history: History, fails: Callable[[History], bool]) -> History:
    numbers = sorted({each.number for program, _ in history for module in program.modules.values() for each in module})
    size = len(numbers) // 2
    while size:
        for start in range(0, len(numbers), size):
            leave = set(numbers[start : start + size])
            candidate = [(without(program, leave), status) for program, status in history]
            if fails(candidate):
                history = candidate
        size //= 2
    return history


def attempted(history: History, seed: str) -> bool:
    """Whether this history fails at its end, and goes as it went until then."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="reloadls-fuzz-"))
    at = 0
    try:
        first = history[0][0]
        with dueling(folder, [rendered(first)], Random(seed), twin=first.twin) as (duel, reloader):
            for at, (program, status) in enumerate(history[1:], 1):
                if duel.edit(rendered(program), reloader) != status and at < len(history) - 1:
                    return False
    except Disagreement:
        return at == len(history) - 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return False


def in_child(question: Callable[[], bool]) -> bool:
    """The answer, found in a process of its own; an error is a no."""
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os._exit(0 if question() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


def as_scenario(history: Sequence[Program]) -> str:
    before = rendered(history[0])
    parts = [f"=== file {name}.py\n{text}" for name, text in before.items() if text.strip()]
    for program in history[1:]:
        after = rendered(program)
        parts += [f"=== edit {name}.py\n{after[name]}" for name in after if after[name] != before[name]]
        parts.append("=== check\n")
        before = after
    return "".join(parts)


def main(seed: str, edits: str) -> int:
    problem = fuzz(seed, int(edits))
    if problem:
        print(problem)
    return bool(problem)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
