"""Random edits of all sources, good and bad: the value is always that of the last state that validates."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reloadls.config import Change, EnvFile, FolderSource, JsonFile, LiveConfig, TomlFile, YamlFile
from reloadls.config.running.reading import read_sources
from reloadls.config.values.candidate import make_candidate
from reloadls.config.values.choose import model_of
from tests.config.support import eventually

yaml = pytest.importorskip("yaml")
dotenv = pytest.importorskip("dotenv")

OPERATIONS = min(5000, int(os.environ.get("RELOADLS_TEST_OPERATIONS", "5000")))
SEED = int(os.environ.get("RELOADLS_TEST_SEED", "5"))


@dataclass
class Inner:
    a: int = 0
    b: str = ""
    c: list[int] = field(default_factory=list)


@dataclass
class Settings:
    a: int = 0
    b: str = ""
    on: bool = False
    inner: Inner = field(default_factory=Inner)
    text: str = ""
    more: dict[str, int] = field(default_factory=dict)


FILES = ("s.env", "s.toml", "s.json", "s.yaml")
NAMES = (*FILES, "folder")


def _sources(folder: Path) -> list[Any]:
    return [
        EnvFile(folder / "s.env"),
        TomlFile(folder / "s.toml", required=False),
        JsonFile(folder / "s.json"),
        YamlFile(folder / "s.yaml", required=False),
        FolderSource(folder / "folder"),
    ]


class Edits:
    """Edits of the files of a folder."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._folder, self._rng = folder, rng
        self._aside = folder / "aside"
        self._aside.mkdir()
        self.mend_all()

    def values(self) -> dict[str, Any]:
        """Random values, as few as make sense."""
        rng = self._rng
        all_of_them: dict[str, Any] = {
            "a": rng.randrange(100),
            "b": rng.choice(["x", "y z", "ü", "#", "1"]),
            "on": rng.random() < 0.5,
            "inner": {"a": rng.randrange(3), "b": rng.choice("pq")},
            "text": rng.choice(["t", "long " * 40]),
        }
        return {name: value for name, value in all_of_them.items() if rng.random() < 0.4}

    def text(self, name: str, values: dict[str, Any]) -> str:
        """The values in a file's format, and something that is not a change."""
        comment = f"# {self._rng.randrange(3)}\n"
        if name.endswith(".json"):
            return json.dumps(values, indent=self._rng.choice([None, 1]))
        if name.endswith(".yaml"):
            return comment + str(yaml.safe_dump(values, allow_unicode=True, sort_keys=self._rng.random() < 0.5))
        if name.endswith(".toml"):
            return comment + _toml(values)
        lines = [f"{name}='{value}'" for name, value in _flat(values)]
        self._rng.shuffle(lines)
        return comment + "\n".join(lines) + "\n"

    def mend(self, name: str) -> None:
        """Good values, in the way that the random numbers choose."""
        path = self._folder / name
        self._clear(path, keeps_files=True)
        if name != "folder":
            self._save(path, self.text(name, self.values()).encode())
            return
        path.mkdir(exist_ok=True)
        for old in path.iterdir():
            if self._rng.random() < 0.5 or not old.is_file():
                self._clear(old)
        for key, value in _flat(self.values()):
            with contextlib.suppress(OSError):
                (path / key).write_text(f"{value}\n")

    def spoil(self, name: str) -> None:
        """Something that does not validate, in most cases."""
        rng, path = self._rng, self._folder / name
        if name == "folder":
            path.mkdir(exist_ok=True)
            path /= rng.choice(["a", "on", "inner__a", "inner", "inner__zz", "b"])
        good = self.text(name, {"a": 1, "inner": {"a": 2}}).encode()
        kind = rng.randrange(10)
        self._clear(path, keeps_files=True)
        if kind == 0:  # half-written
            self._save(path, good[: rng.randrange(len(good))])
        elif kind == 1:
            self._save(path, good + b"\xff\xfe")
        elif kind == 2:
            self._save(path, self.text(name, {"a": "no number", "on": 3}).encode())
        elif kind == 3:
            self._clear(path)
        elif kind == 4:  # duplicate keys
            self._save(path, b'{"a": 1, "a": 2}' if name.endswith("json") else b"a = 1\na = 2\n")
        elif kind == 5:
            self._save(path, b"x" * 17_000_000 if rng.random() < 0.05 else b"[" * 3000)
        elif kind == 6:
            self._clear(path)
            path.symlink_to(path.name if rng.random() < 0.5 else "nowhere")
        elif kind == 7:
            self._save(path, self.text(name, {"unknown": 1}).encode())
        elif kind == 8:
            self._clear(path)
            path.mkdir()
        else:
            self._save(path, rng.randbytes(rng.randrange(60)))

    def link(self, name: str) -> None:
        """A good file, reached through a link."""
        if name == "folder":
            return
        self._clear(self._folder / name)
        target = self._aside / f"{self._rng.randrange(5)}-{name}"
        target.write_text(self.text(name, self.values()))
        (self._folder / name).symlink_to(target)

    def touch_aside(self, name: str) -> None:
        """Edit what links may lead to."""
        for target in self._aside.glob(f"*-{name}"):
            target.write_text(self.text(name, self.values()))

    def any(self) -> str:
        """One edit; returns what it was."""
        name = self._rng.choice(NAMES)
        edit = self._rng.choices([self.mend, self.spoil, self.link, self.touch_aside], [5, 3, 1, 1])[0]
        edit(name)
        return f"{edit.__name__} {name}"

    def mend_all(self) -> None:
        """Good values everywhere."""
        for name in NAMES:
            self.mend(name)

    def _save(self, path: Path, data: bytes) -> None:
        if self._rng.random() < 0.5:
            other = path.parent / ".new"
            other.write_bytes(data)
            other.replace(path)
        else:
            with contextlib.suppress(OSError):
                path.write_bytes(data)

    def _clear(self, path: Path, *, keeps_files: bool = False) -> None:
        if path.is_dir() and not path.is_symlink():
            if not (keeps_files and path.name == "folder"):
                shutil.rmtree(path)
        elif path.is_symlink() or (path.exists() and (not keeps_files or path.name == "folder")):
            path.unlink()


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}__")
        else:
            found.append((f"{prefix}{name}", str(value)))
    return found


