"""The programs and tables of docs/records.md are true."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from reloadls.records.events import EVENT_TYPES
from reloadls.records.filters import parse_where
from reloadls.records.layout import layout_from
from tests.cli.running import environment

_PAGE = (Path(__file__).parents[2] / "docs" / "records.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _PAGE, re.DOTALL)


def test_the_program_runs(tmp_path: Path) -> None:
    (program,) = _blocks("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path, env=environment(XDG_STATE_HOME=str(tmp_path / "state")), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("snapshot tasks t-17 write the page\n", "")


def test_the_layout_and_the_expressions_can_be_read() -> None:
    (layout,) = _blocks("toml")
    assert layout_from(tomllib.loads(layout)).kinds == ("reservations", "heartbeats", "releases")
    table = _PAGE.split("| expression | matches |")[1].split("\n\n")[0]
    rows = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
    expressions = [code for row in rows for code in re.findall(r"`([^`]+)`", row)]
    assert len(expressions) >= 10
    for expression in expressions:
        parse_where(expression)


def test_every_event_is_explained() -> None:
    assert [name for name in EVENT_TYPES if f"| `{name}` |" not in _PAGE] == []
