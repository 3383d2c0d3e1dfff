"""`reloadls run --sync-requirements`: what requirement files demand is installed while the program runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reload.requirements.environment import Environment, make_wheel
from tests.reload.runtime.programs import TICKING

_WORD = """
def word():
    return "one"
"""
_WITH_FOO = """
import foo

def word():
    return "foo " + foo.VERSION
"""


@pytest.fixture(params=["pip", "uv"])
def env(request: pytest.FixtureRequest, tmp_path: Path) -> Environment:
    made = Environment(tmp_path, with_uv=request.param == "uv", with_pip=request.param == "pip")
    (made.project / "app.py").write_text(TICKING)
    (made.project / "word.py").write_text(_WORD)
    for version in ("1.0", "2.0"):
        make_wheel(made.wheels, "foo", version)
    make_wheel(made.wheels, "bar", "1.0")
    return made


def test_a_new_demand_is_importable_and_what_failed_without_it_is_retried(env: Environment) -> None:
    env.require("bar")
    with env.run("--sync-requirements", "app.py") as running:
        client = running.connect()
        running.until_output("one")
        running.write(word=_WITH_FOO)
        failed = client.until_report()
        assert failed["status"] == "failed"
        assert failed["error"]["type"] == "ModuleNotFoundError"
        env.require("bar", "foo==1.0")
        running.until_output("foo 1.0")
        assert env.installed("foo") == "1.0"
        reports = [client.until_report(), client.until_report()]
        [installed] = [each for each in reports if each["modules"][0]["name"] == "requirements.txt"]
        assert installed["status"] == "reloaded", installed
        assert "foo 1.0" in installed["modules"][0]["changed"]
        running.until_stderr("requirements.txt: bar 1.0, foo 1.0")


def test_a_failure_is_reported_at_the_line_and_the_next_change_tries_again(env: Environment) -> None:
    env.require("bar")
    with env.run("--sync-requirements", "app.py") as running:
        client = running.connect()
        running.until_output("one")
        env.require("bar", "# a comment", "foo==9.0")
        failed = client.until_report()
        assert failed["status"] == "failed"
        assert failed["error"]["uri"].endswith("/project/requirements.txt")
        assert failed["error"]["range"]["start"]["line"] == 4
        assert "foo" in failed["error"]["message"]
        assert failed["error"]["traceback"]
        running.until_stderr("requirements.txt:5: ")
        running.write(word=_WORD.replace("one", "two"))
        running.until_output("two")
        later = client.until_report()
        assert later["status"] == "reloaded"
        waiting = [each for each in later["modules"] if each["status"] == "rolledBack"]
        assert [each["name"] for each in waiting] == ["requirements.txt"]
        env.require("bar", "foo==2.0")
        assert client.until_report()["status"] == "reloaded"
        assert env.installed("foo") == "2.0"


def test_comments_and_order_are_nothing_and_a_removed_demand_is_said(env: Environment) -> None:
    env.require("foo==1.0", "bar")
    with env.run("--sync-requirements", "app.py") as running:
        client = running.connect()
        env.require("# nothing", "bar", "Foo == 1.0  # the same")
        env.require("bar", file="requirements-dev.txt")
        installed = client.until_report()
        assert installed["modules"][0]["name"] == "requirements-dev.txt"
        assert not env.installed("foo")
        env.require("foo==1.0")
        running.until_stderr("requirements.txt no longer demands bar; what is installed stays installed")
        assert env.installed("bar")
