"""What the demo does to the files, each step as people, editors and programs really do it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .project import VERSION_FILES, DemoProject

__all__ = ["Step", "demo_steps"]

_BURST: Final = 2000
_MOVED: Final = 60
_HARD_NAMES: Final = (
    b"two words.py",
    "naïve café.py".encode(),
    "日本語.py".encode(),
    "🐍 eggs.py".encode(),
    b"100%.py",
    b"a#b?c&d.py",
    b'quote\'s "here".py',
    b"two\nlines.py",
    b"\x1b[31mred.py",
    b"not utf-8 \xff\xfe.py",
)


@dataclass(frozen=True)
class Step:
    """One thing done to the files; `act` blocks until it is done."""

    name: str
    act: Callable[[DemoProject], object]


def demo_steps(project: DemoProject) -> list[Step]:
    """The steps, in order."""
    how = "git checkout" if project.git else "unlink and write"
    return [
        Step("save a file in place", _save_in_place),
        Step("replace one, as editors do", _replace),
        Step(f"{how}: {VERSION_FILES} files", DemoProject.check_out_other_version),
        Step(f"move a folder in: {_MOVED} files", _move_folder_in),
        Step("delete a whole root", _delete_root),
        Step("bring the root back", _bring_root_back),
        Step("names that are hard to spell", _write_hard_names),
        Step(f"write {_BURST:,} files at once", _burst),
        Step("rename the folder they are in", _rename_folder),
        Step("delete them, write 30 others", _write_and_delete),
    ]


def _save_in_place(project: DemoProject) -> None:
    with open(project.sources()[-1], "a", encoding="utf-8") as file:
        file.write("# saved\n")


def _replace(project: DemoProject) -> None:
    target = project.sources()[-2]
    beside = target.with_name(f"{target.name}.new")
    beside.write_text(target.read_text(encoding="utf-8") + "# replaced\n", encoding="utf-8")
    os.replace(beside, target)


def _move_folder_in(project: DemoProject) -> None:
    for number in range(_MOVED):
        path = project.outside / "library" / f"layer{number % 4}" / "deep" / f"module{number:02}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NUMBER = {number}\n")
    os.rename(project.outside / "library", project.app / "library")


def _delete_root(project: DemoProject) -> None:
    shutil.copytree(project.data, project.outside / "data")
    shutil.rmtree(project.data)


def _bring_root_back(project: DemoProject) -> None:
    os.rename(project.outside / "data", project.data)


def _write_hard_names(project: DemoProject) -> None:
    for name in _HARD_NAMES:
        # Not every file system takes each of them.
        with contextlib.suppress(OSError, ValueError):
            Path(project.app, os.fsdecode(name)).write_text("pass\n")


def _burst(project: DemoProject) -> None:
    folder = project.app / "burst"
    for number in range(_BURST):
        path = folder / f"d{number % 20:02}" / f"f{number:04}.py"
        if number < 20:
            path.parent.mkdir(parents=True)
        path.write_text("x = 1\n")


def _rename_folder(project: DemoProject) -> None:
    os.rename(project.app / "burst", project.app / "renamed")


def _write_and_delete(project: DemoProject) -> None:
    fresh = project.app / "fresh"
    fresh.mkdir()
    for number in range(30):
        (fresh / f"f{number:02}.py").write_text("x = 1\n")
        shutil.rmtree(project.app / "renamed" / f"d{number % 20:02}", ignore_errors=True)
