"""No adapter asks a proxy of the program what it stands for: that may load something, or raise."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reload.adapters.live import Live

# Each with the module whose import makes its adapter look at the program's values.
LIBRARIES = [
    "aiohttp.web", "blinker", "bottle", "cattrs", "celery", "click", "dash", "discord.ext.commands", "django.conf",
    "django.contrib.admin", "django.dispatch", "django.template.library", "falcon", "fastapi", "flask", "jinja2", "litestar",
    "marshmallow", "msgspec", "pluggy", "pydantic", "quart", "sqlalchemy.orm", "starlette.applications", "textual.app",
    "tornado.web", "typer",
]  # fmt: skip

TEXT = """\
import sys

LIMIT = 1
ASKED = []


class Proxy:
    @property
    def __class__(self):
        ASKED.append(sys._getframe(1).f_code)
        return int

    def __getattr__(self, name):
        if not name.startswith("__"):
            ASKED.append(sys._getframe(1).f_code)
        raise AttributeError(name)


proxy = Proxy()
held = [proxy, {"proxy": proxy}]


class Item:
    size = LIMIT
    proxy = proxy

    def double(self):
        return LIMIT * 2


def limit():
    return LIMIT


total = limit() + 1
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    program = Live(tmp_path / "program")
    yield program
    program.close()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_proxy_is_not_asked(library: str, live: Live) -> None:
    pytest.importorskip(library, exc_type=ImportError)
    importlib.import_module(library)
    app = live.load({"app.py": TEXT})
    for edit in [
        ("app.py", "return LIMIT * 2", "return LIMIT * 3"),
        ("app.py", "size = LIMIT", "size = LIMIT + 1"),
        ("app.py", "LIMIT = 1", "LIMIT = 5"),
        ("app.py", "return LIMIT\n", "return LIMIT + 1\n"),
        ("app.py", '{"proxy": proxy}', '{"other": proxy}'),
        ("app.py", "proxy = Proxy()", "proxy = Proxy()  # another"),
    ]:
        live.edit(edit)
    assert app.total == 7
    asked = {f"{code.co_filename}:{code.co_qualname}" for code in app.ASKED}
    assert "\n".join(sorted(asked)) == ""
