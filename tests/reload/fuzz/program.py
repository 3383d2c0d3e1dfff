"""A random program of several modules, and random edits of it.

A program is text in pieces: module → statements, each with a number of its own, so that a failing history can be made
smaller by leaving statements out. What a statement gives to others is only its kind (a number, a function, a class),
so that it can be written anew without the others noticing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random

from tests.reload.fuzz.statements import FIRST, KINDS, Kind, Scope, written

__all__ = ["Program", "Statement", "begun", "edited", "rendered", "without"]

MODULES = ("first", "second", "third", "fourth")
"""Each imports from those before it only."""


@dataclass(frozen=True)
class Statement:
    """One top-level statement: what it binds, and its text."""

    number: int
    kind: Kind
    name: str
    text: str


@dataclass(frozen=True)
class Program:
    """Module → its statements; and the number that the next new one gets."""

    modules: Mapping[str, tuple[Statement, ...]]
    following: int = 0


def rendered(program: Program) -> dict[str, str]:
    """Module → the content of its file."""
    return {
        name: "\n\n".join(statement.text for statement in statements) + "\n"
        for name, statements in program.modules.items()
    }


def begun(random: Random) -> Program:
    """A program that starts without an error."""
    first = tuple(Statement(number, kind, name, text) for number, (kind, name, text) in enumerate(FIRST))
    program = Program({**dict.fromkeys(MODULES, ()), MODULES[0]: first}, len(first))
    for name in MODULES:
        for kind in ("import", "number", *random.choices(KINDS, k=8), "function", "class", "class"):
            program = with_new(program, name, kind, random)
    return program


def edited(program: Program, random: Random) -> Program:
    """The same program after one save of one to three files."""
    for name in random.sample(MODULES, random.choice((1, 1, 1, 2, 3))):
        program = _edited_module(program, name, random)
    if random.random() < 0.1:
        program = _broken(program, random.choice(MODULES), random)
    return program


def without(program: Program, numbers: Collection[int]) -> Program:
    """The program without these statements."""
    modules = {
        name: tuple(each for each in statements if each.number not in numbers)
        for name, statements in program.modules.items()
    }
    return Program(modules, program.following)


def with_new(program: Program, name: str, kind: Kind, random: Random, at: int | None = None) -> Program:
    """The program with one more statement in a module."""
    statements = program.modules[name]
    at = len(statements) if at is None else at
    bound = f"{kind}_{program.following}"
    text = written(kind, bound, scope(program, name, statements[:at]), random)
    if text is None:
        return program
    new = Statement(program.following, kind, bound, text)
    return Program({**program.modules, name: (*statements[:at], new, *statements[at:])}, program.following + 1)


def scope(program: Program, name: str, before: tuple[Statement, ...]) -> Scope:
    """What a statement after those can use."""
    importable: dict[str, list[tuple[str, Kind]]] = {
        other: [(each.name, each.kind) for each in program.modules[other] if each.kind != "import"]
        for other in MODULES[: MODULES.index(name)]
    }
    return Scope.of([(each.name, each.kind, each.text) for each in before], importable)


def _edited_module(program: Program, name: str, random: Random) -> Program:
    statements = program.modules[name]
    chance = random.random()
    at = random.randrange(len(statements))
    if chance < 0.12 or len(statements) < 6:
        kind = random.choice(("import", *KINDS))
        return with_new(program, name, kind, random, 0 if kind == "import" else random.randrange(len(statements) + 1))
    if chance < 0.2:
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
    if old.kind in {"import", "decorator"}:
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
    new = Statement(program.following, "import", f"error_{program.following}", text)
    modules = {**program.modules, name: (*statements[:at], new, *statements[at:])}
    return Program(modules, program.following + 1)


def _with(program: Program, name: str, statements: tuple[Statement, ...]) -> Program:
    return Program({**program.modules, name: statements}, program.following)
