"""Jinja: templates render their current files, wherever they are held."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from tests.reload.adapters.live import Live

pytest.importorskip("jinja2")

APP = """\
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

env = Environment(loader=FileSystemLoader(Path(__file__).with_name("pages")), auto_reload=AUTO)
HELD = []


def page(name):
    template = env.get_template(name)
    HELD.append(template)
    return template.render(word="hi")
"""
PAGES = {
    "pages/base.html": "base {% block body %}{% endblock %}",
    "pages/part.html": "part {{ word }}",
    "pages/macros.html": "{% macro loud(x) %}{{ x }}!{% endmacro %}",
    "pages/page.html": '{% extends "base.html" %}{% import "macros.html" as m %}{% block body %}{{ m.loud(word) }} '
    '{% include "part.html" %}{% endblock %}',
}


@pytest.fixture(params=["True", "False"], ids=["looks itself", "does not look"])
def module(live: Live, request: pytest.FixtureRequest) -> ModuleType:
    return live.load(PAGES | {"app.py": APP.replace("AUTO", request.param)})


def test_each_file_of_a_page(live: Live, module: ModuleType) -> None:
    assert module.page("page.html") == "base hi! part hi"
    for name, old, new, page in [
        ("base", "base", "BASE", "BASE hi! part hi"),
        ("part", "part", "PART", "BASE hi! PART hi"),
        ("macros", "!", "?", "BASE hi? PART hi"),
        ("page", "m.loud(word)", "m.loud(1)", "BASE 1? PART hi"),
    ]:
        report = live.edit((f"pages/{name}.html", old, new))
        assert (report.status, [each.name for each in report.modules]) == ("reloaded", [f"{name}.html"])
        assert module.page("page.html") == module.HELD[0].render(word="hi") == page


def test_a_template_uses_a_filter_added_by_the_same_save(live: Live, module: ModuleType) -> None:
    module.page("part.html")
    report = live.edit(
        ("pages/part.html", "word", "word|loud"),
        ("app.py", "HELD = []\n", 'HELD = []\nenv.filters["loud"] = lambda word: word + "!"\n'),
    )
    assert report.status == "reloaded"
    assert module.page("part.html") == module.HELD[0].render(word="hi") == "part hi!"


def test_an_invalid_template_is_rolled_back(live: Live, module: ModuleType) -> None:
    module.page("page.html")
    wrong = live.text("pages/part.html") + "\n{% if %}"
    report = live.save_all({"pages/base.html": "new {% block body %}{% endblock %}", "pages/part.html": wrong})
    assert report.status == "failed" and report.error is not None
    assert report.error.type.endswith("TemplateSyntaxError")
    assert report.error.location is not None
    assert (report.error.location.path, report.error.location.line) == (str(live.folder / "pages/part.html"), 2)
    assert module.HELD[0].render(word="hi") == "base hi! part hi"
    report = live.save_all({"pages/part.html": "mended"})
    assert report.status == "reloaded"
    assert module.page("page.html") == "new hi! mended"


def test_an_unloaded_template_is_no_change(live: Live, module: ModuleType) -> None:
    assert live.save_all({"pages/part.html": "new"}).status == "unchanged"
    assert module.page("part.html") == "new"


def test_a_deleted_template(live: Live, module: ModuleType) -> None:
    from jinja2 import TemplateNotFound

    module.page("part.html")
    live.delete("pages/part.html")
    with pytest.raises(TemplateNotFound):
        module.page("part.html")


def answers(client: Any) -> list[str]:
    return [client.get("/").text, client.get("/about").text]


@pytest.mark.skipif(importlib.util.find_spec("flask") is None, reason="needs Flask")
def test_flask(live: Live) -> None:
    app = """
        from flask import Flask, render_template

        app = Flask(__name__, template_folder="pages")

        @app.route("/<path:name>")
        @app.route("/")
        def page(name="page"):
            return render_template("part.html" if name == "about" else "page.html", word="hi")
    """
    client = live.load(PAGES | {"app.py": app.replace("\n        ", "\n")}).app.test_client()
    assert answers(client) == ["base hi! part hi", "part hi"]
    live.edit(("pages/part.html", "part", "PART"))
    assert answers(client) == ["base hi! PART hi", "PART hi"]


@pytest.mark.skipif(importlib.util.find_spec("httpx2") is None, reason="needs httpx2")
def test_starlette(live: Live) -> None:
    pytest.importorskip("starlette")
    from starlette.testclient import TestClient

    app = """
        from pathlib import Path

        from starlette.applications import Starlette
        from starlette.routing import Route
        from starlette.templating import Jinja2Templates

        templates = Jinja2Templates(directory=Path(__file__).with_name("pages"))

        async def page(request):
            name = "part.html" if request.url.path == "/about" else "page.html"
            return templates.TemplateResponse(request, name, {"word": "hi"})

        app = Starlette(routes=[Route("/", page), Route("/about", page)])
    """
    client = TestClient(live.load(PAGES | {"app.py": app.replace("\n        ", "\n")}).app)
    assert answers(client) == ["base hi! part hi", "part hi"]
    live.edit(("pages/part.html", "part", "PART"))
    assert answers(client) == ["base hi! PART hi", "PART hi"]
