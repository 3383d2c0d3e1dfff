"""A file that is a source and read by a module: one transaction with the code of the same batch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reloadls import FileChange
from reloadls.base.hosted.live_sources import live_sources
from reloadls.config import Change, JsonFile, LiveConfig, Refuse
from reloadls.reload import HotReloader, ReloadReport
from tests.config.support import eventually, replace

APP = """
import json, pathlib

LIMIT = json.loads((pathlib.Path(__file__).parent / "limits.json").read_text())["limit"]

def double():
    return LIMIT * 2
"""


@dataclass
class Settings:
    limit: int


class Program:
    """A program under the engine, whose data file is a source, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app, self.limits = folder / "config_test_app.py", folder / "limits.json"
        self.app.write_text(APP)
        self.limits.write_text('{"limit": 1}')
        self.reloader = HotReloader([folder])
        live_sources.claim(self.reloader.reads)
        sys.path.insert(0, str(folder))
        self.module: ModuleType = importlib.import_module("config_test_app")

    def save(self, **texts: str) -> ReloadReport:
        """Save some files, and apply them as one batch."""
        paths = {"app": self.app, "limits": self.limits}
        for name, text in texts.items():
            replace(paths[name], text)
        return self.reloader.apply([FileChange(paths[name], "modified") for name in texts])

    def values(self, config: LiveConfig[Settings]) -> tuple[Any, Any, int]:
        """What the module and the configuration have."""
        return self.module.LIMIT, self.module.double(), config.value.limit

    def close(self) -> None:
        live_sources.claim(None)
        self.reloader.close()
        sys.path.remove(str(self.folder))
        del sys.modules["config_test_app"]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    made.close()


async def test_one_transaction_and_its_keys_in_the_report(program: Program) -> None:
    config = LiveConfig(Settings, [JsonFile(program.limits)], debounce_ms=0)
    changes: list[Change[Settings]] = []
    config.on_change(changes.append)
    async with config:
        report = program.save(app=APP.replace("* 2", "* 3"), limits='{"limit": 5}')
        assert report.status == "reloaded", report
        assert program.values(config) == (5, 15, 5)
        assert {module.name: module.changed for module in report.modules}["limits.json"] == ("limit",)
        await config.sync()
        assert [(change.old.limit, change.new.limit, change.version) for change in changes] == [(1, 5, 2)]
        origin = config.origin("limit")
        assert origin is not None


async def test_code_that_fails_takes_the_configuration_back(program: Program) -> None:
    config = LiveConfig(Settings, [JsonFile(program.limits)], debounce_ms=0)
    changes: list[Change[Settings]] = []
    config.on_change(changes.append)
    async with config:
        report = program.save(app=APP + "\n1 / 0\n", limits='{"limit": 5}')
        assert report.status == "failed"
        assert program.values(config) == (1, 2, 1)
        await eventually(lambda: config.problems)
        assert "taken back" in config.problems[0].message
        assert changes == []
        report = program.save(app=APP.replace("* 2", "* 4"))
        assert report.status == "reloaded"
        assert config.value.limit == 5
        await eventually(lambda: not config.problems and len(changes) == 1)


async def test_a_configuration_that_does_not_validate_takes_the_code_back(program: Program) -> None:
    config = LiveConfig(Settings, [JsonFile(program.limits)], debounce_ms=0)
    async with config:
        report = program.save(app=APP.replace("* 2", "* 3"), limits='{\n "limit": "5"}')
        assert report.status == "failed"
        assert report.error is not None
        assert report.error.location is not None
        assert (report.error.location.path, report.error.location.line) == (str(program.limits), 2)
        assert program.values(config) == (1, 2, 1)
        await eventually(lambda: config.problems)
        report = program.save(app=APP.replace("* 2", "* 3"), limits='{"limit": 6}')
        assert report.status == "reloaded"
        assert program.values(config) == (6, 18, 6)
        await eventually(lambda: not config.problems)


async def test_a_refusal_takes_the_code_back(program: Program) -> None:
    config = LiveConfig(Settings, [JsonFile(program.limits)], debounce_ms=0)

    @config.on_change(before=True)
    def check(change: Change[Settings]) -> None:
        if change.new.limit > 10:
            raise Refuse("too much")

    async with config:
        report = program.save(app=APP.replace("* 2", "* 3"), limits='{"limit": 11}')
        assert report.status == "failed"
        assert program.values(config) == (1, 2, 1)
        await eventually(lambda: config.problems)
        assert config.problems[0].message == "refused: too much"


async def test_what_no_module_reads_is_followed_as_ever(program: Program, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"limit": 3}')
    async with LiveConfig(Settings, [JsonFile(other)], debounce_ms=0) as config:
        replace(other, '{"limit": 4}')
        await eventually(lambda: config.value.limit == 4)


async def test_a_claimed_file_waits_for_the_reload(program: Program) -> None:
    async with LiveConfig(Settings, [JsonFile(program.limits)], debounce_ms=0) as config:
        replace(program.limits, '{"limit": 7}')
        marker = program.folder / "limits.json"
        assert live_sources.is_claimed(str(marker))
        assert config.value.limit == 1
        report = program.reloader.apply([FileChange(program.limits, "modified")])
        assert report.status == "reloaded"
        assert program.values(config) == (7, 14, 7)
