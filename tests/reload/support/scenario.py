"""Parse scenario files: a program, what holds its objects, its edits, and the expected result of each.

The format is text in sections, which are read from top to bottom:

    One sentence: what must be true.
    needs: fastapi                  (optional lines; all are listed at `Scenario`)

    === file app.py                 the program before; `encoding=`, `newline=crlf` and `end=bare` may follow
    === prepare                     Python, run in the program's folder before it starts
    === setup                       Python, run in the program before the first edit
    === edit app.py                 the whole file after the edit (or a new file)
    === replace app.py              old text, a line `--->`, new text; the old text is there exactly once
    === delete app.py
    === rename app.py other.py
    === run                         Python that edits the files in some other way
    === expect reloaded             the report's status; `changed:`, `error:`, `reason:`, `note:` lines may follow
    === check                       Python, run in the same namespace as the setup

A `check` ends a step, and all edits of a step are one batch. `expect` again after a `check`, without an edit, begins
another outcome that is right as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Act", "Outcome", "Scenario", "ScenarioError", "Snippet", "Step", "files", "parse", "read"]

STATUSES = ("reloaded", "unchanged", "failed", "restartRequired")
ACTS = {"edit": 1, "replace": 1, "delete": 1, "rename": 2, "run": 0}
"""Kind of edit → its number of paths."""


class ScenarioError(ValueError):
    """A scenario file is invalid; the message names the file and line."""


@dataclass(frozen=True)
class Snippet:
    """Python code in a scenario, with its first line, so that tracebacks point to it."""

    source: str = ""
    line: int = 1


@dataclass(frozen=True)
class Act:
    """One operation on the files."""

    kind: str
    paths: tuple[str, ...]
    snippet: Snippet
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """One acceptable outcome of a step.

    Attributes:
        status: of the report.
        changed: `module: name, name` → what the exact names in that module's report.
        error: the exception's type and location, ``SyntaxError app.py:3``; the location is optional.
        reason: a pattern that some module's reason must contain.
        notes: ``stillRunning app.py:3`` for each note that the report must have, and no other; the place may be left
            out.
        check: what must be true then.
    """

    status: str
    check: Snippet
    changed: dict[str, frozenset[str]] = field(default_factory=dict)
    error: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """Edits in one batch, and the acceptable outcomes."""

    acts: tuple[Act, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Scenario:
    """One scenario.

    Attributes:
        main: a script that the program is, or ``-m module``; without it the setup imports what it wants.
        needs: libraries without which it is skipped.
        fresh: whether the checks hold in a program that starts with the files as edited, too. They can't where they
            look at what has lived through the edit.
        idle: whether the checks hold without any reload, since nothing may change.
        again: whether the checks may hold in a program whose modules are all run again. They can't where they look at
            what an edit must keep.
        ours: whether it is about what only reloadls offers, so that comparing others would be unfair.
        python: the oldest Python it is for.
    """

    path: str
    description: str
    before: tuple[Act, ...]
    prepare: Snippet
    setup: Snippet
    steps: tuple[Step, ...]
    main: str = ""
    needs: tuple[str, ...] = ()
    fresh: bool = True
    idle: bool = False
    again: bool = True
    ours: bool = False
    python: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Its area and file name, which identify it in tests and tables."""
        return "/".join(Path(self.path).with_suffix("").parts[-2:])

    @property
    def area(self) -> str:
        return Path(self.path).parent.name


def files(folder: Path) -> list[Path]:
    """Return all scenario files below a folder, in order."""
    return sorted(folder.glob("*/*.scenario"))


def read(path: Path) -> Scenario:
    """Read one scenario."""
    return parse(path.read_text(encoding="utf-8"), str(path))


@dataclass(frozen=True)
class Section:
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def kind(self) -> str:
        return self.words[0]


