"""click and typer: after any edit a program has the commands of a fresh start."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.reload.adapters.live import Edit, Live, check

CLICK = '''\
import click


@click.group()
@click.option("--verbose", is_flag=True)
@click.pass_context
def app(context, verbose):
    """All of it."""
    context.obj = verbose


@app.command()
@click.argument("name")
def greet(name):
    """Say it."""
    click.echo("hi " + name)


@app.group()
def admin():
    pass


@admin.command("list")
@click.pass_obj
def listing(verbose):
    click.echo(f"verbose: {verbose}")


def plain():
    click.echo("plain")


app.add_command(click.command("plain")(plain))
for name in ("one", "two"):
    app.add_command(click.command(name)(plain))
'''
TYPER = '''\
import typer

app = typer.Typer()
inner = typer.Typer()


@app.callback()
def main(verbose: bool = False):
    """All of it."""
    if verbose:
        typer.echo("verbose")


@app.command()
def greet(name: str):
    """Say it."""
    typer.echo("hi " + name)


@inner.command("list")
def listing():
    typer.echo("listing")


@inner.command()
def other():
    typer.echo("other")


app.add_typer(inner, name="admin")


def plain():
    typer.echo("plain")


for name in ("one", "two"):
    app.command(name)(plain)
'''
RUNS: list[list[str]] = [
    *(["--help"], ["greet", "--help"], ["greet", "ann"], ["greet", "ann", "--loud"], ["--verbose", "admin", "list"]),
    *(["admin", "other"], ["plain"], ["one"], ["three"], ["new"], ["admin", "new"]),
]
COMMON: dict[str, list[Edit]] = {
    "a body": [("app.py", '"hi "', '"hello "')],
    "a docstring": [("app.py", "Say it.", "Say it well.")],
    "the group's docstring": [("app.py", "All of it.", "All.")],
    "a loop": [("app.py", '("one", "two")', '("two", "three")')],
    "what a loop gives": [("app.py", 'echo("plain")', 'echo("PLAIN")')],
}
OF_CLICK: dict[str, list[Edit]] = {
    "an option": [
        (
            "app.py",
            '@click.argument("name")\ndef greet(name):',
            '@click.argument("name")\n@click.option("--loud", is_flag=True)\ndef greet(name, loud):',
        )
    ],
    "a name": [("app.py", 'admin.command("list")', 'admin.command("new")')],
    "gone": [
        (
            "app.py",
            '@app.command()\n@click.argument("name")\n'
            'def greet(name):\n    """Say it."""\n    click.echo("hi " + name)\n',
            "",
        )
    ],
    "more": [("app.py", "", '\n\n@admin.command()\ndef new():\n    click.echo("new")\n')],
    "the group's option": [("app.py", '"--verbose", is_flag=True', '"--verbose", is_flag=True, help="More."')],
    "the inner group": [("app.py", "@app.group()", '@app.group(help="For some.")')],
    "added by a call": [("app.py", 'click.command("plain")', 'click.command("new")')],
    "not added": [("app.py", 'app.add_command(click.command("plain")(plain))\n', "")],
}
OF_TYPER: dict[str, list[Edit]] = {
    "an option": [("app.py", "def greet(name: str):", "def greet(name: str, loud: bool = False):")],
    "a name": [("app.py", 'inner.command("list")', 'inner.command("new")')],
    "gone": [("app.py", '@inner.command()\ndef other():\n    typer.echo("other")\n', "")],
    "more": [("app.py", "", '\n\n@inner.command()\ndef new():\n    typer.echo("new")\n')],
    "the group's option": [
        ("app.py", "verbose: bool = False", "loud: bool = False"),
        ("app.py", "if verbose", "if loud"),
    ],
    "no callback": [("app.py", "@app.callback()\n", "")],
    "the inner application": [("app.py", "inner = typer.Typer()", 'inner = typer.Typer(help="For some.")')],
    "the application": [("app.py", "app = typer.Typer()", 'app = typer.Typer(help="It all.", add_completion=False)')],
    "its name": [("app.py", 'name="admin"', 'name="administer"')],
}


@pytest.mark.parametrize("edits", [pytest.param(edits, id=name) for name, edits in (COMMON | OF_CLICK).items()])
def test_click(live: Live, edits: list[Edit]) -> None:
    pytest.importorskip("click")
    from click.testing import CliRunner

    def describe(module: ModuleType) -> Any:
        return [(run, done.exit_code, done.output) for run in RUNS for done in [CliRunner().invoke(module.app, run)]]

    check(live, {"app.py": CLICK}, edits, describe)


@pytest.mark.parametrize("edits", [pytest.param(edits, id=name) for name, edits in (COMMON | OF_TYPER).items()])
def test_typer(live: Live, edits: list[Edit]) -> None:
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    def describe(module: ModuleType) -> Any:
        return [(run, done.exit_code, done.output) for run in RUNS for done in [CliRunner().invoke(module.app, run)]]

    check(live, {"app.py": TYPER}, edits, describe)


def test_a_held_command_follows_its_statement(live: Live) -> None:
    pytest.importorskip("click")
    from click.testing import CliRunner

    module = live.load({"app.py": CLICK})
    held = module.greet
    live.edit(("app.py", 'click.argument("name")', 'click.argument("name", default="you")'))
    assert module.greet is held is module.app.commands["greet"]
    assert CliRunner().invoke(held, []).output == "hi you\n"
