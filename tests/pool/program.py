"""A program under reload: modules in a folder, edited as an editor does it."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

from reloadls import FileChange
from reloadls.reload import HotReloader, ReloadReport


class Program:
    """The modules of a program, loaded with an engine that reloads them.

    Args:
        folder: where they are written.
        modules: their texts by name; all are imported.
    """

    def __init__(self, folder: Path, **modules: str) -> None:
        self.folder = folder
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)
        self.engine = HotReloader([folder])
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        self._modules = {name: importlib.import_module(name) for name in modules}

    def __getitem__(self, name: str) -> ModuleType:
        return self._modules[name]

    def edit(self, name: str, *replacements: tuple[str, str]) -> ReloadReport:
        """Replace texts in a module's file, and apply it."""
        path = self.folder / f"{name}.py"
        text = path.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
        return self.engine.apply([FileChange(path, "modified")])

    def close(self) -> None:
        """Forget the modules."""
        self.engine.close()
        sys.path.remove(str(self.folder))
        for name in self._modules:
            sys.modules.pop(name, None)