def parse(text: str, path: str) -> Scenario:
    """Parse the text of a scenario file.

    Raises:
        ScenarioError: it is not one.
    """
    head, *sections = _sections(text, path)
    description, options = _head(head.text, path)
    before = tuple(_act(section, path, 1) for section in sections if section.kind == "file")
    snippets = {
        section.kind: Snippet(section.text, section.line)
        for section in sections
        if section.kind in {"setup", "prepare"}
    }
    rest = [section for section in sections if section.kind not in {"file", "setup", "prepare"}]
    return Scenario(
        path=path,
        description=description,
        before=before,
        prepare=snippets.get("prepare", Snippet()),
        setup=snippets.get("setup", Snippet()),
        steps=tuple(_steps(rest, path)),
        main=options.get("main", ""),
        needs=tuple(options.get("needs", "").replace(",", " ").split()),
        fresh=options.get("fresh") != "no",
        idle=options.get("idle") == "yes",
        again=options.get("again") != "no",
        ours=options.get("ours") == "yes",
        python=tuple(int(part) for part in options.get("python", "").split(".") if part),
    )


def _sections(text: str, path: str) -> Iterator[Section]:
    words: tuple[str, ...] = ("head",)
    lines: list[str] = []
    began = 1
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("=== "):
            lines.append(line)
            continue
        yield Section(words, _body(lines), began)
        words, lines, began = tuple(line[4:].split()), [], number + 1
        if not words or words[0] not in {"file", "prepare", "setup", "expect", "check", *ACTS}:
            raise ScenarioError(f"{path}:{number}: no section is called {line[4:]!r}")
    yield Section(words, _body(lines), began)


def _body(lines: list[str]) -> str:
    text = "\n".join(lines).rstrip("\n")
    return text + "\n" if text else ""


def _head(text: str, path: str) -> tuple[str, dict[str, str]]:
    description, *lines = text.splitlines() or [""]
    options = dict(_pair(line, path) for line in lines if line.strip())
    if unknown := set(options) - {"main", "needs", "fresh", "idle", "again", "ours", "python"}:
        raise ScenarioError(f"{path}: unknown: {', '.join(sorted(unknown))}")
    if not description.endswith("."):
        raise ScenarioError(f"{path}:1: begins with a sentence that says what must be true")
    return description, options


def _pair(line: str, path: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ScenarioError(f"{path}: not 'name: value': {line!r}")
    return name.strip(), value.strip()


def _act(section: Section, path: str, count: int) -> Act:
    paths = tuple(word for word in section.words[1:] if "=" not in word)
    if len(paths) != count:
        raise ScenarioError(f"{path}:{section.line - 1}: {section.kind} takes {count} path(s)")
    options = dict(word.split("=", 1) for word in section.words[1:] if "=" in word)
    return Act(section.kind, paths, Snippet(section.text, section.line), options)


def _steps(sections: list[Section], path: str) -> Iterator[Step]:
    acts: list[Act] = []
    outcomes: list[Outcome] = []
    expected: Section | None = None
    for section in sections:
        if section.kind in ACTS:
            if outcomes:
                yield Step(tuple(acts), tuple(outcomes))
                acts, outcomes = [], []
            acts.append(_act(section, path, ACTS[section.kind]))
        elif section.kind == "expect":
            expected = section
        else:
            outcomes.append(_outcome(expected, Snippet(section.text, section.line), path))
            expected = None
    if not outcomes or expected is not None:
        raise ScenarioError(f"{path}: ends without a check")
    yield Step(tuple(acts), tuple(outcomes))


def _outcome(expected: Section | None, check: Snippet, path: str) -> Outcome:
    if expected is None:
        return Outcome("reloaded", check)
    status = " ".join(expected.words[1:])
    if status not in STATUSES:
        raise ScenarioError(f"{path}:{expected.line - 1}: a status is one of {', '.join(STATUSES)}")
    changed: dict[str, frozenset[str]] = {}
    notes: list[str] = []
    said = {"error": "", "reason": ""}
    for line in filter(str.strip, expected.text.splitlines()):
        name, value = _pair(line, path)
        if name == "changed":
            module, names = _pair(value, path)
            changed[module] = frozenset(re.split(r",\s*", names)) if names else frozenset()
        elif name == "note":
            notes.append(value)
        elif name in said:
            said[name] = value
        else:
            raise ScenarioError(f"{path}:{expected.line}: unknown: {name}")
    return Outcome(status, check, changed, said["error"], said["reason"], tuple(notes))
