"""An object that was made anew while something still holds the old one is noted; one that nothing holds is not."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.reload.adapters.live import Live

KEEPER = """\
class Server:
    def __init__(self, app):
        self.app = app
"""
APP = """\
class App:
    def __init__(self, number):
        self.number = number
        self.me = self


class Slim:
    __slots__ = ("me", "number")

    def __init__(self, number):
        self.number, self.me = number, self


class Same:
    def __init__(self, number):
        pass

    def __eq__(self, other):
        return isinstance(other, Same)

    __hash__ = None


app = App(1)
alone = App(10)
alone.number += 5
slim = Slim(100)
lone = Slim(1000)
same = Same(2000)
values = [10000]
also = app
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path / "program")
    yield found
    found.close()


def _loaded(live: Live) -> ModuleType:
    return live.load({"app.py": APP, "keeper.py": KEEPER})


@pytest.mark.parametrize(
    ("held", "old", "new", "line"),
    [("app", "App(1)", "App(2)", 24), ("slim", "Slim(100)", "Slim(200)", 27), ("alone", "App(10)", "App(20)", 25)],
)
def test_what_holds_the_old_one_is_named(live: Live, held: str, old: str, new: str, line: int) -> None:
    module = _loaded(live)
    server = importlib.import_module("keeper").Server(getattr(module, held))
    report = live.edit(("app.py", f"{old}\n", f"{new}\n"))
    assert report.status == "reloaded"
    assert [(each.code, each.message, each.location and each.location.line, each.name) for each in report.notes] == [
        (
            "stillHeld",
            f"{held} was made anew, but keeper.Server still holds the old one; restart to replace it",
            line,
            held,
        )
    ]
    assert getattr(module, held) is not server.app


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("App(1)", "App(2)"),
        ("App(10)", "App(20)"),
        ("+= 5", "+= 6"),
        ("Slim(100)", "Slim(200)"),
        ("Slim(1000)", "Slim(2000)"),
        ("[10000]", "[20000]"),
        ("Same(2000)", "Same(3000)"),
    ],
)
def test_what_nothing_holds_is_not_noted(live: Live, old: str, new: str) -> None:
    module = _loaded(live)
    kept = [module.values, module.same]
    report = live.edit(("app.py", f"{old}\n", f"{new}\n"))
    assert (report.status, report.notes) == ("reloaded", ())
    assert kept
