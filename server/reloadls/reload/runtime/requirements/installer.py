"""Choose the installer, and the command lines that install what changed."""

from __future__ import annotations

import importlib.machinery
import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .demands import InvalidFile
from .files import Changed
from .lock_files import as_requirements

__all__ = ["CantInstall", "Installer", "Step", "choose", "given"]

_QUIET: Final = {
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_PROGRESS_BAR": "off",
    "UV_NO_PROGRESS": "1",
    "NO_COLOR": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


class CantInstall(Exception):
    """No installer can be used; the message has the way out."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command.

    Attributes:
        args: the command line.
        folder: where it runs.
    """

    args: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class Installer:
    """What installs.

    Attributes:
        name: for messages.
        args: the first part of the command line; the whole of one that the user gave.
        is_given: whether the user gave it.
    """

    name: str
    args: tuple[str, ...]
    is_given: bool = False

    def steps(self, changed: Sequence[Changed], scratch: str) -> list[Step]:
        """Return the commands to run, one after the other.

        Args:
            changed: the files whose demands changed.
            scratch: a folder for files that the commands read.

        Raises:
            InvalidFile: a file demands something that this installer can't install.
        """
        folders = list(dict.fromkeys(_project_of(each.path) for each in changed))
        if self.is_given:
            return [Step(self.args, folder) for folder in folders]
        return [step for folder in folders for step in self._steps_in(folder, changed, scratch)]

    def environment(self) -> dict[str, str]:
        """Return the environment to run it in."""
        return {**os.environ, **_QUIET}

    def _steps_in(self, folder: str, changed: Sequence[Changed], scratch: str) -> list[Step]:
        paths = [each.path for each in changed if _project_of(each.path) == folder]
        steps: list[Step] = []
        files: list[str] = []
        exact: list[str] = []
        for path in paths:
            name = os.path.basename(path)
            made = os.path.join(scratch, f"{len(os.listdir(scratch))}.txt")
            if self.name == "uv" and name in ("uv.lock", "pyproject.toml") and _has_lock(folder):
                if steps:
                    continue
                export = (
                    "export",
                    "--no-emit-project",
                    "--no-header",
                    "--quiet",
                    "--python",
                    sys.executable,
                    "-o",
                    made,
                )
                steps.append(Step((self.args[0], *export), folder))
                exact.append(made)
            elif name.endswith(".txt") or (self.name == "uv" and name not in ("uv.lock", "poetry.lock")):
                files.append(path)
            else:
                _write(made, as_requirements(_read(path), name))
                (files if name == "pyproject.toml" else exact).append(made)
        if files:
            steps.append(Step((*self.args, *_each(files)), folder))
        steps += [Step((*self.args, "--no-deps", *_each([path])), folder) for path in exact]
        return steps


def given(command: str) -> Installer:
    """Return the installer for a command line that the user gave.

    Raises:
        ValueError: it can't be split, or is empty.
    """
    args = tuple(shlex.split(command))
    if not args:
        raise ValueError("must be a command")
    return Installer(os.path.basename(args[0]), args, is_given=True)


def choose() -> Installer:
    """Return uv if it is on the PATH or beside the interpreter, else pip.

    Raises:
        CantInstall: there is neither, or the system's package manager owns this interpreter.
    """
    if sys.prefix == sys.base_prefix and os.path.exists(
        os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    ):
        raise CantInstall(
            f"{sys.executable} is managed by the system (EXTERNALLY-MANAGED); run the program in a virtual environment"
        )
    beside = os.path.join(os.path.dirname(sys.executable), "uv")
    uv = beside if os.access(beside, os.X_OK) else shutil.which("uv")
    if uv is not None:
        return Installer("uv", (uv, "pip", "install", "--python", sys.executable))
    folders = [sysconfig.get_path(name) for name in ("purelib", "platlib")] + [
        entry for entry in sys.path if entry.endswith("-packages")
    ]
    if importlib.machinery.PathFinder.find_spec("pip", folders) is None:
        raise CantInstall(
            f"neither uv nor pip is installed for {sys.executable}; install uv, run python -m ensurepip, "
            "or give --sync-command"
        )
    return Installer("pip", (sys.executable, "-P", "-m", "pip", "install"))


def _project_of(path: str) -> str:
    """Return the folder that paths in a requirement file are relative to."""
    folder = os.path.dirname(path)
    return os.path.dirname(folder) if os.path.basename(folder) == "requirements" else folder


def _has_lock(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, "uv.lock"))


def _each(paths: Sequence[str]) -> list[str]:
    return [part for path in paths for part in ("-r", path)]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise InvalidFile(f"{path}: {error.strerror}", 1) from None


def _write(path: str, lines: Sequence[str]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
