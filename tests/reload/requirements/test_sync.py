"""`reloadls run --sync-requirements`: what requirement files demand is installed while the program runs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.reload.requirements.environment import Environment, make_wheel
from tests.reload.runtime.programs import TICKING, until_ended

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


@pytest.mark.parametrize("restarts", [False, True])
def test_a_changed_distribution_that_is_imported_requires_a_restart(env: Environment, restarts: bool) -> None:
    env.require("foo==1.0")
    env.install("foo-1.0")
    (env.project / "word.py").write_text(_WITH_FOO)
    with env.run("--sync-requirements", *(["--restart-on-required"] if restarts else []), "app.py") as running:
        running.until_output("foo 1.0")
        running.until_stderr("following")
        if restarts:
            env.require("foo==2.0", "bar")
            running.until_output("foo 2.0")
            return
        client = running.connect()
        env.require("foo==2.0", "bar")
        reports = [client.until_report(), client.until_report()]
        [report] = [each for each in reports if each["status"] == "restartRequired"]
        [module] = [each for each in report["modules"] if each["status"] == "restartRequired"]
        assert module["name"] == "requirements.txt"
        assert module["reason"] == "the program has imported foo 1.0 → 2.0"
        assert report["error"]["range"]["start"]["line"] == 2
        running.until_stderr("requirements.txt: the program has imported foo 1.0 → 2.0 (the program still runs the old")
        running.write(word=_WITH_FOO.replace("foo ", "still "))
        running.until_output("still 1.0")
        assert [each["name"] for each in client.until_report()["modules"] if each["status"] == "restartRequired"]


def test_pth_files_and_packages_of_a_namespace_are_found_at_once(env: Environment) -> None:
    apart = env.folder.parent / "apart"
    apart.mkdir()
    (apart / "hidden.py").write_text("VERSION = 'found'\n")
    make_wheel(env.wheels, "linked", "1", {"linked.pth": f"{apart}\n", "space/linked/__init__.py": ""})
    env.require()
    with env.run("--sync-requirements", "app.py") as running:
        running.until_output("one")
        env.require("linked")
        running.until_stderr("requirements.txt: linked 1")
        running.write(word=_WITH_FOO.replace("import foo", "import hidden as foo, space.linked"))
        running.until_output("foo found")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_installer_ends_with_the_program(tmp_path: Path, end: signal.Signals) -> None:
    env = Environment(tmp_path)
    (env.project / "app.py").write_text(TICKING)
    (env.project / "word.py").write_text(_WORD)
    mark = tmp_path / "pids"
    (tmp_path / "slow.sh").write_text(f"sleep 300 & echo $! $$ > {mark}; wait\n")
    env.require()
    with env.run("--sync-command", f"sh {tmp_path / 'slow.sh'}", "app.py") as running:
        running.until_output("one")
        env.require("foo")
        running.running.until(lambda: mark.exists() and mark.read_text().endswith("\n"), "the installer")
        running.running.signal(end)
        running.running.wait()
        for pid in mark.read_text().split():
            until_ended(int(pid))


def test_another_change_meanwhile_is_installed_after(tmp_path: Path) -> None:
    env = Environment(tmp_path)
    (env.project / "app.py").write_text(TICKING)
    (env.project / "word.py").write_text(_WORD)
    log, go = tmp_path / "log", tmp_path / "go"
    (tmp_path / "install.sh").write_text(f"tail -1 requirements.txt >> {log}; until [ -e {go} ]; do sleep 0.02; done\n")
    env.require()
    with env.run("--sync-command", f"sh {tmp_path / 'install.sh'}", "app.py") as running:
        client = running.connect()
        env.require("foo")
        running.running.until(lambda: log.exists() and log.read_text() == "foo\n", "the first run")
        env.require("foo", "bar")
        env.require("foo", "bar", "baz")
        go.touch()
        assert client.until_report()["status"] == client.until_report()["status"] == "reloaded"
        assert log.read_text() == "foo\nbaz\n"


def test_credentials_are_never_shown(tmp_path: Path) -> None:
    env = Environment(tmp_path)
    (env.project / "app.py").write_text("import logging\nlogging.basicConfig(level=logging.DEBUG)\n" + TICKING)
    (env.project / "word.py").write_text(_WORD)
    env.require()
    echo = "sh -c 'cat requirements.txt; echo error: https://me:hunter2@127.0.0.1/simple refused; exit 1'"
    with env.run("--sync-command", echo, "app.py") as running:
        client = running.connect()
        env.require("--index-url https://me:hunter2@127.0.0.1/simple", "foo")
        report = client.until_report()
        assert report["status"] == "failed"
        assert "https://****@127.0.0.1/simple refused" in report["error"]["message"]
        running.until_stderr("--index-url https://****@127.0.0.1/simple")
        assert "hunter2" not in repr((client.received, running.running.err, running.running.out))


def test_a_file_that_is_half_written_is_reported_at_its_line(tmp_path: Path) -> None:
    env = Environment(tmp_path)
    (env.project / "app.py").write_text(TICKING)
    (env.project / "word.py").write_text(_WORD)
    project = env.project / "pyproject.toml"
    project.write_text("[project]\nname = 'x'\nversion = '1'\ndependencies = []\n")
    with env.run("--sync-command", "true", "app.py") as running:
        client = running.connect()
        project.write_text("[project]\nname = 'x'\nversion = '1'\ndependencies = [\n  'foo',\n  'b")
        report = client.until_report()
        assert report["error"]["type"] == "InvalidRequirements"
        assert report["error"]["range"]["start"]["line"] == 5
        project.write_text("[project]\nname = 'x'\nversion = '1'\ndependencies = [] # nothing\n")
        assert client.until_report()["status"] == "unchanged"


def test_without_an_installer_the_report_says_what_to_do(tmp_path: Path) -> None:
    env = Environment(tmp_path, with_pip=False)
    (env.project / "app.py").write_text(TICKING)
    (env.project / "word.py").write_text(_WORD)
    env.require()
    with env.run("--sync-requirements", "app.py") as running:
        client = running.connect()
        env.require("foo")
        message = client.until_report()["error"]["message"]
        assert "neither uv nor pip is installed for" in message
        assert "--sync-command" in message


_WSGI = """
import os
import pathlib
import word

