"""The engines that apply a scenario's edits: reloadls, none, a fresh start, or `importlib.reload`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.reload.support.disk import Change

__all__ = ["Engine", "Naive", "NoReload", "Reloadls", "EngineResult", "run_main"]


@dataclass(frozen=True)
class EngineResult:
    """What an engine reports about a batch.

    Attributes:
        status: as in a reloadls report; "" if the engine has no status.
        trouble: whether it reported in any way that something went wrong.
        report: the whole report, if any.
    """

    status: str = ""
    trouble: bool = False
    report: Any = field(default=None, compare=False)


class Engine(ABC):
    """Applies edits to the running program."""

    root = ""

    def start(self, root: str) -> None:
        """Prepare for the program that is about to start."""
        self.root = root

    def run(self, main: str) -> None:
        """Run a script, or ``-m module``, as `__main__`."""
        run_main(self.root, main)

    def execute(self, source: str, path: str, namespace: dict[str, Any]) -> None:
        """Run a snippet of a scenario."""
        exec(compile(source, path, "exec"), namespace)

    @abstractmethod
    def apply(self, changes: Sequence[Change]) -> EngineResult:
        """Apply these changes, and return when that is done."""


class NoReload(Engine):
    """No reload at all; a check must fail with it."""

    def apply(self, changes: Sequence[Change]) -> EngineResult:
        return EngineResult()


class Naive(Engine):
    """Imports the whole program again after each change."""

    def apply(self, changes: Sequence[Change]) -> EngineResult:
        trouble = False
        for module in list(sys.modules.values()):
            if (getattr(module, "__file__", None) or "").startswith(self.root + os.sep):
                try:
                    importlib.reload(module)
                except BaseException as error:
                    print(f"{type(error).__name__}: {error}", file=sys.stderr)
                    trouble = True
        return EngineResult(trouble=trouble)


class Reloadls(Engine):
    """The engine under test."""

    def start(self, root: str) -> None:
        from reloadls.reload import HotReloader

        super().start(root)
        self.reloader: Any = HotReloader([root])

    def run(self, main: str) -> None:
        if main.startswith("-m "):
            self.reloader.run_module(main[3:].strip())
        else:
            self.reloader.run_path(main)

    def apply(self, changes: Sequence[Change]) -> EngineResult:
        from pathlib import Path

        from reloadls.watch import FileChange

        kinds: Any = [change.kind for change in changes]
        report = self.reloader.apply(
            FileChange(Path(change.path), kind, Path(change.renamed_from) if change.renamed_from else None)
            for change, kind in zip(changes, kinds, strict=True)
        )
        return EngineResult(report.status, report.status in {"failed", "restartRequired"}, report)


def run_main(root: str, main: str) -> None:
    """Run a script or module as `__main__`, and keep it, as in a program that continues."""
    module = types.ModuleType("__main__")
    if main.startswith("-m "):
        name = main[3:].strip()
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(name + ".__main__")
        if spec is None or spec.origin is None:
            raise ImportError(f"no module named {name}")
        path, module.__package__ = spec.origin, spec.parent
        module.__spec__ = spec
    else:
        path = os.path.join(root, main)
    module.__file__ = path
    sys.modules["__main__"] = module
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
