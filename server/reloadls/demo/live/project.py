"""The second act's application: its files, and the edits made to them, each with what shows that it is live."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

__all__ = ["EDITS", "Edit", "LiveProject"]

Kind = Literal["live", "failed", "restart"]

_FILES: Final = {
    "settings.toml": 'greeting = "Good morning"\n',
    "prices.py": '''\
"""What things cost, in cents."""

PRICES = {"tea": 250, "cake": 420}
VAT = 1.10


def total(item: str) -> int:
    return round(PRICES[item] * VAT)
''',
    "models.py": """\
from pydantic import BaseModel


class Offer(BaseModel):
    item: str
    cents: int
""",
    "sessions.py": '''\
"""Who is here, and how often each has asked: in memory, and nowhere else."""


class Session:
    __slots__ = ("count", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def title(self) -> str:
        return f"guest {self.name}"


SESSIONS: dict[str, Session] = {}


def visit(name: str) -> Session:
    session = SESSIONS.setdefault(name, Session(name))
    session.count += 1
    return session
''',
    "app.py": """\
import os
import tomllib
from pathlib import Path

import prices
from fastapi import Depends, FastAPI, Request
from models import Offer
from sessions import SESSIONS, Session, visit

SETTINGS = tomllib.loads(Path(__file__).with_name("settings.toml").read_text())
app = FastAPI(title="Tea room")


def guest(name: str = "nobody") -> Session:
    return visit(name)


@app.middleware("http")
async def mark(request: Request, call_next):
    response = await call_next(request)
    response.headers["x-room"] = "small"
    return response


@app.get("/")
async def home(session: Session = Depends(guest)):
    answer = {"pid": os.getpid(), "guests": len(SESSIONS), "count": session.count}
    return answer | {"text": f"{SETTINGS['greeting']}, {session.title()}."}


@app.get("/offer", response_model=Offer)
async def offer(item: str = "tea"):
    return {"item": item, "cents": prices.total(item), "vat": prices.VAT}
""",
}


@dataclass(frozen=True)
class Edit:
    """One saved edit.

    Attributes:
        name: what is edited, for people.
        kind: what has to come of it.
        changes: file, text that is there once, and what takes its place; "" for the end of the file.
        path: what is asked for to see it.
        shows: the text that is in the answer, headers included, once it is live.
    """

    name: str
    kind: Kind
    changes: tuple[tuple[str, str, str], ...]
    path: str = "/?name=probe"
    shows: str = ""


_NEW_ROUTE = """

@app.get("/menu")
async def menu():
    return sorted(prices.PRICES)
"""

EDITS: Final = (
    Edit("a function's body", "live", (("app.py", '{session.title()}."', '{session.title()}!"'),), shows='!"'),
    Edit("a method of live sessions", "live", (("sessions.py", "guest {", "dear {"),), shows="dear probe"),
    Edit("a constant of a module", "live", (("prices.py", "VAT = 1.10", "VAT = 1.20"),), "/offer", "300"),
    Edit("a table", "live", (("prices.py", '"tea": 250', '"tea": 300'),), "/offer", "360"),
    Edit("a new route", "live", (("app.py", "", _NEW_ROUTE),), "/menu", '["cake","tea"]'),
    Edit("a syntax error", "failed", (("app.py", "async def menu():", "async def menu(:"),), "/menu", '["cake","tea"]'),
    Edit(
        "it is mended, with a parameter",
        "live",
        (
            ("app.py", "async def menu(:", "async def menu(first: str = 'milk'):"),
            ("app.py", "return sorted(prices.PRICES)", "return [first, *sorted(prices.PRICES)]"),
        ),
        "/menu?first=jam",
        '["jam","cake","tea"]',
    ),
    Edit("a field of a model", "live", (("models.py", "cents: int", "cents: int\n    vat: float"),), "/offer", "1.2"),
    Edit(
        "a dependency's parameter",
        "live",
        (("app.py", 'name: str = "nobody")', 'name: str = "nobody", more: int = 0)'),),
        "/?name=probe&more=x",
        "int_parsing",
    ),
    Edit("middleware", "live", (("app.py", '"small"', '"large"'),), shows="x-room: large"),
    Edit("a settings file", "live", (("settings.toml", "morning", "evening"),), shows="Good evening"),
    Edit(
        "__slots__ of live sessions",
        "restart",
        (
            ("sessions.py", '("count", "name")', '("count", "name", "seat")'),
            ("sessions.py", "dear {self.name}", "dear {self.name} at {self.seat}"),
            ("sessions.py", "self.count = 0", "self.count, self.seat = 0, 7"),
        ),
        shows="at 7",
    ),
)


class LiveProject:
    """The application in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="reloadls-demo-")))

    def build(self) -> None:
        """Write the files. Blocking."""
        for name, text in _FILES.items():
            (self.folder / name).write_text(text)

    def make(self, edit: Edit) -> None:
        """Save an edit as editors do, each file at once. Blocking."""
        texts: dict[str, str] = {}
        for name, old, new in edit.changes:
            text = texts.get(name) or (self.folder / name).read_text()
            texts[name] = text.replace(old, new) if old else text + new
        for name, text in texts.items():
            beside = self.folder / f".{name}.new"
            beside.write_text(text)
            os.replace(beside, self.folder / name)

    def remove(self) -> None:
        """Leave nothing behind. Blocking."""
        shutil.rmtree(self.folder, ignore_errors=True)
