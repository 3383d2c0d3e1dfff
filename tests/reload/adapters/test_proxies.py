"""Nothing asks a proxy of the program what it stands for: not the engine, nor the adapter of any library."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from tests.reload.adapters.libraries import libraries
from tests.reload.adapters.live import Live

# What to install, and the modules with which the adapters look at the program's values.
LIBRARIES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("aiohttp>=3.10",): ("aiohttp.web",),
    ("bottle>=0.13",): ("bottle",),
    ("cattrs>=24", "attrs"): ("cattrs",),
    ("celery>=5", "sqlalchemy>=2"): ("celery", "sqlalchemy.orm"),
    ("dash>=3",): ("dash", "flask"),
    ("discord.py>=2.3", "audioop-lts; python_version >= '3.13'"): ("discord.ext.commands",),
    ("django>=5", "djangorestframework>=3.15"): (
        "django.conf",
        "django.dispatch",
        "django.template.library",
        "django.db.models",
    ),
    ("falcon>=4",): ("falcon",),
    ("fastapi>=0.115", "uvicorn"): ("fastapi", "pydantic", "starlette.applications"),
    ("flask>=3", "flask-sqlalchemy>=3"): ("flask", "blinker", "click", "jinja2"),
    ("litestar>=2.12", "uvicorn"): ("litestar", "msgspec"),
    ("marshmallow>=3.20",): ("marshmallow",),
    ("pluggy>=1.5",): ("pluggy",),
    ("quart>=0.20",): ("quart",),
    ("textual>=1",): ("textual.app",),
    ("tornado>=6.4",): ("tornado.web",),
}

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
EDITS = [
    ("return LIMIT * 2", "return LIMIT * 3"),
    ("size = LIMIT", "size = LIMIT + 1"),
    ("LIMIT = 1", "LIMIT = 5"),
    ("return LIMIT\n", "return LIMIT + 1\n"),
    ('{"proxy": proxy}', '{"other": proxy}'),
    ("class Item:", "class Item(object):"),
    ("total = limit() + 1", "total = limit() + 2\nmore = [proxy]"),
    ("more = [proxy]", ""),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("requirements", LIBRARIES, ids=lambda given: given[0].partition(">")[0])
def test_a_proxy_is_not_asked(requirements: tuple[str, ...]) -> None:
    installed = os.fspath(libraries(*requirements))
    done = subprocess.run(
        [sys.executable, "-m", __name__, *LIBRARIES[requirements]],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([installed, *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert (done.returncode, done.stdout) == (0, "total 8\n"), done.stderr[-2000:]


def _main() -> None:
    warnings.simplefilter("ignore")
    for library in sys.argv[1:]:
        importlib.import_module(library)
    live = Live(Path(tempfile.mkdtemp()) / "program")
    app = live.load({"app.py": TEXT})
    for before, after in EDITS:
        live.edit(("app.py", before, after))
    for asked in sorted({f"{code.co_filename}:{code.co_qualname}" for code in app.ASKED}):
        print(asked)
    print("total", app.total)


if __name__ == "__main__":
    _main()
