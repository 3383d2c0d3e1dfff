"""A source file that the program finds by looking into its folder came or went: it follows, or a note says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reload.adapters.live import Live

FIRST = "from table import TABLE\n\nTABLE['first'] = 1\n"
SECOND = "from table import TABLE\n\nTABLE['second'] = 2\n"
PLUGINS = (
    "import glob\nimport os\nimport pathlib\nimport pkgutil\n\nimport plugins\n\nPLACE = plugins.__path__[0]\n\n\n"
)
WAYS = {
    "pkgutil": "def names():\n    return [each.name for each in pkgutil.iter_modules(plugins.__path__)]\n",
    "listdir": "def names():\n    return [each[:-3] for each in os.listdir(PLACE) if each[0] != '_']\n",
    "glob": "def names():\n    return [os.path.basename(each)[:-3] for each in glob.glob(PLACE + '/[a-z]*.py')]\n",
    "pathlib": "def names():\n    return [each.stem for each in pathlib.Path(PLACE).glob('[a-z]*.py')]\n",
    "walk": "def names():\n    return [each[:-3] for each in list(os.walk(PLACE))[0][2] if each[0] != '_']\n",
}
LOAD = """

import importlib


def load():
    for name in names():
        importlib.import_module(f"plugins.{name}")
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path / "program")
    yield found
    found.close()


def _files(way: str, call: str) -> dict[str, str]:
    return {
        "plugins/__init__.py": "",
        "plugins/first.py": FIRST,
        "table.py": "TABLE = {}\n",
        "app.py": PLUGINS + WAYS[way] + LOAD + call,
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_statement_that_has_looked_runs_again(live: Live, way: str) -> None:
    live.load(_files(way, "\n\nload()\n"))
    report = live.save_all({"plugins/second.py": SECOND})
    assert (report.status, report.notes) == ("reloaded", ())
    assert sys.modules["table"].TABLE == {"first": 1, "second": 2}


TABLE = "\n\nimport importlib\n\nMODULES = {each: importlib.import_module(f'plugins.{each}') for each in names()}\n"


@pytest.mark.parametrize("way", WAYS)
def test_what_it_has_made_of_a_file_goes_with_the_file(live: Live, way: str) -> None:
    module = live.load({**_files(way, TABLE), "plugins/second.py": SECOND})
    sys.modules["table"].TABLE["more"] = 3
    report = live.delete("plugins/second.py")
    assert (report.status, report.notes) == ("reloaded", ())
    assert list(module.MODULES) == ["first"]
    assert sys.modules["table"].TABLE == {"first": 1, "more": 3}


@pytest.mark.parametrize("way", WAYS)
def test_what_it_has_made_of_a_file_follows_its_name(live: Live, way: str) -> None:
    module = live.load({**_files(way, TABLE), "plugins/second.py": SECOND})
    second = module.MODULES["second"]
    report = live.rename("plugins/second.py", "plugins/third.py")
    assert (report.status, report.notes) == ("reloaded", ())
    assert {name: vars(each)["__name__"] for name, each in module.MODULES.items()} == {
        "first": "plugins.first",
        "third": "plugins.third",
    }
    assert module.MODULES["third"] is second


@pytest.mark.parametrize("way", WAYS)
def test_a_function_that_has_looked_is_named(live: Live, way: str) -> None:
    module = live.load(_files(way, ""))
    module.load()
    report = live.save_all({"plugins/second.py": SECOND})
    [note] = report.notes
    line = 12
    assert (report.status, note.code, note.location and Path(note.location.path).name) == (
        "unchanged",
        "later",
        "second.py",
    )
    assert f"app.py:{line} has listed its folder" in note.message
    assert live.save_all({"plugins/sub/__init__.py": ""}).notes


def test_what_nothing_looks_for_is_not_noted(live: Live) -> None:
    live.load(_files("pkgutil", ""))
    assert live.save_all({"plugins/second.py": SECOND}).notes == ()


def test_what_an_edit_imports_is_not_noted(live: Live) -> None:
    module = live.load(_files("pkgutil", ""))
    module.load()
    imported = (live.folder / "app.py").read_text() + "\nimport plugins.second\n"
    report = live.save_all({"plugins/second.py": SECOND, "app.py": imported})
    assert (report.status, report.notes) == ("reloaded", ())
    assert sys.modules["table"].TABLE == {"first": 1, "second": 2}
