"""What a program of the corpus is: its files, how it is started, how it answers, and the edits made to it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Change", "Edit", "Program", "edit", "files"]


@dataclass(frozen=True)
class Change:
    """One file's.

    Attributes:
        path: below the program's folder.
        old: what is replaced, once; None writes the file anew.
        new: what comes there; None deletes the file.
    """

    path: str
    old: str | None
    new: str | None

    def make(self, folder: Path) -> None:
        """Make it, as editors do: the file is written in place."""
        place = folder / self.path
        if self.new is None:
            place.unlink()
        elif self.old is None:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(self.new, encoding="utf-8")
        else:
            text = place.read_text(encoding="utf-8")
            if text.count(self.old) != 1:
                raise ValueError(f"{self.path} has {self.old!r} {text.count(self.old)} times, not once")
            place.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Edit:
    """One save, or a few at once."""

    what: str
    changes: tuple[Change, ...]
    fault: str = ""
    """What is known to be wrong with it, in words; once that is mended, this goes."""


def edit(what: str, path: str, old: str | None, new: str | None, *more: Change, fault: str = "") -> Edit:
    """An edit of one file, or of more."""
    return Edit(what, (Change(path, old, new), *more), fault)


def files(texts: Mapping[str, str]) -> dict[str, str]:
    """Files by their paths, written here as part of the code around them."""
    return {path: textwrap.dedent(text).lstrip("\n") for path, text in texts.items()}


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program of the corpus.

    Attributes:
        name: what the tables call it.
        files: its files; what `setup` makes comes first.
        run: what comes after ``python``; ``{port}`` is filled in.
        edits: made one after the other.
        asks: the paths that are requested over HTTP; if empty, the answer is what it prints.
        asker: a script of its own folder that asks it, and prints the answer; given the port.
        environment: the name of the environment that it runs in; "" is the one of the tests.
        packages: what is installed there.
        setup: commands, after ``python``, that make its files before it runs.
        prepare: commands, after ``python``, once its files are there.
        source: the released source package that its files come from.
        workers: how many processes answer.
        fast: whether `make test` has it.
        variables: environment variables.
        state: the path that answers with a number which grows as long as the program lives.
        peers: names of other reloaders -> what starts it under them, as `run` but with the program's name first.
    """

    name: str
    files: Mapping[str, str]
    run: tuple[str, ...]
    edits: tuple[Edit, ...]
    asks: tuple[str, ...] = ()
    asker: str = ""
    environment: str = ""
    packages: tuple[str, ...] = ()
    setup: tuple[tuple[str, ...], ...] = ()
    prepare: tuple[tuple[str, ...], ...] = ()
    source: str = ""
    workers: int = 1
    fast: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    peers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
