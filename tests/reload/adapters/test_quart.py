"""Quart: an application is made again by its factory while it is served."""

from __future__ import annotations

from pathlib import Path

from tests.reload.adapters.libraries import libraries
from tests.reload.adapters.served import Edit, play, served

QUART = """\
import sys
from quart import Quart


def create_app():
    app = Quart(__name__)

    @app.before_serving
    async def prepare():
        app.prepared = 1

    @app.get("/")
    async def home():
        return "home"

    return app


create_app().run(port=int(sys.argv[1]), use_reloader=False)
"""
MORE = '    @app.get("/more")\n    async def more():\n        return "more"\n\n    return app\n'

AGAIN = "    @app.before_serving\n    async def again():\n        pass\n\n    @app.before_serving\n"


def test_a_quart_application_is_reloaded(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(QUART)
    with served(tmp_path, "app.py", "{port}", libraries=libraries("quart>=0.20")) as server:
        play(
            server,
            [
                Edit("app.py", '"home"', '"the home"'),
                Edit("app.py", "    return app\n", MORE),
                Edit("app.py", "/more", "/other"),
                Edit(
                    "app.py", "prepared = 1", "prepared = 2", "noted", "prepare runs only when the application starts"
                ),
                Edit(
                    "app.py", "    @app.before_serving\n", AGAIN, "noted", "again runs only when the application starts"
                ),
            ],
            ["/", "/more", "/other"],
        )