(pathlib.Path(__file__).parent.parent / f"worker-{os.getpid()}").touch()

def app(environ, start_response):
    start_response("200 OK", [])
    return [word.word().encode()]
"""


def test_every_worker_imports_what_one_installation_brought(tmp_path: Path) -> None:
    env = Environment(tmp_path, with_uv=True)
    make_wheel(env.wheels, "foo", "1.0")
    make_wheel(env.wheels, "foo", "2.0")
    pytest.importorskip("gunicorn")
    env.require()
    (env.project / "app.py").write_text(_WSGI)
    (env.project / "word.py").write_text(_WORD)
    with env.run("--sync-requirements", "-m", "gunicorn", "-w", "3", "-b", "127.0.0.1:0", "app:app") as running:
        running.running.until(lambda: len(list(tmp_path.glob("worker-*"))) == 3, "all workers")
        clients = [running.connect(int(each.name.partition("-")[2])) for each in tmp_path.glob("worker-*")]
        first = running.connect()
        running.write(word=_WITH_FOO)
        for client in clients:
            assert client.until_report()["status"] == "failed"
        env.require("foo==1.0")
        for client in clients:  # the master has not loaded the module
            assert client.until_report()["status"] == "reloaded"
        assert "foo 1.0" in first.until_report()["modules"][0]["changed"]
        assert len([line for line in running.running.err if line.startswith("installing")]) == 1
        env.require("foo==2.0")
        for client in clients:
            assert client.until_last("restartRequired")["modules"][0]["reason"].endswith("foo 1.0 → 2.0")
