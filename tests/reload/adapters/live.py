"""Edit a loaded program, and compare it with one that starts from the same files."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from reloadls import FileChange
from reloadls.reload import HotReloader, ReloadReport

__all__ = ["Edit", "Live", "check"]

Edit = tuple[str, str, str]
"""A file, a text that occurs exactly once, and its replacement; "" for the end of the file."""


class Live:
    """The program under the engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self._reloader = HotReloader([folder])
        self._names: set[str] = set()
        sys.path.insert(0, str(folder))

    def close(self) -> None:
        self._reloader.close()
        sys.path.remove(str(self.folder))
        self._forget()
        sys.path_importer_cache.pop(str(self.folder), None)

    def _forget(self) -> dict[str, ModuleType]:
        """Unload the program's modules and return them."""
        own = {name: each for name, each in sys.modules.items() if self._is_own(each)}
        for name in own:
            del sys.modules[name]
        return own

    def _is_own(self, module: object) -> bool:
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and Path(file).is_relative_to(self.folder)

    def load(self, files: dict[str, str], name: str = "app") -> ModuleType:
        """Write the program's files, and import it."""
        for path, text in files.items():
            self._write(path, text)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    def _write(self, path: str, text: str) -> FileChange:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        there = target.exists()
        target.write_text(text)
        return FileChange(target, "modified" if there else "created")

    def text(self, path: str) -> str:
        return (self.folder / path).read_text()

    def texts_after(self, edits: list[Edit]) -> dict[str, str]:
        """Return the texts of the files after these edits."""
        texts = {path: self.text(path) for path, _, _ in edits}
        for path, old, new in edits:
            assert not old or texts[path].count(old) == 1, f"{old!r} is there {texts[path].count(old)} times"
            texts[path] = texts[path].replace(old, new) if old else texts[path] + new
        return texts

    def save_all(self, texts: dict[str, str]) -> ReloadReport:
        return self._reloader.apply([self._write(path, text) for path, text in texts.items()])

    def edit(self, *edits: Edit) -> ReloadReport:
        """Make edits and apply them."""
        return self.save_all(self.texts_after(list(edits)))

    def delete(self, path: str) -> ReloadReport:
        """Delete a file and apply that."""
        (self.folder / path).unlink()
        return self._reloader.apply([FileChange(self.folder / path, "deleted")])

    def rename(self, path: str, new: str) -> ReloadReport:
        """Rename a file and apply that."""
        before, after = self.folder / path, self.folder / new
        before.rename(after)
        return self._reloader.apply([FileChange(before, "deleted"), FileChange(after, "created", before)])

    @contextmanager
    def started_afresh(self, name: str = "app") -> Iterator[ModuleType]:
        """Load the program from the current files, without the engine."""
        own = self._forget()
        finders, sys.meta_path[:] = list(sys.meta_path), [each for each in sys.meta_path if isinstance(each, type)]
        written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        followed = vars(SourceFileLoader).get("exec_module")  # what the engine has put there: it knows of loaders, too
        if followed is not None:
            del SourceFileLoader.exec_module
        try:
            importlib.invalidate_caches()
            yield importlib.import_module(name)
        finally:
            if followed is not None:
                SourceFileLoader.exec_module = followed  # type: ignore[method-assign]
            sys.dont_write_bytecode = written
            sys.meta_path[:] = finders
            self._forget()
            sys.modules.update(own)


def check(live: Live, files: dict[str, str], edits: list[Edit], describe: Callable[[ModuleType], Any]) -> None:
    """Compare with a fresh start after the edits, a failure, its correction, and the way back."""
    module = live.load(files)
    held = module.app
    originals = {path: live.text(path) for path, _, _ in edits}
    edited = live.texts_after(edits)

    before = describe(module)
    _fails(live, edited)
    assert describe(module) == before
    for texts in (edited, originals):
        report = live.save_all(texts)
        assert report.status in ("reloaded", "unchanged"), report
        with live.started_afresh() as fresh:
            expected = describe(fresh)
        assert describe(module) == expected
        _fails(live, texts)
        assert describe(module) == expected
        assert module.app is held
        live.save_all(texts)


def _fails(live: Live, texts: dict[str, str]) -> None:
    """Save these texts with a last statement that raises, after all others have run."""
    report = live.save_all({path: f"{text}\n\nboom = 1 / 0\n" for path, text in texts.items()})
    assert report.error is not None, report
    assert (report.status, report.error.type) == ("failed", "ZeroDivisionError"), report
