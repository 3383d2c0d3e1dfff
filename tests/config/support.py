"""What the tests of live configuration share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reloadls.config import Problem

__all__ = ["Database", "Settings", "eventually", "places", "replace", "swap_data"]


@dataclass
class Database:
    url: str = "sqlite://"
    pool: int = 5


@dataclass
class Settings:
    name: str
    port: int = 8080
    debug: bool = False
    db: Database = field(default_factory=Database)
    hosts: list[str] = field(default_factory=list)


def replace(path: Path, text: str) -> None:
    """Save a file as editors do: another one takes its name."""
    other = path.with_name(f".{path.name}.new")
    other.write_text(text)
    other.replace(path)


def swap_data(folder: Path, generation: int, files: dict[str, str]) -> None:
    """Update a volume as Kubernetes does: a new folder, and a link that is replaced in one step."""
    made = folder / f"..2026_{generation}"
    made.mkdir(parents=True)
    for name, text in files.items():
        (made / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    link = folder / "..data"
    old = os.readlink(link) if link.is_symlink() else None
    (folder / "..data_tmp").symlink_to(made.name)
    (folder / "..data_tmp").replace(link)
    for name in [each.name for each in folder.iterdir() if each.is_symlink() and each.name not in {"..data", *files}]:
        (folder / name).unlink()
    if old is not None:
        for each in (folder / old).iterdir():
            each.unlink()
        (folder / old).rmdir()


def places(problems: tuple[Problem, ...]) -> list[tuple[str, str | None, int | None, int | None]]:
    """The key, file name, line and column of each problem."""
    return [(each.key, each.path and Path(each.path).name, each.line, each.column) for each in problems]


async def eventually(condition: Callable[[], object], within_s: float = 30.0) -> None:
    """Wait until something is true, as events make it so."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.002)
