"""Which reload engines and restarting servers take part, in which environments, and what is missing of them here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.roster import REPOSITORY, Missing, cache_folder

__all__ = ["ENGINES", "SERVERS", "Contender", "install", "python_of", "version_of"]

LIBRARIES = ("fastapi", "flask", "click", "typer", "jinja2", "pydantic", "python-dotenv", "pyyaml")
"""What the scenarios about libraries need; the same for all."""
_DRIVERS = "tests.benchmarks.reload_drivers"


@dataclass(frozen=True)
class Contender:
    """An engine, or a server that restarts.

    Attributes:
        id: what the command line calls it.
        label: what the tables call it.
        package: the package that it comes in; "" is Python itself.
        pinned: the version that is compared.
        driver: of an engine, the class that plays scenarios with it.
        preload: what is imported once, before the processes for the scenarios are forked.
        command: of a server, what starts it on `app.py`, with ``{port}``, ``{python}`` and its ``{folder}`` to fill in.
    """

    id: str
    label: str
    package: str = ""
    pinned: str = ""
    driver: str = ""
    preload: tuple[str, ...] = ()
    command: tuple[str, ...] = field(default=())


ENGINES = (
    Contender(
        "reloadls",
        "reloadls",
        "reloadls",
        driver="tests.reload.support.engines:Reloadls",
        preload=("asyncio", "json", "reloadls.reload", "reloadls.watch"),
    ),
    Contender("importlib", "importlib.reload", driver=f"{_DRIVERS}:Importlib", preload=("asyncio", "json")),
    Contender("autoreload2", "IPython autoreload 2", "ipython", "9.18.1", f"{_DRIVERS}:Autoreload2", ("IPython",)),
    Contender("autoreload3", "IPython autoreload 3", "ipython", "9.18.1", f"{_DRIVERS}:Autoreload3", ("IPython",)),
    Contender("jurigged", "jurigged", "jurigged", "0.6.1", f"{_DRIVERS}:Jurigged", ("jurigged",)),
    Contender(
        "marimo", "marimo autoreload", "marimo", "0.25.2", f"{_DRIVERS}:Marimo", ("marimo._runtime.reload.autoreload",)
    ),
)

_SERVED = ("-m", "uvicorn", "app:app", "--port", "{port}", "--log-level", "error")
_PYTHON = "{python}"
SERVERS = (
    Contender("run", "reloadls run", "reloadls", command=(_PYTHON, "-m", "reloadls", "run", *_SERVED)),
    Contender("uvicorn", "uvicorn --reload", "uvicorn", "0.54.0", command=(_PYTHON, *_SERVED, "--reload")),
    Contender(
        "watchfiles",
        "watchfiles CLI",
        "watchfiles",
        "1.3.0",
        command=(_PYTHON, "-m", "watchfiles", "{python} -m uvicorn app:app --port {port} --log-level error", "."),
    ),
    Contender("hupper", "hupper", "hupper", "1.12.1", command=("{folder}/hupper", *_SERVED)),
)
SERVED_BY = "uvicorn==0.54.0"
"""What serves the application for all of them."""


def python_of(contender: Contender) -> str:
    """The Python that has it.

    Raises:
        Missing: it is not installed; the message says what installs it.
    """
    python = _place(contender) / "bin" / "python"
    if not (python.parent.parent / ".installed").exists():
        raise Missing("not installed: python -m tests.benchmarks.reload_engines --install")
    return os.fspath(python)


def version_of(contender: Contender) -> str:
    """The version that is there."""
    program = (
        "import sys, importlib.metadata as m, json; print(json.dumps(m.version(sys.argv[1]) if sys.argv[1] else ''))"
    )
    found = subprocess.run(
        [python_of(contender), "-c", program, contender.package], capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout) or "Python " + ".".join(map(str, sys.version_info[:3]))


def install(contenders: Sequence[Contender]) -> None:
    """Install each in an environment of its own, in the user's cache; say what can't be had, and go on."""
    for contender in contenders:
        place = _place(contender)
        wanted = _requirements(contender)
        mark = place / ".installed"
        if mark.exists() and mark.read_text(encoding="utf-8") == "\n".join(wanted):
            continue
        print(f"== installing {contender.label}", file=sys.stderr)
        pip = (
            os.fspath(place / "bin" / "python"),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--no-input",
            "install",
            "-qq",
        )
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", os.fspath(place)], check=True)
            subprocess.run([*pip, *wanted], check=True)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"not installed: {error}", file=sys.stderr)
        else:
            mark.write_text("\n".join(wanted), encoding="utf-8")


def _place(contender: Contender) -> Path:
    return cache_folder().parent / "reload" / (contender.package or "python")


def _requirements(contender: Contender) -> list[str]:
    own = f"{contender.package}=={contender.pinned}" if contender.pinned else ""
    if contender.package == "reloadls":
        return ["--editable", os.fspath(REPOSITORY), SERVED_BY, *LIBRARIES]
    return [*filter(None, (own,)), *((SERVED_BY,) if contender.command else LIBRARIES)]
