"""Plays edits on a program under the engine, and compares with one started from scratch each time."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.reload.fuzz.held import Held, Kept, disagreements, taken
from tests.reload.fuzz.observe import forget_environment, observed
from tests.reload.fuzz.oracle import PACKAGE, Answer, fresh_start
from tests.reload.fuzz.program import SCRIPT
from tests.reload.support.disk import write

__all__ = ["TWIN", "Disagreement", "Duel", "dueling"]

Sources = Mapping[str, str]
"""Module → the content of its file."""

TWIN = f"{PACKAGE}.second"

_TELLS_A_DIFFERENCE = {"stillHeld", "notUndone"}


class Script:
    """A script that runs on a thread of its own, and comes to its end when it is told to."""

    def __init__(self, reloader: Any) -> None:
        self._reloader = reloader
        self._is_running = threading.Event()
        self._may_end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, path: str) -> None:
        """Run it up to the statement in which it goes on."""
        vars(builtins)["running"] = self._go_on
        self._thread = threading.Thread(target=self._reloader.run_path, args=(path,), daemon=True)
        self._thread.start()
        if not self._is_running.wait(60):
            raise TimeoutError("the script did not come to its last statement")

    def _go_on(self) -> None:
        if self._is_running.is_set():
            raise AssertionError("the statement that is running was run again")
        self._is_running.set()
        self._may_end.wait()

    def end(self) -> None:
        """Have it end, if it was started."""
        self._may_end.set()
        if self._thread is not None:
            self._thread.join()
            del vars(builtins)["running"]


class Disagreement(Exception):
    """The edited program is not what it should be; the message says where."""


class Duel:
    """One program under the engine, beside one that is started from scratch after each edit."""

    def __init__(self, folder: str, sources: Sources, random: Random, *, twin: bool, script: Script) -> None:
        self._folder = folder
        modules = tuple(each for each in sources if each != SCRIPT)
        self._modules = (*modules, TWIN) if twin else (*modules, "__main__") if SCRIPT in sources else modules
        self._disk: dict[str, str] = {}
        self.live: dict[str, str] = dict(sources)
        """What the program runs: not the same as the disk while a file there can't be taken up."""
        self._random = random
        self._held: list[Held] = []
        self._kept = Kept()
        self._write(sources)
        forget_environment()
        for module in self._modules:
            if module == "__main__":
                script.start(_path(folder, SCRIPT))
            else:
                importlib.import_module(module)
        self.now = observed(self._modules)
        self._hold()

    def edit(self, sources: Sources, reloader: Any) -> str:
        """Save these files, take them up, compare; return the report's status, or ``noted``.

        Raises:
            Disagreement: the program is not what it should be.
        """
        from reloadls.watch import FileChange

        changed = self._write(sources)
        if not changed:
            return "unchanged"
        right = fresh_start(self._folder, self._modules)
        try:
            report = reloader.apply([FileChange(Path(_path(self._folder, each)), "modified") for each in changed])
        except BaseException as error:
            raise Disagreement(f"apply raised {type(error).__name__}: {error}") from error
        if report.status in {"failed", "restartRequired"}:
            self._compare_refused(right, changed, report)
        elif isinstance(right, str) or any(each.status == "restartRequired" for each in report.modules):
            return self._compare(self._partly(changed, report), report)
        else:
            self.live = dict(self._disk)
            return self._compare(right, report)
        status: str = report.status
        return status

    def _compare(self, right: dict[str, str], report: Any) -> str:
        problems = [*differences(observed(self._modules), right), *disagreements(self._held, right)]
        lost = self._kept.lost(self.live, self._modules)
        notes = [f"{each.code}: {each.message}" for each in report.notes if each.code in _TELLS_A_DIFFERENCE]
        if lost or (problems and not notes):
            raise Disagreement(f"status {report.status}\n" + "\n".join([*lost, *problems][:6]))
        if notes and not problems:
            raise Disagreement(f"status {report.status}, and notes without a difference\n" + "\n".join(notes))
        if problems:
            return "noted"
        self.now = right
        self._held = [each for each in self._held if each.key in right]
        if self._random.random() < 0.3:
            self._hold()
        status: str = report.status
        return status

    def _partly(self, changed: Sequence[str], report: Any) -> dict[str, str]:
        """What must be now, where a fresh start fails, but the report says that something was taken up."""
        waiting = {each.name for each in report.modules if each.status not in {"reloaded", "unchanged"}}
        told = {each.name for each in report.modules if each.status in {"reloaded", "unchanged"}} | {*changed}
        self.live.update({each: self._disk[each] for each in told - waiting if each in self._disk})
        found = self._started(self.live)
        if isinstance(found, str):
            raise Disagreement(f"a fresh start of what is said to be live ends with {found}: {report}")
        return found

    def _compare_refused(self, right: Answer, changed: Sequence[str], report: Any) -> None:
        if report.status == "failed" and not isinstance(right, str):
            raise Disagreement(f"a fresh start works, the report says {report.error}")
        if report.status == "failed":
            alone = {**self.live, **{each: self._disk[each] for each in changed}}
            need_restart = any(each.status == "restartRequired" for each in report.modules)
            if not need_restart and not isinstance(self._started(alone), str):
                raise Disagreement(f"what was edited works with what is live, the report says {report.error}")
        problems = [*differences(observed(self._modules), self.now), *disagreements(self._held, self.now)]
        if problems := [*problems, *self._kept.lost(self.live, self._modules)]:
            raise Disagreement(f"{report.status}; the program must be what it was\n" + "\n".join(problems[:6]))

    def _started(self, sources: Sources) -> Answer:
        for module, text in sources.items():
            write(_path(os.path.join(self._folder, "live"), module), text)
        return fresh_start(os.path.join(self._folder, "live"), self._modules)

    def _hold(self) -> None:
        new = taken(self._modules)
        self._held = [*self._held, *self._random.sample(new, min(len(new), 20))][-100:]
        self._kept.put(self.live, self._modules)

    def _write(self, sources: Sources) -> list[str]:
        changed = [module for module in sources if self._disk.get(module) != sources[module]]
        self._disk.update(sources)
        for module in changed:
            write(_path(self._folder, module), sources[module])
        return changed


def _path(folder: str, module: str) -> str:
    return os.path.join(folder, PACKAGE, module + ".py")


def differences(now: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    """Where one observation is not the other."""
    return [
        f"{key}:\n  is   {now.get(key, '(nothing)')}\n  must {right.get(key, '(nothing)')}"
        for key in sorted({*now, *right})
        if now.get(key) != right.get(key)
    ]


@contextlib.contextmanager
def dueling(
    folder: str, history: Sequence[Sources], random: Random, *, twin: bool = False
) -> Iterator[tuple[Duel, Any]]:
    """A duel that has begun with the first of these, and its engine; all of it is taken back at the end."""
    from reloadls.reload import HotReloader

    modules = (*history[0], TWIN) if twin else tuple(history[0])
    main = sys.modules["__main__"]
    places = [os.path.join(folder, PACKAGE), folder]
    for place in (folder, os.path.join(folder, "live")):
        os.makedirs(os.path.join(place, PACKAGE))
    sys.path[:0] = places
    reloader: Any = HotReloader([places[0]])
    script = Script(reloader)
    try:
        importlib.invalidate_caches()
        yield Duel(folder, history[0], random, twin=twin, script=script), reloader
    finally:
        script.end()
        sys.modules["__main__"] = main
        reloader.close()
        for place in places:
            sys.path.remove(place)
        for module in (*modules, PACKAGE):
            sys.modules.pop(module, None)
