"""Where what is installed once and used again lives: in the user's cache, each thing whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

__all__ = ["cache_folder", "installed", "run", "say"]


def cache_folder() -> Path:
    """The folder for all of it: `$XDG_CACHE_HOME/reloadls/vscode` on Linux."""
    return user_cache_path("reloadls", appauthor=False) / "vscode"


def installed(name: str, recipe: str, install: Callable[[Path], None]) -> Path:
    """The folder `name` in the cache, made by `install` unless it is there already.

    A marker with the recipe is written last: an interrupted install, or one by another recipe, is done again.
    Two that ask at once wait for each other.
    """
    place = cache_folder() / name
    marker = place / ".installed"
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_name(f"{name}.lock")):
        if not marker.is_file() or marker.read_text(encoding="utf-8") != recipe:
            say(f"installing {name} into {place}")
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            install(place)
            marker.write_text(recipe, encoding="utf-8")
    return place


def run(*argv: str | os.PathLike[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run a command quietly; if it fails, end with what it printed."""
    done = subprocess.run(
        [os.fspath(part) for part in argv],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        raise SystemExit(f"failed with {done.returncode}: {' '.join(os.fspath(part) for part in argv)}")


def say(text: str) -> None:
    """Tell the progress on stderr: stdout is for answers."""
    print(f"== {text}", file=sys.stderr, flush=True)