def _toml(values: dict[str, Any]) -> str:
    plain = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not isinstance(value, dict)]
    tables = [f"[{name}]\n{_toml(value)}" for name, value in values.items() if isinstance(value, dict)]
    return "\n".join([*plain, *tables]) + "\n"


def _by_other_parsers(folder: Path) -> dict[str, Any]:
    """The state of a valid folder, as the libraries read it."""
    merged: dict[str, Any] = {}
    readers: dict[str, Callable[[str], Any]] = {
        "s.toml": tomllib.loads, "s.json": json.loads, "s.yaml": lambda text: yaml.safe_load(text) or {},
    }  # fmt: skip
    _merge(merged, _nested(dotenv.dotenv_values(folder / "s.env")))
    for name, read in readers.items():
        if (folder / name).exists():
            _merge(merged, read((folder / name).read_text()))
    found = {each.name: each.read_text().removesuffix("\n") for each in (folder / "folder").iterdir() if each.is_file()}
    _merge(merged, _nested({name: text for name, text in found.items() if not name.startswith(".")}))
    return merged


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in flat.items():
        if value is not None:
            *outer, last = name.lower().split("__")
            inner = found
            for step in outer:
                inner = inner.setdefault(step, {})
            inner[last] = value
    return found


def _merge(target: dict[str, Any], values: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value


def _expected(values: dict[str, Any]) -> Settings:
    inner = values.get("inner", {})
    return Settings(
        int(values.get("a", 0)), str(values.get("b", "")), str(values.get("on", False)).lower() in ("true", "1"),
        Inner(int(inner.get("a", 0)), str(inner.get("b", ""))), str(values.get("text", "")),
    )  # fmt: skip


def _fresh(folder: Path) -> Any:
    """A fresh load of what is on disk; None if it does not validate."""
    looked = read_sources(_sources(folder), {})
    if looked.problems:
        return None
    candidate = make_candidate(model_of(Settings), looked.parts)
    return None if candidate.problems else candidate.value


async def test_the_value_is_that_of_the_last_valid_state(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    edits = Edits(tmp_path, rng)
    # Nothing is read but by `sync`, so that no state in the middle of an edit is seen.
    config = LiveConfig(Settings, _sources(tmp_path), debounce_ms=3_600_000)
    changes: list[Change[Settings]] = []
    config.on_change(changes.append)
    counts = {"valid": 0, "invalid": 0, "changed": 0}
    async with config:
        last = config.value
        assert last == _fresh(tmp_path)
        for number in range(OPERATIONS):
            where = f"operation {number}: {edits.any()}"
            await config.sync()
            valid = _fresh(tmp_path)
            assert (valid is None) == bool(config.problems), (where, config.problems)
            counts["invalid" if valid is None else "valid"] += 1
            if valid is None:
                assert config.value is last, where
                for problem in config.problems:
                    assert problem.line is not None, (where, problem)
                    assert problem.path is not None, (where, problem)
                if rng.random() < 0.5:
                    edits.mend_all()
            else:
                assert config.value == valid == _expected(_by_other_parsers(tmp_path)), where
                if valid != last:
                    counts["changed"] += 1
                    assert (changes[-1].old, changes[-1].new) == (last, config.value), where
                last = config.value
            assert len(changes) == counts["changed"] == config.version - 1, where
    print(counts)
    assert counts["invalid"] > OPERATIONS // 20
    assert counts["valid"] > OPERATIONS // 4


async def test_edits_are_followed(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    edits = Edits(tmp_path, rng)
    config = LiveConfig(Settings, _sources(tmp_path), debounce_ms=0)
    changes: list[Change[Settings]] = []
    config.on_change(changes.append)

    def followed() -> bool:
        valid = _fresh(tmp_path)
        return bool(config.problems) if valid is None else config.value == valid and not config.problems

    async with config:
        first = config.value
        for number in range(OPERATIONS // 10):
            edits.any()
            if rng.random() < 0.3:
                await asyncio.sleep(0)
            if number % 5 == 0:
                edits.mend_all()
                await eventually(followed)
                if changes:
                    await eventually(lambda: changes[-1].new is config.value)
        values = [first, *(change.new for change in changes)]
        assert [change.old for change in changes] == values[:-1]
        assert [change.version for change in changes] == list(range(2, len(changes) + 2))
