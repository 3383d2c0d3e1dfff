"""Is an edited program the same as one that is started from scratch, whatever is edited?

`RELOADLS_TEST_OPERATIONS` says how many edits are made in all, `RELOADLS_TEST_SEED` which. What fails is printed with
its seed and as a small scenario; `python -m tests.reload.fuzz.run SEED EDITS` does one part again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from tests.reload.fuzz.duel import Disagreement, dueling

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="what fails is made small in forked processes")

OPERATIONS = int(os.environ.get("RELOADLS_TEST_OPERATIONS", "320"))
SEED = os.environ.get("RELOADLS_TEST_SEED", "5")
PARTS = 8


@pytest.mark.timeout(60 + OPERATIONS)
@pytest.mark.parametrize("part", range(PARTS))
def test_an_edited_program_is_like_one_started_afresh(part: int) -> None:
    command = [
        sys.executable,
        "-B",  # what is started afresh must not run bytecode of an earlier save
        "-W",
        "ignore",
        "-m",
        "tests.reload.fuzz.run",
        f"{SEED}.{part}",
        str(-(-OPERATIONS // PARTS)),
    ]
    played = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    if played.returncode:
        pytest.fail(played.stdout + played.stderr, pytrace=False)


class Idle:
    """An engine that does nothing, and says that all is well."""

    def apply(self, changes: object) -> SimpleNamespace:
        return SimpleNamespace(status="reloaded", error=None, notes=(), modules=())


def test_an_engine_that_does_nothing_is_noticed(tmp_path: Path) -> None:
    pytest.importorskip("reloadls.reload")
    before = {"first": "def function_1(x, y=2):\n    return x\n", "second": "from first import function_1\n"}
    after = {**before, "first": before["first"].replace("return x", "return y")}
    wanted = pytest.raises(Disagreement, match=r"(?s)first\.function_1.*second\.function_1")
    with dueling(os.path.realpath(tmp_path), [before], Random(1)) as (duel, _), wanted:
        duel.edit(after, Idle())


class Again:
    """An engine that runs the last statement of a script again."""

    def apply(self, changes: object) -> SimpleNamespace:
        vars(sys.modules["builtins"])["running"]()
        return SimpleNamespace(status="reloaded", error=None, notes=(), modules=())


@pytest.mark.parametrize(("engine", "problem"), [(Idle, r"__main__\.function_1"), (Again, "was run again")])
def test_a_script_that_goes_on_is_compared(engine: type[Idle | Again], problem: str, tmp_path: Path) -> None:
    before = {"first": "", "script": "def function_1(x, y=2):\n    return x\n\nrunning()\n"}
    after = {**before, "script": "def function_1(x, y=2):\n    return y\n\nrunning()\n"}
    wanted = pytest.raises(Disagreement, match=rf"(?s){problem}")
    with dueling(os.path.realpath(tmp_path), [before], Random(1)) as (duel, _), wanted:
        duel.edit(after, engine())
