"""What has used a name before it changed, and won't again, is noted: code that runs, and objects that were made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.reload.adapters.live import Live

APP = """\
from conf import LIMIT, OTHER


class Client:
    def __init__(self):
        self.limit = LIMIT + scale()


class Child(Client):
    pass


class Slim:
    __slots__ = ("limit",)

    def __init__(self):
        self.limit = OTHER


def scale():
    return 10


def made_once():
    return 1


def asked_again():
    return 2


def serve(wait):
    once = made_once() + OTHER
    while True:
        asked_again()
        if wait():
            return once, OTHER


client = Client()
child = Child()
slim = Slim()
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path / "program")
    yield found
    found.close()


@pytest.fixture
def serving(live: Live) -> Iterator[ModuleType]:
    """The program, while a thread of it is in its loop."""
    app = live.load({"app.py": APP, "conf.py": "LIMIT = 1\nOTHER = 1\n"})
    inside, end = threading.Event(), threading.Event()

    def wait() -> bool:
        inside.set()
        return end.wait(10)

    thread = threading.Thread(target=app.serve, args=(wait,))
    thread.start()
    assert inside.wait(10)
    yield app
    end.set()
    thread.join()


_CLIENTS = "Client.__init__ uses {}; 2 Client objects made before this edit stay as they are, until a restart"
_SLIM = "Slim.__init__ uses OTHER; 1 Slim object made before this edit stays as it is, until a restart"
_RUNS = "serve used {} before this edit, and is still running; restart to apply the edit there"


@pytest.mark.parametrize(
    ("edit", "notes"),
    [
        (("conf.py", "LIMIT = 1", "LIMIT = 2"), [_CLIENTS.format("LIMIT")]),
        (("app.py", "return 10", "return 20"), [_CLIENTS.format("scale")]),
        (("conf.py", "OTHER = 1", "OTHER = 2"), [_RUNS.format("OTHER"), _SLIM]),
        (("app.py", "return 1\n", "return 3\n"), [_RUNS.format("made_once")]),
        (("app.py", "return 2\n", "return 4\n"), []),
        (("conf.py", "LIMIT = 1", "LIMIT = 1  # the same"), []),
    ],
    ids=lambda value: value[2] if isinstance(value, tuple) else "",
)
def test_what_used_it_before_is_noted(
    live: Live, serving: ModuleType, edit: tuple[str, str, str], notes: list[str]
) -> None:
    report = live.edit(edit)
    assert report.status in ("reloaded", "unchanged")
    assert [each.message for each in report.notes] == notes


def test_objects_that_are_no_more_are_not_noted(live: Live, serving: ModuleType) -> None:
    del serving.client, serving.child, serving.slim
    assert not live.edit(("conf.py", "LIMIT = 1", "LIMIT = 2")).notes


def test_objects_that_the_edit_makes_anew_are_not_noted(live: Live) -> None:
    text = APP.replace("Client()\nchild", "Client(), LIMIT\nchild").replace("Child()", "Child(), LIMIT")
    app = live.load({"app.py": text, "conf.py": "LIMIT = 1\nOTHER = 1\n"})
    assert not live.edit(("conf.py", "LIMIT = 1", "LIMIT = 2")).notes
    assert app.client[0].limit == 12


def test_who_has_the_very_container_sees_what_is_added_to_it(live: Live) -> None:
    text = "NAMES = ['a']\nNAMES.append('b')\n\n\nclass App:\n    def __init__(self):\n        self.names = NAMES\n"
    app = live.load({"app.py": f"{text}\n\napp = App()\n"})
    assert not live.edit(("app.py", "'b'", "'c'")).notes
    assert app.app.names == ["a", "c"]


def test_who_has_copied_a_container_is_noted(live: Live) -> None:
    text = (
        "NAMES = {'a': 1}\n\n\nclass App:\n    def __init__(self):\n        self.names = dict(NAMES)\n\n\napp = App()\n"
    )
    live.load({"app.py": text})
    (note,) = live.edit(("app.py", "'a': 1", "'a': 2")).notes
    assert (note.code, note.name) == ("stillHeld", "App.__init__")


def test_a_class_attribute_that_a_constructor_reads(live: Live) -> None:
    text = "class App:\n    PATHS = ['/']\n\n    def __init__(self):\n        self.table = dict.fromkeys(self.PATHS)\n"
    live.load({"app.py": f"{text}\n\nclass Own(App):\n    pass\n\n\napp = Own()\n"})
    (note,) = live.edit(("app.py", "['/']", "['/', '/more']")).notes
    assert note.message.startswith("App.__init__ uses PATHS; 1 App object")


def test_what_a_context_has_used_when_it_was_entered(live: Live) -> None:
    text = "from contextlib import contextmanager\n\nURL = 'a'\n\n\n@contextmanager\ndef lifespan():\n    yield URL\n"
    app = live.load({"app.py": text})
    with app.lifespan() as url:
        (note,) = live.edit(("app.py", "'a'", "'b'")).notes
        assert (
            note.message == "lifespan used URL before this edit, and is still running; restart to apply the edit there"
        )
    assert url == "a"
    assert not live.edit(("app.py", "'b'", "'c'")).notes


def test_proxies_are_not_asked_what_they_stand_for(live: Live) -> None:
    text = """\
import sys

LIMIT = 1
LOADED = []


class Proxy:
    @property
    def __class__(self):
        LOADED.append(sys._getframe(1).f_code)
        return int


proxy = Proxy()


def limit():
    while True:
        yield LIMIT
"""
    app = live.load({"app.py": text})
    generator = app.limit()
    assert next(generator) == 1
    live.edit(("app.py", "LIMIT = 1", "LIMIT = 2"))
    assert (next(generator), app.LOADED) == (2, [])
