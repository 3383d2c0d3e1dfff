"""Resolve a command that is not a script's path: `reloadls run flask run`, `reloadls run python -m pkg`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import replace
from typing import Final

from .arguments import RunOptions

__all__ = ["UnsupportedCommand", "is_program", "resolve"]

_PYTHON: Final = re.compile(r"(python|pypy)[0-9.]*(\.exe)?")
_WITH_VALUE: Final = ("-W", "-X", "--check-hash-based-pycs")


class UnsupportedCommand(Exception):
    """This interpreter can't run the program; the message has the reason and the way out."""


def resolve(options: RunOptions) -> tuple[RunOptions, tuple[str, ...]]:
    """Return the options for the script or module that a command stands for, and the interpreter's flags.

    Args:
        options: the parsed command line.

    Raises:
        UnsupportedCommand: it belongs to another environment, or can't be reloaded.
    """
    if options.is_module or is_program(options.program):
        found = options.program
        if options.is_module or not _PYTHON.fullmatch(os.path.basename(found)) or os.path.isdir(found):
            return options, ()
    elif os.sep in options.program:
        return options, ()
    else:
        found = _find(options.program)
        if not found:
            return options, ()
    if _PYTHON.fullmatch(os.path.basename(found)):
        _check_interpreter(found)
        return _after_python(options)
    _check_command(found)
    return replace(options, program=found), ()


def is_program(path: str) -> bool:
    """Return whether `python` can run a path: a file, or a folder with a `__main__.py`.

    A project's package often has the name of its command.
    """
    return os.path.exists(os.path.join(path, "__main__.py") if os.path.isdir(path) else path)


def _find(name: str) -> str:
    """Return a command's path: of this interpreter's environment, else of PATH; empty if there is none."""
    folder = os.path.dirname(sys.executable)
    return shutil.which(name, path=folder) or shutil.which(name) or ""


def _after_python(options: RunOptions) -> tuple[RunOptions, tuple[str, ...]]:
    rest = list(options.args)
    flags: list[str] = []
    while rest and rest[0].startswith("-") and rest[0] != "-":
        flag = rest.pop(0)
        if flag == "-m" and rest:
            return replace(options, program=rest[0], is_module=True, args=tuple(rest[1:])), tuple(flags)
        if flag.startswith("-c") or flag == "-m":
            raise UnsupportedCommand(f"reloadls run python {flag}: only scripts and modules can be reloaded")
        flags.append(flag)
        if flag in _WITH_VALUE and rest:
            flags.append(rest.pop(0))
    if not rest:
        raise UnsupportedCommand("reloadls run python: the script or module is missing")
    return replace(options, program=rest[0], args=tuple(rest[1:])), tuple(flags)


def _check_interpreter(python: str) -> None:
    """Raise UnsupportedCommand unless that is the interpreter that runs this."""
    ours = {os.path.dirname(os.path.abspath(sys.executable)), os.path.join(os.path.abspath(sys.prefix), "bin")}
    if os.path.dirname(os.path.abspath(python)) not in ours and os.path.realpath(python) != sys.executable:
        raise UnsupportedCommand(_advice(python, python))


def _check_command(path: str) -> None:
    with open(path, "rb") as file:
        first = file.readline(500)
    if not first.startswith(b"#!"):
        raise UnsupportedCommand(f"{path} is not a Python script and can't be reloaded")
    line = os.fsdecode(first[2:]).split()
    python = line[0] if line else ""
    name = os.path.basename(python)
    if name == "env" or name in ("sh", "bash"):  # resolved by PATH; or a wrapper for a path too long for a #! line
        return
    if not _PYTHON.fullmatch(name):
        raise UnsupportedCommand(f"{path} is not a Python script and can't be reloaded")
    if os.path.isfile(python):
        try:
            _check_interpreter(python)
        except UnsupportedCommand:
            raise UnsupportedCommand(_advice(path, python)) from None


def _advice(what: str, python: str) -> str:
    return (
        f"{what} belongs to another environment than this reloadls ({sys.prefix}): install reloadls there "
        f"({python} -m pip install reloadls), and run it with {python} -m reloadls run"
    )
