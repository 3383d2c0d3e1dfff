"""The line about a Python without the GIL: printed once, and not with --quiet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_START = "import sys; sys._is_gil_enabled = lambda: False; from reloadls.cli import main; sys.exit(main())"


@pytest.mark.parametrize(("options", "lines"), [((), 1), (("--quiet",), 0)])
def test_a_python_without_the_gil_is_named_unless_quiet(tmp_path: Path, options: tuple[str, ...], lines: int) -> None:
    (tmp_path / "app.py").write_text("print('done')\n")
    command = [sys.executable, "-c", _START, "run", *options, "app.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert done.stderr.count("without the GIL") == lines
