"""The import hook by which the engine learns of every module and loads its source."""

from __future__ import annotations

import builtins
import gc
import importlib.util
import os
import sys
import threading
from _ast import PyCF_ONLY_AST
from _imp import is_frozen
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, FrameType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.codes import is_module_body
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.regular_files import read_file

from .effects import Effect, Note, Recorder, executions, forget_execution, note_read, watch_executions
from .lines import Lines, can_watch
from .modules import LoadedModule, Modules, read_text

__all__ = ["Finder", "LateModules", "Loader", "adopt_loaded", "follow_loaders", "forget_loaders", "run_main"]


class Finder:
    """Finds the program's own modules as always, and has them loaded by `Loader`."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._known: dict[str, bool] = {}
        self._editable: list[Any] = [each for each in sys.meta_path if _module_of(each).startswith("__editable__")]
        watch_executions()

    def _own_entries(self, path: Sequence[str] | None) -> list[str]:
        """The places that are searched up to the last one which may hold the program's own modules.

        Those before it, too: a module of the program must not come before one that hides it.
        """
        entries = list(sys.path if path is None else path)
        for entry in entries:
            if entry not in self._known:
                self._known[entry] = self._modules.may_hold(os.path.realpath(entry or os.curdir))
        own = [self._known[entry] for entry in entries]
        return entries[: len(own) - own[::-1].index(True)] if True in own else []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder.find_spec`; None for all that is not the program's own."""
        if path is None and (name in sys.builtin_module_names or is_frozen(name)):
            return None  # no file comes before those
        entries = self._own_entries(path)
        spec = PathFinder.find_spec(name, entries, target) if entries else None
        if spec is None and self._editable:
            spec = self._of_editable_install(name, path, target)
        if spec is None or spec.origin is None or type(spec.loader) is not SourceFileLoader:
            return None
        if not self._modules.covers(os.path.realpath(spec.origin)):
            return None
        spec.loader = Loader(name, spec.loader.path, self._modules)
        return spec

    def _of_editable_install(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        """What a finder of an editable install has, unless it is found elsewhere before."""
        for finder in self._editable:
            spec: ModuleSpec | None = finder.find_spec(name, path, target)
            if spec is not None:
                return spec if PathFinder.find_spec(name, path, target) is None else None
        return None


def _module_of(finder: object) -> str:
    return str(getattr(finder, "__module__", None) or "")


class Loader(SourceFileLoader):
    """Loads a source file as always, and keeps its text beside its code."""

    def __init__(self, name: str, path: str, modules: Modules) -> None:
        super().__init__(name, path)
        self._modules = modules

    def exec_module(self, module: ModuleType) -> None:
        """Run the module; raises what its statements raise."""
        _execute(self, module, self._modules, by_hand=False)


def _execute(loader: SourceFileLoader, module: ModuleType, modules: Modules, *, by_hand: bool) -> None:
    text, code = _text_and_code(loader)
    path = os.path.realpath(loader.path)
    loaded = modules.loading(loader.name, path, module, text, code, by_hand=by_hand)
    failed = True
    try:
        note = _noting(loaded)
        with Recorder.noting(vars(module), note):
            lines = _lines(modules, loaded, note)
            loaded.recorded = lines.run(code)
            loaded.ran = lines.ran
        failed = False
    finally:
        modules.loaded(loaded, failed=failed)
        forget_execution(loader.path)


def _text_and_code(loader: SourceFileLoader) -> tuple[str, CodeType]:
    """The text and the code of one and the same state of the file."""
    before = loader.path_stats(loader.path)
    data = loader.get_data(loader.path)
    code = None if _is_outdated(loader.path) else loader.get_code(loader.name)
    if code is None or loader.path_stats(loader.path) != before:
        data = loader.get_data(loader.path)
        code = loader.source_to_code(data, loader.path)
    return read_text(data), code


def _is_outdated(path: str) -> bool:
    """Whether a file's bytecode may be that of an earlier state of it; then it is deleted, as far as that can be done.

    Bytecode knows its file by the size and the whole second of its time, so of two saves in one second it may have the
    first (https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation).
    """
    try:
        cached = importlib.util.cache_from_source(path)
        file, made = os.stat(path), os.stat(cached).st_mtime_ns
    except (OSError, NotImplementedError):
        return False
    changed = file.st_mtime_ns if os.name == "nt" else max(file.st_mtime_ns, file.st_ctime_ns)
    if changed < made:
        return False
    with suppress(OSError):
        os.unlink(cached)
    return True


_following: list[Modules] = []
"""Called with modules that programs run by a loader of their own, the last first."""


def follow_loaders(modules: Modules) -> None:
    """Know of files that the program loads by their place (`spec_from_file_location`), from now on."""
    _following.append(modules)
    if len(_following) == 1:
        SourceFileLoader.exec_module = _exec_by_hand  # type: ignore[method-assign, assignment]


def forget_loaders(modules: Modules) -> None:
    """Know of no more of them."""
    if modules in _following:
        _following.remove(modules)
        if not _following:
            del SourceFileLoader.exec_module


def _exec_by_hand(self: SourceFileLoader, module: ModuleType) -> None:
    """Run a module that was found in another way than by `Finder`."""
    found = None
    if type(self) is SourceFileLoader and isinstance(self.path, str):
        path = os.path.realpath(self.path)
        found = next((each for each in reversed(_following) if each.covers(path)), None)
    if found is None:
        super(SourceFileLoader, self).exec_module(module)
    else:
        note_read(path, sys._getframe(1))  # once nothing holds the module, what it was loaded for is data of the file
        _execute(self, module, found, by_hand=True)


_MOST_NOTED = 1_000
"""A script runs as long as its program: what its last statement does is noted up to here."""


def _noting(loaded: LoadedModule) -> Note:
    seen: set[tuple[int, str]] = set()

    def note(line: int, effect: Effect) -> None:
        if effect.path is not None:
            if (line, effect.path) in seen:
                return
            seen.add((line, effect.path))
        if len(loaded.noted) < _MOST_NOTED:
            loaded.noted.append((line, effect))

    return note


def _lines(modules: Modules, loaded: LoadedModule, note: Note) -> Lines:
    def changed(line: int, change: Change) -> None:
        note(line, Effect(change=change))

    def bound(line: int, names: frozenset[str]) -> None:
        note(line, Effect(bound=names))

    return Lines(loaded.namespace, changed, bound, modules.owns, loaded)


def adopt_loaded(modules: Modules) -> None:
    """Take in what is loaded already, as the files are now."""
    seen: set[int] = set()
    for name, module in [*sys.modules.items(), *_modules_by_hand()]:
        path = _source_path(module)
        if path is None or not modules.covers(path) or id(module) in seen:  # multiprocessing names __main__ twice
            continue
        seen.add(id(module))
        _adopt(modules, name, path, module)


class LateModules:
    """Takes in what others run: `coverage run`, `pdb`, `debugpy`, `runpy`, pytest's loader.

    A file that was written after it was run is left out: what the program runs is no longer known.
    """

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._seen: dict[str, float] = {}

    def adopt(self) -> None:
        """Take in what was run since the last call."""
        found = {}
        for place, at in executions().items():
            if self._seen.get(place) != at and self._modules.covers(place):
                path = os.path.realpath(place)
                if self._modules.covers(path) and not self._modules.all_at(path) and _is_older(path, at):
                    found[path] = at
            self._seen[place] = at
        if not found:
            return
        seen: set[int] = set()
        for name, module in list(sys.modules.items()):
            source = _source_path(module)
            if source is not None and source in found and id(module) not in seen:
                seen.add(id(module))
                _adopt(self._modules, name, source, module)


def _is_older(path: str, at: float) -> bool:
    try:
        return os.stat(path).st_mtime < at
    except OSError:
        return False


def _adopt(modules: Modules, name: str, path: str, module: ModuleType) -> None:
    try:
        text = read_text(read_file(path))
        code = compile(text, path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    running = _code_that_runs(vars(module), path)
    if running is None:
        from reloadls.reload.engine.objects.functions import as_they_run  # noqa: PLC0415 - most programs have no module yet

        code = as_they_run(code, module)
    found = modules.add(name, path, module, text, running or code)
    if name == "__main__" and found.running() is not None:  # made by the script itself, which goes on
        found.loading_in = threading.main_thread().ident
    if running is not None and running is _code_in(sys._getframe(), vars(module), path):
        Recorder.note_rest(vars(module), _noting(found), partial(_is_being_loaded, module))


def _modules_by_hand() -> list[tuple[str, ModuleType]]:
    """The modules that are only held by the program."""
    known = {id(module) for module in sys.modules.values()}
    return [(each.__name__, each) for each in gc.get_objects() if type(each) is ModuleType and id(each) not in known]


def _code_that_runs(namespace: dict[str, Any], path: str) -> CodeType | None:
    """The code of a module that is in the middle of its statements: what it makes later will run code objects of it."""
    found = (_code_in(frame, namespace, path) for frame in list(sys._current_frames().values()))
    return next((code for code in found if code is not None), None)


def _code_in(frame: FrameType | None, namespace: dict[str, Any], path: str) -> CodeType | None:
    while frame is not None:
        if frame.f_globals is namespace and is_module_body(frame.f_code, path):
            return frame.f_code
        frame = frame.f_back
    return None


def _is_being_loaded(module: ModuleType) -> bool:
    """A script is for as long as its program runs."""
    return module.__name__ == "__main__" or bool(getattr(module.__spec__, "_initializing", False))


def _source_path(module: object) -> str | None:
    path = vars(module).get("__file__") if is_a(module, ModuleType) else None
    return os.path.realpath(path) if isinstance(path, str) and path.endswith(".py") else None


def run_main(modules: Modules, path: str | None, name: str | None = None, *, called: str = "__main__") -> ModuleType:
    """Run a script, or a module by its name, as `__main__` or what it is to be called; raises what it raises."""
    spec = None
    if name is not None:
        spec = _main_spec(name)
        path = str(spec.origin)
    assert path is not None
    with open(path, "rb") as file:
        data = file.read()
    text = read_text(data)
    code = compile(data, path, "exec", dont_inherit=True)
    module = ModuleType(called)
    vars(module).update(
        __file__=path,
        __spec__=spec,
        __package__=None if spec is None else spec.parent,
        __loader__=SourceFileLoader(called, path) if spec is None else spec.loader,
        __builtins__=builtins,
    )
    if sys.version_info < (3, 14):
        vars(module)["__annotations__"] = {}
    sys.modules[called] = module
    loaded = modules.loading(called, os.path.realpath(path), module, text, code)
    note = _noting(loaded)
    with Recorder.noting(vars(module), note):
        _run_script(loaded, _lines(modules, loaded, note), code)
    modules.loaded(loaded)
    return module


def _run_script(loaded: LoadedModule, lines: Lines, code: CodeType) -> None:
    """Run the code of a script; on Python 3.11 its last statement, in which the program lives, is not traced."""
    loaded.recorded = sys.version_info >= (3, 12)
    loaded.ran = lines.ran
    if loaded.recorded or not can_watch():
        lines.run(code)
        return
    tree: Any = compile(loaded.text, loaded.path, "exec", PyCF_ONLY_AST, dont_inherit=True)
    loaded.recorded_to = tree.body[-1].lineno if tree.body else 0
    lines.run(code, until=loaded.recorded_to, ended=loaded.end_recording)


def _main_spec(name: str) -> ModuleSpec:
    """What `python -m name` runs; raises ImportError with a message as that gives."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        if name.endswith(".__main__"):
            raise ImportError("cannot use a package as __main__ module")
        return _main_spec(f"{name}.__main__")
    if spec is None:
        raise ImportError(f"no module named {name}")
    if not isinstance(spec.loader, SourceFileLoader) or spec.origin is None:
        raise ImportError(f"{name} has no source that could be run")
    return spec
