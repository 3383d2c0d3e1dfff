"""Random operations on a folder of records, and a model of what good records there are."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reloadls.records import write

__all__ = ["FILTERS", "KINDS", "LAYOUT", "Board"]

KINDS = ("tasks", "claims", "beats", "ends")
LAYOUT: dict[str, Any] = {
    "kinds": [*KINDS, "marks"],
    "expires": {"claims": "expires_at"},
    "extended_by": {"claims": ["beats.claim -> until"]},
    "ended_by": {"claims": ["ends.claim"]},
}
"""As plain data that the service accepts, too, but for the spelling of its fields."""

Data = dict[str, Any]
FILTERS: list[tuple[list[str], list[str], Callable[[str, Data], bool]]] = [
    ([], [], lambda _kind, _data: True),
    (["status=open"], [], lambda _kind, data: data.get("status") == "open"),
    (["n<5", "status!=done"], ["task"], lambda kind, d: kind == "tasks" and d["n"] < 5 and d["status"] != "done"),
    (["expired!=true"], ["claims"], lambda kind, data: kind == "claims" and data.get("expired") is not True),
    (["tags:x", "n>2"], ["tasks", "claim"], lambda kind, d: kind in KINDS[:2] and "x" in d["tags"] and d["n"] > 2),
]  # fmt: skip
"""(where, kinds, what they mean)."""


class Board:
    """A folder that operations are done to, and the good records that must be known after a sync.

    Args:
        folder: the folder of the kinds.
        chance: decides.
        now: returns the time, in seconds since the epoch.
        spans: how far from now records end, in seconds.
    """

    def __init__(self, folder: Path, chance: random.Random, now: Callable[[], float], spans: Sequence[float]) -> None:
        self._spans = spans
        self.folder, self._chance, self._now = folder, chance, now
        self._outside = folder.parent / "outside"
        self._outside.mkdir()
        (self._outside / "secret.json").write_text('{"status": "open", "n": 3, "tags": ["x"]}')
        self._good: dict[tuple[str, str], Data] = {}
        self._harmless = (self._create, self._replace, self._remove, self._remove_kind, self._remove_all, self._link_in)
        self._breaking = (self._half, self._truncate, self._garble, self._link_out, self._link_kind, self._grow)

    def breaks(self) -> bool:
        """Whether the next operation may break a document: what was written before must be known by then."""
        return self._chance.random() < 0.35

    def operate(self, *, breaking: bool) -> str:
        """Do one operation, and return its name and where."""
        self._where = ""
        weights = [8, 8, 5, 0.4, 0.15, 0.7]
        operation = (
            self._chance.choice(self._breaking) if breaking else self._chance.choices(self._harmless, weights)[0]
        )
        operation()
        return f"{operation.__name__.strip('_')}{self._where}"

    def look(self) -> dict[tuple[str, str], Data]:
        """Return the good records: of a broken file, what it held when it was last looked at."""
        found = {}
        for key in [(kind, name) for kind in KINDS for name in self._names(kind)]:
            data = self._content(key)
            if data is None and key in self._good:
                found[key] = self._good[key]
            elif data is not None:
                found[key] = data
        self._good = found
        return {key: self._marked(key, data) for key, data in found.items()}

    # -- the model ---------------------------------------------------------------------------------------

    def _names(self, kind: str) -> list[str]:
        folder = self.folder / kind
        if folder.is_symlink() or not folder.is_dir():
            return []
        return [path.stem for path in folder.iterdir() if path.suffix == ".json" and path.exists()]

    def _content(self, key: tuple[str, str]) -> Data | None:
        path = self._path(*key)
        if path.is_symlink() and not path.resolve().is_relative_to(self.folder.resolve()):
            return None
        try:
            data = json.loads(path.read_text("utf-8"))
        except ValueError:
            return None
        return data if isinstance(data, dict) and path.stat().st_size <= 1024 * 1024 else None

    def _marked(self, key: tuple[str, str], data: Data) -> Data:
        if key[0] != "claims":
            return data
        released = any(kind == "ends" and other.get("claim") == key[1] for (kind, _), other in self._good.items())
        ends = [data["expires_at"]] if "expires_at" in data else []
        beats = [other for (kind, _), other in self._good.items() if kind == "beats" and other["claim"] == key[1]]
        ends += [beat["until"] for beat in beats if ends]
        return {**data, "expired": True} if released or (ends and max(ends) <= self._now()) else data

    # -- operations --------------------------------------------------------------------------------------

    def _path(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.json"

    def _somewhere(self) -> tuple[str, str]:
        kind, name = self._chance.choice(KINDS), f"r{self._chance.randrange(5)}"
        self._where += f":{kind}/{name}"
        return kind, name

    def _data(self, kind: str) -> Data:
        chance = self._chance
        tags = chance.sample(["x", "y", "z"], chance.randrange(3))
        data: Data = {"status": chance.choice(["open", "done"]), "n": chance.randrange(10), "tags": tags}
        soon = self._now() + chance.choice(self._spans)
        if kind == "claims" and chance.random() < 0.8:
            data["expires_at"] = soon
        elif kind == "beats":
            data |= {"claim": f"r{chance.randrange(5)}", "until": soon}
        elif kind == "ends":
            data["claim"] = f"r{chance.randrange(15)}"
        return data

    def _ready(self, kind: str, name: str) -> Path:
        """The path of a record whose folder is there, and no link."""
        path = self._path(kind, name)
        if path.parent.is_symlink():
            path.parent.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _put(self, path: Path, text: str) -> None:
        """Write in place; a link is replaced at once, so that its record is never gone in between."""
        if path.is_symlink():
            aside = path.with_suffix(".tmp")
            aside.write_text(text, "utf-8")
            aside.replace(path)
        else:
            path.write_text(text, "utf-8")

    def _link(self, path: Path, target: str | Path) -> None:
        aside = path.with_suffix(".tmp")
        aside.symlink_to(target)
        aside.replace(path)

    def _create(self) -> None:
        kind, name = self._somewhere()
        self._put(self._ready(kind, name), json.dumps(self._data(kind)))

    def _replace(self) -> None:
        kind, name = self._somewhere()
        self._ready(kind, name)
        write(self.folder, kind, name, self._data(kind))

    def _remove(self) -> None:
        self._path(*self._somewhere()).unlink(missing_ok=True)

    def _remove_kind(self) -> None:
        folder = self.folder / self._chance.choice(KINDS)
        if not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)

    def _remove_all(self) -> None:
        if self._chance.random() < 0.5:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self.folder.exists():
            away = self.folder.with_name("away")
            shutil.rmtree(away, ignore_errors=True)
            self.folder.rename(away)

    def _link_in(self) -> None:
        """Link a record to another one of its kind that is a file."""
        kind, name = self._somewhere()
        path, target = self._ready(kind, name), self._path(kind, f"r{self._chance.randrange(5)}")
        if target != path and target.exists() and not target.is_symlink():
            self._link(path, target.name)

    def _half(self) -> None:
        kind, name = self._somewhere()
        text = json.dumps(self._data(kind))
        self._put(self._ready(kind, name), text[: self._chance.randrange(len(text))])

    def _truncate(self) -> None:
        path = self._path(*self._somewhere())
        if path.exists() and not path.is_symlink():
            os.truncate(path, path.stat().st_size // 2)

    def _garble(self) -> None:
        self._put(self._ready(*self._somewhere()), self._chance.choice(["[]", "null", '{"a": NaN', "{]", "\0"]))

    def _grow(self) -> None:
        if self._chance.random() < 0.1:
            self._put(self._ready(*self._somewhere()), json.dumps({"text": "x" * 1024 * 1024}))

    def _link_out(self) -> None:
        self._link(self._ready(*self._somewhere()), self._outside / "secret.json")

    def _link_kind(self) -> None:
        folder = self.folder / self._chance.choice(KINDS)
        if self._chance.random() < 0.1 and self.folder.exists() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
            folder.symlink_to(self._outside)
