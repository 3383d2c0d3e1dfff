"""An application that only its server holds follows its factory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reload.adapters.live import Live
from tests.reload.adapters.served import Edit, play, served

pytest.importorskip("flask")

APP = """\
from flask import Flask

import pages
from config import Config


def words():
    return {"word": "hi"}


def create_app(prefix="", **more):
    app = Flask(__name__)
    app.config.from_object(Config)
    app.register_blueprint(pages.bp, url_prefix=prefix or None)
    app.context_processor(words)

    @app.get("/inner")
    def inner():
        return "inner"

    return app
"""
PAGES = """\
from flask import Blueprint, current_app

bp = Blueprint("pages", __name__)


@bp.get("/one")
def one():
    return "one of " + current_app.config["NAME"]
"""
FILES = {"app.py": APP, "pages.py": PAGES, "config.py": 'class Config:\n    NAME = "mine"\n'}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path / "program")
    yield found
    found.close()


def answers(app: Any) -> list[tuple[int, str]]:
    client = app.test_client()
    found = [client.get(path) for path in ("/v1/one", "/v1/two", "/inner", "/more")]
    return [(each.status_code, each.text if each.status_code == 200 else "") for each in found]


GONE = (404, "")


def test_a_factory_is_called_again_with_the_same_arguments(live: Live) -> None:
    app = live.load(FILES).create_app("/v1", unused=1)
    assert answers(app) == [(200, "one of mine"), GONE, (200, "inner"), GONE]
    more = '    app.add_url_rule("/more", "more", lambda: "more")\n\n    @app.get("/inner")'
    assert live.edit(("app.py", '    @app.get("/inner")', more)).status == "reloaded"
    assert answers(app) == [(200, "one of mine"), GONE, (200, "inner"), (200, "more")]
    assert live.edit(("config.py", '"mine"', '"yours"')).status == "reloaded"
    assert answers(app) == [(200, "one of yours"), GONE, (200, "inner"), (200, "more")]
    two = '\n\n@bp.get("/two")\ndef two():\n    return "two"\n'
    assert live.edit(("pages.py", "", two)).status == "reloaded"
    assert answers(app)[1] == (200, "two")
    assert live.edit(("pages.py", two, "")).status == "reloaded"
    assert answers(app)[1] == GONE


def test_a_failing_factory_is_rolled_back(live: Live) -> None:
    app = live.load(FILES).create_app("/v1")
    before = answers(app)
    report = live.edit(
        ("app.py", "    app.context_processor(words)\n", "    app.context_processor(words)\n    1 / 0\n")
    )
    assert report.status == "failed"
    assert answers(app) == before
    assert live.edit(("app.py", "    1 / 0\n", '    app.get("/more")(lambda: "x")\n')).status == "reloaded"
    assert answers(app)[3] == (200, "x")


def test_inner_functions_of_a_factory_change_in_place(live: Live) -> None:
    module = live.load(FILES)
    app = module.create_app("/v1")
    view = app.view_functions["inner"]
    assert live.edit(("app.py", 'return "inner"', 'return "within"')).status == "reloaded"
    assert answers(app)[2] == (200, "within")
    assert app.view_functions["inner"] is view


MAIN = """\
import sys
from flask import Flask


def main():
    app = Flask(__name__)

    @app.get("/")
    def home():
        return "home"

    app.run(port=int(sys.argv[1]))


main()
"""


def test_a_factory_that_serves_is_not_called_again(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(MAIN)
    with served(tmp_path, "app.py", "{port}", libraries=tmp_path) as server:
        more = '    @app.get("/more")\n    def more():\n        return "more"\n\n    app.run('
        play(server, [Edit("app.py", "    app.run(", more, "noted")], ["/"])
