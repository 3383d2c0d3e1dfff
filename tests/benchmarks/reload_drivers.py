"""How each other reload engine is used: as its documentation says, in the environment it is installed in.

None of them watches here: each is told at once, by the call that its own watcher or hook makes. Their printed messages
are read for whether they say that something went wrong.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import types
from collections.abc import Sequence
from typing import Any

from tests.reload.support.disk import Change
from tests.reload.support.engines import Engine, EngineResult

__all__ = ["Autoreload2", "Autoreload3", "Importlib", "Jurigged", "Marimo"]


class Importlib(Engine):
    """`importlib.reload` of each changed module, in the order in which they were first imported."""

    def apply(self, changes: Sequence[Change]) -> EngineResult:
        importlib.invalidate_caches()
        paths = {change.path for change in changes}
        trouble = False
        for module in list(sys.modules.values()):
            if getattr(module, "__file__", None) in paths:
                try:
                    importlib.reload(module)
                except BaseException:
                    trouble = True
        return EngineResult(trouble=trouble)


class Autoreload2(Engine):
    """IPython's ``%autoreload 2``: snippets are cells, and the reload happens before a cell runs."""

    mode = "2"

    def start(self, root: str) -> None:
        super().start(root)
        shell: Any = importlib.import_module("IPython.core.interactiveshell").InteractiveShell
        self._shell = shell.instance(history_length=0)
        self._shell.history_manager.enabled = False
        self._shell.run_line_magic("load_ext", "autoreload")
        self._shell.run_line_magic("autoreload", self.mode)

    def run(self, main: str) -> None:
        self._shell.run_line_magic("run", main)

    def execute(self, source: str, path: str, namespace: dict[str, Any]) -> None:
        self._shell.user_ns.update(namespace)
        namespace.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            self._shell.run_cell(source).raise_error()

    def apply(self, changes: Sequence[Change]) -> EngineResult:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            self._shell.run_cell("None")
        return EngineResult(trouble="failed" in said.getvalue() or "Error" in said.getvalue())


class Autoreload3(Autoreload2):
    """IPython's ``%autoreload 3``: new names of a module come, too."""

    mode = "3"


class Jurigged(Engine):
    """`jurigged.watch(folder)`, and what its handler does when a file was modified or created."""

    def start(self, root: str) -> None:
        super().start(root)
        self._errors: list[object] = []
        self._live: Any = importlib.import_module("jurigged.live")
        self._watcher = self._live.watch(root + "/*.py", logger=self._log, autostart=False, debounce=0)

    def _log(self, event: object) -> None:
        if isinstance(event, BaseException):
            self._errors.append(event)

    def run(self, main: str) -> None:
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        if main.startswith("-m "):
            name = main[3:].strip()
            _, spec, _ = self._live.runpy._get_module_details(name)
            self._live.registry.prepare("__main__", spec.origin)
            self._live.runpy.run_module(name, module_object=module)
        else:
            path = os.path.join(self.root, main)
            self._live.registry.prepare("__main__", path)
            self._live.runpy.run_path(path, module_object=module)

    def apply(self, changes: Sequence[Change]) -> EngineResult:
        self._errors.clear()
        for change in changes:
            if change.kind != "deleted" and self._live.registry.get(change.path) is not None:
                self._watcher.refresh(change.path)
        return EngineResult(trouble=bool(self._errors))


class Marimo(Engine):
    """marimo's own autoreload, as it runs before a cell."""

    def start(self, root: str) -> None:
        super().start(root)
        self._reloader: Any = importlib.import_module("marimo._runtime.reload.autoreload").ModuleReloader()

    def execute(self, source: str, path: str, namespace: dict[str, Any]) -> None:
        super().execute(source, path, namespace)
        self._reloader.check(sys.modules, reload=False)  # so that it knows what has just been imported

    def apply(self, changes: Sequence[Change]) -> EngineResult:
        self._reloader.check(sys.modules, reload=True)
        return EngineResult(trouble=bool(self._reloader.failed))
