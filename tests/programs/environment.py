"""The environments that the programs run in: made once, in the user's cache, from a package index."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from filelock import FileLock

from tests.benchmarks.roster import REPOSITORY, cache_folder

from .program import Program

__all__ = ["make_folder", "python_of"]

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")


def python_of(name: str, packages: tuple[str, ...]) -> str:
    """The Python of an environment, which is made if it is not there."""
    if not name:
        return sys.executable
    wanted = "\n".join((sys.version, os.fspath(REPOSITORY), *sorted(packages)))
    place = _cache() / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        _install(name, place, packages)
    return os.fspath(place / "bin" / "python")


def _install(name: str, place: Path, packages: tuple[str, ...]) -> None:
    python = place / "bin" / "python"
    if not (place / ".installed").exists():
        print(f"== installing {name} into {place}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", os.fspath(place)], check=True)
        subprocess.run([python, *_PIP, "install", "-qq", "watchfiles", *packages], check=True)
        # The engine under test, as an editable install would have it.
        found = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        (Path(found) / "reloadls-under-test.pth").write_text(f"{REPOSITORY / 'server'}\n", encoding="utf-8")
        (place / ".installed").touch()


def make_folder(program: Program, folder: Path) -> None:
    """Write the program's files, as they are before the first edit."""
    folder.mkdir(parents=True)
    if program.source:
        _unpack(program.source, folder)
    python = python_of(program.environment, program.packages)
    _run_all(program.setup, python, folder)
    for path, text in program.files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    _run_all(program.prepare, python, folder)


def _run_all(commands: tuple[tuple[str, ...], ...], python: str, folder: Path) -> None:
    for command in commands:
        subprocess.run([python, *command], cwd=folder, check=True, capture_output=True)


def _unpack(requirement: str, folder: Path) -> None:
    """The files of a released source package."""
    place = _cache() / "sources" / requirement
    if not place.exists():
        part = place.with_name(place.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        command = [*_PIP, "download", "-qq", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([sys.executable, *command, "-d", os.fspath(part), requirement], check=True)
        part.rename(place)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    for each in list(inside.iterdir()):
        each.rename(folder / each.name)
    inside.rmdir()


def _cache() -> Path:
    return cache_folder().parent / "programs"
