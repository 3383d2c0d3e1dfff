"""What hot reload costs in two projects: an edit of a function until it is live, and a start beside plain Python.

The projects are one of FastAPI and SQLAlchemy with 42 modules, and one of Django as its generator makes it. Starts with
and without `reloadls run` take turns. Prints a few lines and asserts nothing: run
``python -m tests.benchmarks.reload_projects`` on a quiet machine. The libraries are installed into the user's cache.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.cli.running import environment
from tests.programs.environment import python_of
from tests.programs.running import RELOADLS
from tests.programs.web import ENVIRONMENT, PACKAGES
from tests.reload.runtime.programs import runtime_folder

EDITS = 40
START_S = 60.0
LIVE_S = 20.0
_TOOK = re.compile(r"^reloaded .*? (\d+(?:\.\d+)?) ms$", re.MULTILINE)

_MODEL = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base


class Row{n}(Base):
    __tablename__ = "rows{n}"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    def title(self) -> str:
        return self.name.title()
"""
_ROUTER = """\
from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy.orm import Session

from ..base import session
from ..models.m{n} import Row{n}

router = APIRouter(prefix="/r{n}")


class Item{n}(BaseModel):
    name: str
    size: int = 0


def said() -> str:
    return "0"


@router.get("/said")
def read_said() -> str:
    return said()


@router.get("/{{key}}")
def read(key: int, into: Session = Depends(session)) -> Item{n}:
    row = into.get(Row{n}, key)
    return Item{n}(name=row.title() if row else "")


@router.post("/")
def write(item: Item{n}, into: Session = Depends(session)) -> Item{n}:
    into.add(Row{n}(name=item.name))
    into.commit()
    return item
"""


def fastapi(folder: Path, _python: str) -> tuple[list[str], Path, str]:
    """Write the project; its command, the file to edit, and the path to ask."""
    count = 19
    for package in ("app", "app/models", "app/routers"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    (folder / "app" / "base.py").write_text(
        "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import DeclarativeBase, Session\n\n"
        "engine = create_engine('sqlite://')\n\n\nclass Base(DeclarativeBase):\n    pass\n\n\n"
        "def session():\n    with Session(engine) as opened:\n        yield opened\n"
    )
    for n in range(count):
        (folder / "app" / "models" / f"m{n}.py").write_text(_MODEL.format(n=n))
        (folder / "app" / "routers" / f"r{n}.py").write_text(_ROUTER.format(n=n))
    imports = "".join(f"from .routers import r{n}\n" for n in range(count))
    includes = "".join(f"app.include_router(r{n}.router)\n" for n in range(count))
    main = f"from fastapi import FastAPI\n\n{imports}\napp = FastAPI()\n{includes}"
    (folder / "app" / "main.py").write_text(main)
    command = ["-m", "uvicorn", "app.main:app", "--port", "{port}", "--log-level", "warning"]
    return command, folder / "app" / "routers" / "r7.py", "/r7/said"


def django(folder: Path, python: str) -> tuple[list[str], Path, str]:
    """The same for Django."""
    subprocess.run([python, "-m", "django", "startproject", "site1", "."], cwd=folder, check=True)
    view = 'from django.http import JsonResponse\n\n\ndef said():\n    return "0"\n\n\n'
    view += "def show(request):\n    return JsonResponse(said(), safe=False)\n"
    (folder / "site1" / "said.py").write_text(view)
    urls = folder / "site1" / "urls.py"
    text = urls.read_text().replace("urlpatterns = [", "from . import said\n\nurlpatterns = [path('said', said.show),")
    urls.write_text(text)
    return ["manage.py", "runserver", "--noreload", "{port}"], folder / "site1" / "said.py", "/said"


PROJECTS = {
    "FastAPI and SQLAlchemy, 42 modules": (fastapi, ENVIRONMENT, PACKAGES),
    "Django": (django, "django", ("django",)),
}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=20, help="how many of each kind")
    parser.add_argument("--only", default="", help="projects whose names contain this")
    options = parser.parse_args()
    for name, (make, environment_name, packages) in PROJECTS.items():
        if options.only not in name:
            continue
        python = python_of(environment_name, packages)
        with tempfile.TemporaryDirectory(prefix="reloadls-bench-") as place:
            folder = Path(place)
            command, file, ask = make(folder, python)
            for line in starts(python, folder, command, ask, options.starts):
                print(f"{name}: {line}", flush=True)
            live, took = measured(python, folder, command, file, ask)
        print(
            f"{name}: {len(live)} edits of a function: reload p50 {statistics.median(took):.1f} ms, "
            f"save to live p50 {statistics.median(live):.1f} ms, "
            f"p90 {sorted(live)[len(live) * 9 // 10]:.1f} ms",
            flush=True,
        )


def starts(python: str, folder: Path, command: list[str], ask: str, count: int) -> Iterator[str]:
    """Start the project in turns, plainly and under reloadls: until it answers, and what it then takes."""
    found: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
    for number in range(-1, count):
        for under in (False, True):
            begun = time.perf_counter()
            with _running(python, folder, command, RELOADLS if under else ()) as (port, log):
                _until(port, ask, '"0"', START_S)
                took = time.perf_counter() - begun
                process = psutil.Process(int(log.with_name("pid").read_text()))
                busy = sum(process.cpu_times()[:2])
                time.sleep(2.5)  # until reloadls has imported what an edit needs
                size = process.memory_info().rss / 2**20
            if number >= 0:  # the first start of each writes bytecode
                found[under].append((took * 1000, busy * 1000, size))
    for index, (what, unit) in enumerate(
        (("time to the first answer", "ms"), ("CPU until then", "ms"), ("memory", "MiB"))
    ):
        plain, ours = ([each[index] for each in found[under]] for under in (False, True))
        low, high = min(plain), min(ours)
        middle, other = statistics.median(plain), statistics.median(ours)
        yield (
            f"start, {what}: least {low:.0f} {unit} and {high:.0f} {unit} ({high / low - 1:+.0%}), "
            f"median {middle:.0f} and {other:.0f} ({other / middle - 1:+.0%}, {other - middle:+.1f} {unit})"
        )


def measured(python: str, folder: Path, command: list[str], file: Path, ask: str) -> tuple[list[float], list[float]]:
    """From each save to the new answer, and what the reports say, in milliseconds."""
    live = []
    with _running(python, folder, command, RELOADLS) as (port, log):
        _until(port, ask, '"0"', START_S)
        time.sleep(2.0)
        text = file.read_text()
        for number in range(1, EDITS + 1):
            time.sleep(0.1)
            begun = time.perf_counter()
            file.write_text(text.replace('return "0"', f'return "{number}"'))
            _until(port, ask, f'"{number}"', LIVE_S)
            live.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.5)
        return live, [float(each) for each in _TOOK.findall(log.read_text())]


@contextlib.contextmanager
def _running(python: str, folder: Path, command: list[str], under: tuple[str, ...]) -> Iterator[tuple[int, Path]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "log"
    with runtime_folder() as runtime, log.open("wb") as file:
        process = subprocess.Popen(
            [python, *under, *(each.format(port=port) for each in command)],
            cwd=folder,
            env=environment(XDG_RUNTIME_DIR=os.fspath(runtime), PYTHONDONTWRITEBYTECODE=""),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        log.with_name("pid").write_text(str(process.pid))
        try:
            yield port, log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _until(port: int, path: str, answer: str, seconds: float) -> None:
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            if connection.getresponse().read().decode() == answer:
                return
        connection.close()
        time.sleep(0.001)
    raise TimeoutError(f"{path} does not answer {answer} within {seconds} s")


if __name__ == "__main__":
    main()
