#!/usr/bin/env python3
"""Builds the wheel and the sdist into dist/, and checks both: their files, and that they work in empty environments.

.venv/bin/python .ci/check_dist.py [PYTHON...]     (without arguments: the oldest and the newest found)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
DIST = TOP / "dist"
UNWANTED = re.compile(r"(^|/)(__pycache__|\.venvs?|\.git|\.site|node_modules|\.[a-z]+_cache)(/|$)|\.py[co]$|\.vsix$")
SMOKE = """
import asyncio, importlib.resources, pathlib, subprocess, sys, tempfile
import reloadls
from reloadls import FileWatcher

assert importlib.resources.files("reloadls").joinpath("py.typed").is_file()
assert sys.prefix in reloadls.__file__, reloadls.__file__

async def main():
    with tempfile.TemporaryDirectory() as folder:
        async with FileWatcher(paths=[folder], debounce_ms=20) as watcher:
            (pathlib.Path(folder) / "a").touch()
            async for changes in watcher:
                assert [change.change_type for change in changes] == ["created"]
                return

asyncio.run(asyncio.wait_for(main(), 30))
"""


def main() -> None:
    """Build, and check what was built."""
    pythons = sys.argv[1:] or found_pythons()
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        build(Path(work))
        for package in sorted(DIST.iterdir()):
            check_files(package)
        for python in pythons:
            for package in sorted(DIST.iterdir()):
                check_installed(python, package, Path(work))
    print(f"== {', '.join(path.name for path in sorted(DIST.iterdir()))} work")


def found_pythons() -> list[str]:
    """The newest and the oldest Python that this machine has."""
    lines = subprocess.run([TOP / ".ci" / "interpreters"], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    paths = [line.split(" ", 1)[1] for line in lines if line]
    return sorted({paths[0], paths[-1]})


def build(work: Path) -> None:
    """Build as RELEASING.md says, with a `build` of its own."""
    venv = make_venv(sys.executable, work / "build")
    pip(venv, "build>=1.2")
    run(venv, "-m", "build", "--outdir", DIST, TOP)


def check_files(package: Path) -> None:
    """No caches and no tests in the wheel; the sources of both are whole."""
    if package.suffix == ".whl":
        names = zipfile.ZipFile(package).namelist()
        strangers = [name for name in names if not re.match(r"reloadls(-[^/]+\.dist-info)?/", name)]
        prefix = ""
    else:
        with tarfile.open(package) as archive:
            names = [name.partition("/")[2] for name in archive.getnames()]
        strangers, prefix = [], "server/"
    unwanted = [*strangers, *(name for name in names if UNWANTED.search(name))]
    sources = {path.relative_to(TOP / "server").as_posix() for path in (TOP / "server" / "reloadls").rglob("*.py")}
    missing = [name for name in (*sources, "reloadls/py.typed") if prefix + name not in names]
    if unwanted or missing:
        raise SystemExit(f"{package.name}: unwanted {unwanted[:5]}, missing {missing[:5]}")


def check_installed(python: str, package: Path, work: Path) -> None:
    """Install a package into an empty environment, and use it there."""
    venv = make_venv(python, work / "empty")
    pip(venv, package)
    run(venv, "-I", "-c", SMOKE)
    run(venv, "-I", "-m", "reloadls", "--help")
    script = work / "app.py"
    script.write_text("print('it runs')\n")
    if run(venv, "-m", "reloadls", "run", "--quiet", script) != "it runs\n":
        raise SystemExit(f"{package.name}: reloadls run printed something else")
    print(f"== {package.name} works with {run(venv, '--version').strip()}", flush=True)


def make_venv(python: str, folder: Path) -> Path:
    """An empty environment; returns its Python."""
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python: Path, *what: str | Path) -> None:
    """Install something."""
    run(python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q", *what)


def run(python: Path, *args: str | Path) -> str:
    """The output of a Python process, away from this folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, *args], cwd=tempfile.gettempdir(), env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, args))[:200]}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
