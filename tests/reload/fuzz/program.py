"""A random program of several modules, and random edits of it.

A program is text in pieces: module → statements, each with a number of its own, so that a failing history can be made
smaller by leaving statements out. What a statement gives to others is only its kind (a number, a function, a class),
so that it can be written anew without the others noticing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random

from tests.reload.fuzz.acts import ACTING, ACTS, CIRCLES
from tests.reload.fuzz.statements import FIRST, KINDS, WRITERS, Kind, Scope

__all__ = ["Program", "Statement", "begun", "edited", "rendered", "without"]

MODULES = ("first", "second", "third", "fourth")
"""Each imports from those before it only."""

SCRIPT = "script"
"""A program may be run by a script, which imports from all; its last statement goes on for as long as the program."""


@dataclass(frozen=True)
class Statement:
    """One top-level statement: what it binds, and its text."""

    number: int
    kind: Kind
    name: str
    text: str


@dataclass(frozen=True)
class Program:
    """A program.

    Attributes:
        modules: module → its statements.
        following: the number that the next new one gets.
        kinds: what is written at random.
        twin: one of the modules has a second name, under which its file is loaded, too.
    """

    modules: Mapping[str, tuple[Statement, ...]]
    following: int = 0
    kinds: tuple[Kind, ...] = KINDS
    twin: bool = False


def rendered(program: Program) -> dict[str, str]:
    """Module → the content of its file."""
    return {
        name: "\n\n".join(each.text for each in sorted(statements, key=_comes_last)) + "\n"
        for name, statements in program.modules.items()
    }


def _comes_last(statement: Statement) -> bool:
    return statement.kind in {"tail", "running"}


def begun(random: Random) -> Program:
    """A program that starts without an error."""
    first = tuple(Statement(number, kind, name, text) for number, (kind, name, text) in enumerate(FIRST))
    groups = random.sample(ACTING, random.choice((0, 2, 2, 3, 4))) if random.random() < 0.85 else CIRCLES
    acting = tuple(kind for group in groups for kind in group * 2)
    twin = random.random() < 0.1
    program = Program({**dict.fromkeys(MODULES, ()), MODULES[0]: first}, len(first), (*KINDS, *acting), twin)
    names: tuple[str, ...] = MODULES
    if not twin and groups is not CIRCLES and random.random() < 0.15:
        names = (*MODULES, SCRIPT)
        running = Statement(program.following, "running", "", "running()")
        program = replace(program, modules={**program.modules, SCRIPT: (running,)}, following=program.following + 1)
    for name in names:
        begun_with = [kind for group in groups for kind in group]
        for kind in ("import", "number", *random.choices(program.kinds, k=8), "function", "class", *begun_with):
            program = with_new(program, name, kind, random)
    return program


def edited(program: Program, random: Random, leaving: Collection[str] = ()) -> Program:
    """The same program after one save of one to three files, none of them of those to leave."""
    names = [name for name in program.modules if name not in leaving]
    for name in random.sample(names, min(len(names), 1 if "tail" in program.kinds else random.choice((1, 1, 1, 2, 3)))):
        program = _edited_module(program, name, random)
    if names and random.random() < 0.1:
        program = _broken(program, random.choice(names), random)
    return program


def without(program: Program, numbers: Collection[int]) -> Program:
    """The program without these statements."""
    modules = {
        name: tuple(each for each in statements if each.number not in numbers)
        for name, statements in program.modules.items()
    }
    return replace(program, modules=modules)


def with_new(program: Program, name: str, kind: Kind, random: Random, at: int | None = None) -> Program:
    """The program with one more statement in a module."""
    statements = program.modules[name]
    at = len(statements) if at is None else at
    bound = f"{kind}_{program.following}"
    text = written(kind, bound, scope(program, name, statements[:at]), random)
    if text is None:
        return program
    new = Statement(program.following, kind, bound, text)
    modules = {**program.modules, name: (*statements[:at], new, *statements[at:])}
    return replace(program, modules=modules, following=program.following + 1)


def written(kind: Kind, name: str, scope: Scope, random: Random) -> str | None:
    """The text of a statement that binds this name; None if what it needs isn't there."""
    writer = {**WRITERS, **ACTS}.get(kind)
    return None if writer is None else writer(name, scope, random)


