"""Flask: after any edit an application equals a fresh start."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.reload.adapters.live import Edit, Live, check

pytest.importorskip("flask")

USERS = """\
from flask import Blueprint

inner = Blueprint("inner", __name__, url_prefix="/inner")
users = Blueprint("users", __name__, url_prefix="/users")


@inner.route("/deep")
def deep():
    return "deep"


@users.before_request
def before():
    pass


@users.route("/")
def index():
    return "users"


@users.route("/<name>", methods=["GET", "PUT"])
def show(name):
    return name


@users.errorhandler(ValueError)
def wrong(error):
    return "wrong value", 400


@users.route("/wrong")
def fails():
    raise ValueError


@users.app_template_filter()
def loud(text):
    return text.upper()


users.register_blueprint(inner)
"""
APP = """\
from functools import wraps

import click
from flask import Flask, g, render_template_string
from users import users

app = Flask(__name__)
app.config["SECRET"] = "s"


def polite(view):
    @wraps(view)
    def wrapped(*args, **kwargs):
        return "please " + view(*args, **kwargs)

    return wrapped


@app.before_request
def start():
    g.steps = ["start"]


@app.after_request
def mark(response):
    response.headers["x-mark"] = "a"
    return response


@app.context_processor
def words():
    return {"word": "hi"}


@app.template_filter("twice")
def twice(text):
    return text * 2


@app.errorhandler(404)
def missing(error):
    return "not here", 404


@app.route("/")
@polite
def home():
    return "home"


@app.route("/page")
def page():
    return render_template_string("{{ word | twice }} {{ 'x' | loud }}")


def contact(who="us"):
    return who


app.add_url_rule("/contact", view_func=contact)
for name in ("a", "b"):
    app.add_url_rule(f"/at/{name}", endpoint=f"at_{name}", view_func=contact)


def plug(target):
    target.register_blueprint(users)
    target.register_blueprint(users, name="again", url_prefix="/again")


plug(app)


@app.cli.command("hello")
@click.option("--name", default="you")
def hello(name):
    click.echo("hello " + name)
"""
FILES = {"users.py": USERS, "app.py": APP}
PATHS = (
    *(
        "/",
        "/page",
        "/contact",
        "/at/a",
        "/at/b",
        "/at/c",
        "/users/",
        "/users/ann",
        "/users/wrong",
        "/users/inner/deep",
    ),
    *("/again/", "/again/ann", "/again/inner/deep", "/new", "/users/new", "/nowhere", "/static/none.css"),
)


def describe(module: ModuleType) -> Any:
    """Return everything that a client can observe."""
    app = module.app
    client = app.test_client()
    answers: list[Any] = [
        (path, each.status_code, each.text, each.headers.get("x-mark")) for path in PATHS for each in [client.get(path)]
    ]
    answers += [(path, client.put(path).status_code) for path in ("/users/ann", "/")]
    rules = sorted((rule.rule, rule.endpoint, sorted(rule.methods or ())) for rule in app.url_map.iter_rules())
    hooks = {name: [each.__name__ for each in found] for name, found in app.before_request_funcs.items() if found}
    with app.test_request_context():
        urls = [app.url_for(rule.endpoint) for rule in app.url_map.iter_rules() if not rule.arguments]
    command = app.test_cli_runner().invoke(args=["hello"]).output
    return answers, rules, hooks, sorted(urls), command, list(app.blueprints), app.config["SECRET"]


EDITS: dict[str, list[Edit]] = {
    "a body": [("app.py", 'return "home"', 'return "HOME"')],
    "a rule": [("app.py", '@app.route("/page")', '@app.route("/new")')],
    "methods": [("users.py", 'methods=["GET", "PUT"]', 'methods=["GET"]')],
    "a parameter": [
        ("app.py", '@app.route("/page")\ndef page():', '@app.route("/page", defaults={"n": 1})\ndef page(n):')
    ],
    "a view gone": [("users.py", '@users.route("/")\ndef index():\n    return "users"\n', "")],
    "a decorator gone": [("app.py", "@polite\n", "")],
    "a decorator's body": [("app.py", '"please "', '"PLEASE "')],
    "a rule's decorator gone": [("app.py", '@app.route("/page")\n', "")],
    "a view more": [("app.py", "", '\n\n@app.route("/new")\ndef new():\n    return "new"\n')],
    "a rule more": [("app.py", '@app.route("/page")\n', '@app.route("/page")\n@app.route("/new")\n')],
    "a blueprint's view": [("users.py", 'return "users"', 'return "USERS"')],
    "a blueprint's rule": [("users.py", '"/<name>"', '"/by/<name>"')],
    "a blueprint's view more": [
        (
            "users.py",
            "users.register_blueprint",
            '@users.route("/new")\ndef new():\n    return "new"\n\n\nusers.register_blueprint',
        )
    ],
    "a nested blueprint's rule": [("users.py", '"/deep"', '"/deeper"')],
    "a nested blueprint gone": [("users.py", "users.register_blueprint(inner)\n", "")],
    "a blueprint's prefix": [("users.py", 'url_prefix="/users"', 'url_prefix="/people"')],
    "a blueprint's prefix and a nested rule": [
        ("users.py", 'url_prefix="/users"', 'url_prefix="/people"'),
        ("users.py", '"/deep"', '"/deeper"'),
    ],
    "a blueprint's hook gone": [("users.py", "@users.before_request\n", "")],
    "a blueprint's error handler": [("users.py", '"wrong value", 400', '"WRONG", 422')],
    "a blueprint's error": [("users.py", "errorhandler(ValueError)", "errorhandler(KeyError)")],
    "a blueprint's filter": [("users.py", "text.upper()", "text.upper() + '!'")],
    "registered once": [("app.py", '    target.register_blueprint(users, name="again", url_prefix="/again")\n', "")],
    "a hook": [("app.py", "def start():", "def start(more=None):")],
    "a hook gone": [("app.py", "@app.before_request\n", "")],
    "a hook more": [
        ("app.py", "@app.after_request", "@app.before_request\ndef more():\n    pass\n\n\n@app.after_request")
    ],
    "after a request": [("app.py", '"x-mark"] = "a"', '"x-mark"] = "b"')],
    "a context": [("app.py", '{"word": "hi"}', '{"word": "ho"}')],
    "a context gone": [("app.py", "@app.context_processor\n", "")],
    "a filter": [("app.py", "return text * 2", "return text * 3")],
    "a filter with a parameter": [("app.py", "def twice(text):", "def twice(text, more=1):")],
    "an error handler": [("app.py", '"not here", 404', '"nothing", 410')],
    "an error handler gone": [("app.py", "@app.errorhandler(404)\n", "")],
    "a loop": [("app.py", '("a", "b")', '("b", "c")')],
    "a call's view": [("app.py", 'who="us"', 'who="them"')],
    "a command": [("app.py", 'default="you"', 'default="world"')],
    "the application": [("app.py", "Flask(__name__)", 'Flask(__name__, static_url_path="/files")')],
    "its settings": [("app.py", 'app.config["SECRET"] = "s"', 'app.config["SECRET"] = "t"')],
}


@pytest.mark.parametrize("edits", [pytest.param(edits, id=name) for name, edits in EDITS.items()])
def test_after_an_edit(live: Live, edits: list[Edit]) -> None:
    check(live, FILES, edits, describe)
