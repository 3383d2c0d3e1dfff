"""Bytecode in `__pycache__` that was made of an earlier state of a file is not run."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environment
from tests.reload.runtime.programs import program, write

_APP = "import model\nprint(model.VALUE, flush=True)\nimport time\nwhile True: time.sleep(0.01)\n"


@pytest.mark.parametrize("later_ns", [0, 900_000_000], ids=["the same time", "later in the same second"])
def test_of_two_saves_in_one_second_the_last_is_run(tmp_path: Path, later_ns: int) -> None:
    model, begun = tmp_path / "model.py", 1_700_000_000 * 10**9
    write(tmp_path, app=_APP, model="VALUE = 'a'\n")
    os.utime(model, ns=(begun, begun))
    py_compile.compile(os.fspath(model))
    model.write_text("VALUE = 'b'\n")
    os.utime(model, ns=(begun + later_ns, begun + later_ns))
    plain = [sys.executable, "-c", "import model; print(model.VALUE)"]
    assert subprocess.check_output(plain, cwd=tmp_path, env=environment(), text=True) == "a\n"  # as Python does
    with program(tmp_path) as running:
        running.until_output("b")
    assert subprocess.check_output(plain, cwd=tmp_path, env=environment(), text=True) == "b\n"


def test_bytecode_is_used_that_is_newer_than_its_file(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    write(tmp_path, app=_APP, model="VALUE = 'a'\n")
    cached = Path(py_compile.compile(os.fspath(model)) or "")
    made = cached.stat()
    with program(tmp_path) as running:
        running.until_output("a")
    assert (cached.stat().st_mtime_ns, cached.stat().st_ino) == (made.st_mtime_ns, made.st_ino)
