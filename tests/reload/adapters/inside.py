"""Edit a program in its own process, with libraries that the tests' environment does not have.

Its `app.py` has `hold()`, which makes what a running program holds, and `describe(held)`. After each edit what was
held at first is described beside what a fresh start holds.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Case", "Change", "check_case", "outcomes"]

Change = tuple[str, str, str]
"""A file, a text that occurs exactly once, and its replacement; "" for the end of the file."""


@dataclass(frozen=True)
class Case:
    """A program, its edits, and the beginning of each outcome."""

    name: str
    requires: tuple[str, ...]
    files: dict[str, str]
    edits: tuple[tuple[Change, str], ...] = field(default=())


def check_case(case: Case) -> None:
    """Make a case's edits, and compare the outcomes."""
    from tests.reload.adapters.libraries import libraries

    found = outcomes(libraries(*case.requires), case.files, [change for change, _ in case.edits])
    wrong = [(said, wanted) for said, (_, wanted) in zip(found, case.edits, strict=True) if not said.startswith(wanted)]
    assert not wrong, "\n".join(f"{said}\n    instead of {wanted}" for said, wanted in wrong)


def outcomes(folder: Path, files: dict[str, str], changes: Sequence[Change]) -> list[str]:
    """Return the outcome of each edit: "live", "noted: …", "restart: …", "failed: …" or "wrong: …"."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([os.fspath(folder), *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps([files, changes]),
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _main() -> None:
    from tests.reload.adapters.live import Live

    warnings.simplefilter("ignore")
    files, changes = json.load(sys.stdin)
    live = Live(Path(tempfile.mkdtemp()) / "program")
    module = live.load(files)
    held = module.hold()
    module.describe(held)
    found = []
    for change in changes:
        before = _said(lambda: module.describe(held))
        report = live.edit(tuple(change))
        found.append(_outcome(live, module, held, report, before))
    print("\n" + json.dumps(found))


def _outcome(live: Any, module: Any, held: Any, report: Any, before: str) -> str:
    mine = _said(lambda: module.describe(held))
    if report.status in ("restartRequired", "failed") and mine != before:
        return f"wrong: {mine} instead of {before} as before"
    if report.status == "restartRequired":
        return f"restart: {next(each.reason for each in report.modules if each.reason)}"
    if report.error is not None:
        return f"failed: {report.error.type}: {report.error.message}"
    if report.notes:
        return f"noted: {' | '.join(each.message for each in report.notes)}"
    with live.started_afresh() as fresh:
        wanted = _said(lambda: fresh.describe(fresh.hold()))
    gc.collect()  # what the fresh start held is no part of the program
    return "live" if mine == wanted else f"wrong: {mine} instead of {wanted}"


def _said(describe: Any) -> str:
    try:
        return repr(describe())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    _main()
