"""Pyramid: a served router equals a fresh start, or the program asks for a restart."""

from __future__ import annotations

import pytest

from tests.reload.adapters.inside import Case, Change, check_case

pytestmark = pytest.mark.timeout(300)

VIEWS = """\
from pyramid.response import Response
from pyramid.view import view_config


def includeme(config):
    for name in ("users", "shown", "more"):
        config.add_route(name, "/" + name)


@view_config(route_name="users", renderer="json")
def users(request):
    return ["one"]


class Shown:
    title = "a"

    def __init__(self, request):
        self.request = request

    @view_config(route_name="shown", renderer="string")
    def show(self):
        return self.title

    @view_config(route_name="shown", renderer="string", request_method="PUT")
    def put(self):
        return "put"
"""
DESCRIBE = """\
def hold():
    return app


def describe(held):
    found = []
    for path in ("/hello/a", "/bye/a", "/users", "/people", "/shown", "/more"):
        answer = Request.blank(path).get_response(held)
        found.append((path, answer.status_int, answer.text if answer.status_int == 200 else ""))
    return found
"""
FACTORY = """\
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

import views


def hello(request):
    return Response("hello " + request.matchdict["name"])


def main():
    with Configurator() as config:
        config.add_route("hello", "/hello/{name}")
        config.add_view(hello, route_name="hello")
        config.include("views")
        config.scan("views")
        return config.make_wsgi_app()


app = main()


"""
STATEMENTS = """\
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response


def hello(request):
    return Response("hello " + request.matchdict["name"])


config = Configurator()
config.add_route("hello", "/hello/{name}")
config.add_view(hello, route_name="hello")
app = config.make_wsgi_app()


"""
MORE = """

@view_config(route_name="more")
def more(request):
    return Response("more")
"""
USERS = '@view_config(route_name="users", renderer="json")\n'
PUT = """\

    @view_config(route_name="shown", renderer="string", request_method="PUT")
    def put(self):
        return "put"
"""
OF_A_FACTORY: dict[str, tuple[tuple[Change, str], ...]] = {
    "views": (
        (("app.py", '"hello "', '"HELLO "'), "live"),
        (("views.py", '["one"]', '["two"]'), "live"),
        (("views.py", "", MORE), "live"),
        (("views.py", MORE, ""), "live"),
        (("views.py", USERS, ""), "live"),
        (("views.py", "def users", f"{USERS}def users"), "live"),
        (("views.py", 'route_name="users", renderer="json"', 'route_name="more", renderer="string"'), "live"),
    ),
    "routes": (
        (("app.py", "/hello/{", "/bye/{"), "live"),
        (("views.py", '"/" + name', '"/" + name.replace("users", "people")'), "live"),
        (("app.py", '        config.add_view(hello, route_name="hello")\n', ""), "live"),
        (("app.py", '        config.scan("views")\n', ""), "live"),
        (("app.py", "        return", "        config.add_route(1 / 0)\n        return"), "failed: ZeroDivisionError"),
    ),
    "classes of views": (
        (("views.py", 'title = "a"', 'title = "b"'), "live"),
        (("views.py", "return self.title", "return self.title * 2"), "live"),
        (("views.py", 'route_name="shown", renderer="string")', 'route_name="more")'), "restart: views in Shown"),
        (("views.py", 'route_name="more")', 'route_name="shown", renderer="string")'), "live"),
        (("views.py", PUT, ""), "restart: views in Shown"),
    ),
}
LATE = "restart: statements changed what a configurator"
OF_STATEMENTS: dict[str, tuple[tuple[Change, str], ...]] = {
    "a body": ((("app.py", '"hello "', '"HELLO "'), "live"),),
    "a route": ((("app.py", "/hello/{", "/bye/{"), LATE),),
    "a view gone": ((("app.py", 'config.add_view(hello, route_name="hello")\n', ""), LATE),),
    "a view more": (
        (
            (
                "app.py",
                "app = config",
                'config.add_view(hello, route_name="hello", request_method="PUT")\napp = config',
            ),
            LATE,
        ),
    ),
}
CASES = [
    *(
        Case(name, ("pyramid>=2",), {"app.py": FACTORY + DESCRIBE, "views.py": VIEWS}, edits)
        for name, edits in OF_A_FACTORY.items()
    ),
    *(Case(name, ("pyramid>=2",), {"app.py": STATEMENTS + DESCRIBE}, edits) for name, edits in OF_STATEMENTS.items()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_routers_follow(case: Case) -> None:
    check_case(case)
