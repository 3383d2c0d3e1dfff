"""What README.md and the pages of docs/ show is true: their programs run, their tables match the code."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import attrs
import pytest

from reloadls import FileWatcher
from reloadls.protocol import Options
from reloadls.protocol.messages import ProblemCode
from reloadls.wire import methods
from tests.cli.running import environment, finish

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def programs(name: str) -> list[str]:
    """The Python programs that a page shows."""
    return re.findall(r"```python\n(.*?)```", page(name), re.DOTALL)


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables in `text`."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]


[README] = programs("README.md")
HOOKS, ENGINE = programs("docs/hot-reload.md")
[LIBRARY] = programs("docs/watch-python.md")
[CLIENT] = programs("docs/service.md")


def test_the_examples_of_hot_reload_run(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("x = 1\n")
    script = (
        "import sys; sys.path.insert(0, 'src'); import app\n"
        "from pathlib import Path; path = Path('src/app.py').resolve()\n"
        + ENGINE.replace("report = ", "path.write_text('x = 2');\nreport = ")
        + HOOKS
        + "\nprint(app.x)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.splitlines(), done.stderr) == (["reloaded", "2"], "")


def test_the_library_example_runs(tmp_path: Path) -> None:
    script = LIBRARY.replace("await asyncio.sleep(60)", "print('ready', flush=True); await asyncio.sleep(60)")
    assert script != LIBRARY
    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", script], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            (tmp_path / "a.py").touch()
            assert process.stdout.readline().decode() == f"created {tmp_path / 'a.py'}\n"
        finally:
            process.kill()


def test_the_client_example_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert f"created {(tmp_path / 'hello.txt').as_uri()}" in done.stdout.splitlines()
    assert done.stderr == ""


def test_the_program_of_the_readme_runs(tmp_path: Path) -> None:
    script = README.replace("async for changes", "print('ready', flush=True)\n        async for changes")
    assert script != README
    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", script], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            (tmp_path / "a.py").touch()
            assert "('created', " in process.stdout.readline().decode()
        finally:
            process.kill()


def test_the_table_of_the_services_options_has_their_defaults() -> None:
    shown = {row[0].strip("`"): row[1] for row in rows(page("docs/service.md").partition("## Options")[2])}
    fields = attrs.fields(Options)
    camel = {field.name: re.sub(r"_(\w)", lambda match: match[1].upper(), field.name) for field in fields}
    assert list(shown) == list(camel.values())
    for field in fields:
        default = getattr(Options(), field.name)
        cell = shown[camel[field.name]]
        if isinstance(default, bool | int) or field.name == "force_polling":
            assert cell == f"`{json.dumps(default)}`", field.name
        else:  # in words
            assert not default, field.name
            assert "`" not in cell, field.name


def test_the_table_of_the_watchers_options_has_their_defaults() -> None:
    shown = {row[0].strip("`"): row[1].strip("`") for row in rows(page("docs/watch-python.md"))}
    parameters = list(inspect.signature(FileWatcher).parameters.values())[1:]
    code = {one.name: f'"{one.default}"' if isinstance(one.default, str) else repr(one.default) for one in parameters}
    assert shown == code


def test_every_option_of_the_command_line_that_a_page_names_exists() -> None:
    helps = {
        name: finish(name, "--help").stdout for name in ("run", "watch", "records", "serve", "proxy", "status", "demo")
    }
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    calls = re.findall(
        r"reloadls (run|watch|records|serve|proxy|status|demo) ([^\n`]*)",
        "\n".join([path.read_text("utf-8") for path in pages]),
    )
    assert len(calls) > 40
    for name, rest in calls:
        ours = rest.partition(" -- ")[0]
        if name in ("run", "proxy"):  # what follows the first word that is not an option belongs to another program
            ours = re.match(r"(?:-\S+\s+)*", ours + " ")[0]  # type: ignore[index]
        for option in re.findall(r"(?<!\S)--[a-z][\w-]*", ours):
            assert option in helps[name], f"reloadls {name} {rest}"


def test_every_request_is_named() -> None:
    assert [name for name in methods.REQUESTS if f"`{name}`" not in page("docs/service.md")] == []


def test_every_problem_is_explained() -> None:
    assert [code for code in get_args(ProblemCode) if f"`{code}`" not in page("docs/troubleshooting.md")] == []


def test_the_readme_is_half_as_long_as_the_docs_that_it_links_to() -> None:
    linked = {name for name in re.findall(r"\]\(([\w./-]+\.md)\)", page("README.md")) if name.startswith("docs/")}
    assert len(linked) >= 8
    assert len(page("README.md")) <= sum(len(page(name)) for name in linked) / 2


@pytest.mark.parametrize("name", ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(name: str) -> None:
    made = {"cli.md", "api.md"}  # by .ci/site.py
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page(name)):
        if target not in made:
            assert ((ROOT / name).parent / target).exists(), target


def test_the_pictures_are_small() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found = [path.parent / name for path in pages for name in re.findall(r"!\[.*?\]\((.*?)\)", path.read_text("utf-8"))]
    assert len(found) == 3
    for path in found:
        picture = path.read_bytes()
        assert picture.startswith((b"<svg", b"\x89PNG"))
        assert len(picture) < 300_000
