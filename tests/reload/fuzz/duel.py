"""Plays edits on a program under the engine, and compares with one started from scratch each time."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.reload.fuzz.held import Held, disagreements, taken
from tests.reload.fuzz.observe import observed
from tests.reload.fuzz.oracle import Oracle
from tests.reload.support.disk import write

__all__ = ["Disagreement", "Duel", "dueling"]

Sources = Mapping[str, str]
"""Module → the content of its file."""


class Disagreement(Exception):
    """The edited program is not what it should be; the message says where."""


class Duel:
    """One program under the engine, beside one that is started from scratch after each edit."""

    def __init__(self, folder: str, sources: Sources, oracle: Oracle, random: Random) -> None:
        self._folder = folder
        self._modules = tuple(sources)
        self._sources: dict[str, str] = {}
        self._oracle = oracle
        self._random = random
        self._held: list[Held] = []
        self._write(sources)
        for module in self._modules:
            importlib.import_module(module)
        self.now = observed(self._modules)
        self._hold()

    def edit(self, sources: Sources, reloader: Any) -> str:
        """Save these files, take them up, compare; return the report's status.

        Raises:
            Disagreement: the program is not what it should be.
        """
        from reloadls.watch import FileChange

        paths = self._write(sources)
        if not paths:
            return "unchanged"
        right = self._oracle.ask()
        try:
            report = reloader.apply([FileChange(Path(path), "modified") for path in paths])
        except BaseException as error:
            raise Disagreement(f"apply raised {type(error).__name__}: {error}") from error
        status: str = report.status
        self._compare(right, status, report)
        return status

    def _compare(self, right: dict[str, str] | str, status: str, report: Any) -> None:
        if isinstance(right, str):
            self._unchanged(f"a fresh start ends with {right}, the report says {status}", status == "failed")
        elif status == "restartRequired":
            self._unchanged("a restart is asked for", True)
        elif status == "failed":
            raise Disagreement(f"a fresh start works, the report says {report.error}")
        else:
            problems = [*differences(observed(self._modules), right), *disagreements(self._held, right)]
            if problems:
                raise Disagreement(f"status {status}\n" + "\n".join(problems[:6]))
            self.now = right
            self._held = [each for each in self._held if each.key in right]
            if self._random.random() < 0.3:
                self._hold()

    def _unchanged(self, why: str, is_right: bool) -> None:
        problems = [*differences(observed(self._modules), self.now), *disagreements(self._held, self.now)]
        if problems or not is_right:
            raise Disagreement(f"{why}; the program must be what it was\n" + "\n".join(problems[:6]))

    def _hold(self) -> None:
        new = taken(self._modules)
        self._held = [*self._held, *self._random.sample(new, min(len(new), 20))][-100:]

    def _write(self, sources: Sources) -> list[str]:
        changed = [module for module in sources if self._sources.get(module) != sources[module]]
        self._sources.update(sources)
        paths = [os.path.join(self._folder, module + ".py") for module in changed]
        for module, path in zip(changed, paths, strict=True):
            write(path, sources[module])
        return paths


def differences(now: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    """Where one observation is not the other."""
    return [
        f"{key}:\n  is   {now.get(key, '(nothing)')}\n  must {right.get(key, '(nothing)')}"
        for key in sorted({*now, *right})
        if now.get(key) != right.get(key)
    ]


@contextlib.contextmanager
def dueling(folder: str, history: Sequence[Sources], random: Random) -> Iterator[tuple[Duel, Any]]:
    """A duel that has begun with the first of these, and its engine; all of it is taken back at the end."""
    from reloadls.reload import HotReloader

    modules = tuple(history[0])
    sys.path.insert(0, folder)
    reloader: Any = HotReloader([folder])
    try:
        importlib.invalidate_caches()
        with Oracle(folder, modules) as oracle:
            yield Duel(folder, history[0], oracle, random), reloader
    finally:
        reloader.close()
        sys.path.remove(folder)
        for module in modules:
            sys.modules.pop(module, None)