def scope(program: Program, name: str, before: tuple[Statement, ...]) -> Scope:
    """What a statement after those can use."""
    names: dict[str, list[tuple[str, Kind]]] = {
        other: [(each.name, each.kind) for each in program.modules[other] if each.kind not in _GIVES_NO_NAME]
        for other in MODULES
    }
    place = (*MODULES, SCRIPT).index(name)
    found = Scope.of(
        [(each.name, each.kind, each.text) for each in before], {other: names[other] for other in MODULES[:place]}
    )
    later = {other: names[other] for other in MODULES[place + 1 :]}
    tails = [each.text for each in program.modules[name] if each.kind == "tail"]
    used = [used for text in tails for used in _from_tail(text, later)]
    return Scope({**found.own, "tail": used}, found.importable, later, "tail" in program.kinds)


_GIVES_NO_NAME = {"running", "import", "tail", "late", "registered", "handler", "effect", "way", "demand"}


def _from_tail(text: str, later: Mapping[str, list[tuple[str, Kind]]]) -> list[str]:
    """Expressions that give a number by an import at the end of a module."""
    *_, last = text.split()
    if text.endswith(f"import {last}") and "from" in text:
        return [last]
    return [f"{last}.{name}" for name, kind in later.get(last, ()) if kind == "number"]


def _edited_module(program: Program, name: str, random: Random) -> Program:
    statements = program.modules[name]
    chance = random.random()
    at = random.randrange(len(statements))
    if chance < 0.12 or len(statements) < 6:
        kind = random.choice(("import", *program.kinds))
        return with_new(program, name, kind, random, 0 if kind == "import" else random.randrange(len(statements) + 1))
    if statements[at].kind == "running":
        return program
    if chance < 0.2 and statements[at].text != "import functools":  # what is defined in between needs it
        return without(program, {statements[at].number})
    if chance < 0.25:
        return _with(program, name, _moved(statements, at, random))
    if chance < 0.32:
        spaced = replace(statements[at], text="# A word.\n\n" + statements[at].text)
        return _with(program, name, (*statements[:at], spaced, *statements[at + 1 :]))
    return _written_anew(program, name, at, random)


def _moved(statements: tuple[Statement, ...], at: int, random: Random) -> tuple[Statement, ...]:
    """One statement elsewhere, but not before what it uses or behind what uses it.

    Where a fresh start would fail for the order alone, the edited program need not: a moved statement is not run again.
    """
    moving, rest = statements[at], [*statements[:at], *statements[at + 1 :]]
    used = {each.number for each in statements[:at] if each.kind == "import" or each.name in moving.text}
    users = {each.number for each in statements[at + 1 :] if moving.kind == "import" or moving.name in each.text}
    low = max((place + 1 for place, each in enumerate(rest) if each.number in used), default=0)
    high = min((place for place, each in enumerate(rest) if each.number in users), default=len(rest))
    rest.insert(random.randint(low, high), moving)
    return tuple(rest)


def _written_anew(program: Program, name: str, at: int, random: Random) -> Program:
    statements = program.modules[name]
    old = statements[at]
    if old.kind in {"import", "decorator", "broken"}:
        return program
    text = written(old.kind, old.name, scope(program, name, statements[:at]), random)
    if text is None:
        return program
    return _with(program, name, (*statements[:at], replace(old, text=text), *statements[at + 1 :]))


def _broken(program: Program, name: str, random: Random) -> Program:
    statements = program.modules[name]
    at = random.randrange(len(statements) + 1)
    text = random.choice(
        ("def (:", "1 / 0", "raise SystemExit(3)", "import no_such_module", "from first import no_name", "x =")
    )
    new = Statement(program.following, "broken", f"error_{program.following}", text)
    modules = {**program.modules, name: (*statements[:at], new, *statements[at:])}
    return replace(program, modules=modules, following=program.following + 1)


def _with(program: Program, name: str, statements: tuple[Statement, ...]) -> Program:
    return replace(program, modules={**program.modules, name: statements})
