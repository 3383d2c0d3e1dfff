"""Run a program as `python` would: sys.argv, sys.path, tracebacks and exit codes."""

from __future__ import annotations

import builtins
import contextlib
import importlib.util
import os
import sys
import traceback
import zipimport
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Protocol, cast

from reloadls.base import PACKAGE

if TYPE_CHECKING:
    from importlib.abc import Loader

__all__ = ["CantRun", "Runner", "find_program", "run"]

_PACKAGE = PACKAGE + os.sep
_IMPORTLIB = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


class CantRun(Exception):
    """The program does not exist or can't be opened.

    Attributes:
        status: the exit code that `python` uses for it.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Runner(Protocol):
    """The part of `HotReloader` that is used."""

    def run_path(self, path: str) -> None:
        """Run a script."""

    def run_module(self, name: str) -> None:
        """Run a module."""


def find_program(program: str, *, is_module: bool, args: tuple[str, ...]) -> str:
    """Set `sys.argv` and `sys.path` for the program.

    Args:
        program: the script, archive or folder; the name of a module.
        is_module: whether it is a module.
        args: the program's own arguments.

    Returns:
        The path of the script; empty for a module.

    Raises:
        CantRun: the script does not exist.
    """
    if is_module:
        sys.argv[:] = ["-m", *args]
        with contextlib.suppress(OSError):  # the working directory was deleted
            _set_first_path(os.getcwd())
        return ""
    script = program
    if os.path.isdir(program):
        script = os.path.join(program, "__main__.py")
        if not os.path.isfile(script):
            raise CantRun(f"can't find '__main__' module in {os.path.abspath(program)!r}", 1)
        if sys.flags.safe_path:
            sys.path.insert(0, os.path.abspath(program))
    try:
        with open(script, "rb"):
            pass
    except OSError as error:
        raise CantRun(f"can't open file {os.path.abspath(program)!r}: {error.strerror}", 2) from None
    sys.argv[:] = [program, *args]
    if _archive(script) is not None:
        script = os.path.abspath(script)
        sys.path[: 0 if sys.flags.safe_path else 1] = [script]
        return script
    _set_first_path(os.path.dirname(os.path.realpath(script)))
    return os.path.abspath(script)


def _set_first_path(folder: str) -> None:
    # -P, -I and PYTHONSAFEPATH leave that entry out.
    if not sys.flags.safe_path:
        sys.path[:1] = [folder]


def run(runner: Runner, program: str, script: str, *, on_import_failed: Callable[[], None] = lambda: None) -> int:
    """Run the program. An uncaught exception is printed as usual, without frames of reloadls.

    Args:
        runner: the engine.
        program: the module's name, if `script` is empty.
        script: the script's path.
        on_import_failed: called if an import of the program's modules raised what ended it.

    Returns:
        The exit code.

    Raises:
        SystemExit: the program raised it.
        KeyboardInterrupt: it was interrupted; the traceback is already printed.
        CantRun: the module does not exist.
    """
    try:
        if script and (archive := _archive(script)) is not None:
            _run_archive(archive)
        elif script:
            runner.run_path(script)
        else:
            sys.argv[0] = _module_path(program)
            runner.run_module(program)
    except (SystemExit, CantRun):
        raise
    except BaseException as error:
        if _is_of_import(error):
            on_import_failed()
        _show(error)
        if isinstance(error, KeyboardInterrupt):
            # The interpreter then ends by the signal, as shells expect, and must not print the traceback again.
            sys.excepthook = lambda *_: None
            raise KeyboardInterrupt from None
        return 1
    return 0


def _is_of_import(error: BaseException) -> bool:
    """Return whether a file could not be loaded: the program may start once that file is corrected."""
    if isinstance(error, (ImportError, SyntaxError)):
        return True
    trace = error.__traceback__ if isinstance(error, Exception) else None
    while trace is not None:
        frame, trace = trace.tb_frame, trace.tb_next
        loaded = frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__"
        if loaded and not frame.f_code.co_filename.startswith((_PACKAGE, "<frozen")):
            return True
    return False


def _archive(path: str) -> zipimport.zipimporter | None:
    """Return the importer of a zip archive of modules, as `zipapp` makes; None for other files."""
    if path.endswith(".py"):
        return None
    try:
        return zipimport.zipimporter(path)
    except zipimport.ZipImportError:
        return None


def _run_archive(archive: zipimport.zipimporter) -> None:
    """Run an archive's `__main__`. Files in an archive are not watched."""
    try:
        code = archive.get_code("__main__")
    except zipimport.ZipImportError:
        raise CantRun(f"can't find '__main__' module in {archive.archive!r}", 1) from None
    module = ModuleType("__main__")
    place = os.path.join(archive.archive, "__main__.py")
    spec = ModuleSpec("__main__", cast("Loader", archive), origin=place)
    vars(module).update(__file__=place, __package__="", __loader__=archive, __spec__=spec, __builtins__=builtins)
    if sys.version_info < (3, 14):
        vars(module)["__annotations__"] = {}
    sys.modules["__main__"] = module
    exec(code, vars(module))  # noqa: S102 - it is the program


def _module_path(name: str) -> str:
    """Return the file that `python -m name` runs."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
            if spec is None:
                raise CantRun(f"No module named {name}.__main__; {name!r} is a package and can't be run directly", 1)
    except ImportError as error:
        if error.name is None or not f"{name}.__main__".startswith(error.name):
            raise
        raise CantRun(f"No module named {name}", 1) from None
    except ValueError as error:
        raise CantRun(f"No module named {name} ({error})", 1) from None
    if spec is None or not spec.origin:
        raise CantRun(f"No module named {name}", 1)
    return spec.origin


def _show(error: BaseException) -> None:
    seen: set[int] = set()
    part: BaseException | None = error
    while part is not None and id(part) not in seen:
        seen.add(id(part))
        part.__traceback__ = _without_ours(part.__traceback__)
        part = part.__cause__ or part.__context__
    kind, trace = type(error), error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(kind, error, trace)
    except BaseException as other:
        print("Error in sys.excepthook:", file=sys.stderr)  # noqa: T201 - as the interpreter does
        traceback.print_exception(other)
        print("\nOriginal exception was:", file=sys.stderr)  # noqa: T201
        traceback.print_exception(error)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without frames of reloadls, and without the import frames that lead to them."""
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    kept: list[TracebackType] = []
    for entry in entries:
        file = entry.tb_frame.f_code.co_filename
        if file.startswith(_PACKAGE):
            while kept and kept[-1].tb_frame.f_code.co_filename in _IMPORTLIB:
                kept.pop()
        else:
            kept.append(entry)
    result: TracebackType | None = None
    for entry in reversed(kept):
        result = TracebackType(result, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return result
