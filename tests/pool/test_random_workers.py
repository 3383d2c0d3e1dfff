"""Workers under `reloadls run`: sessions, edits, pins and kills in any order, and what always holds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environment

from .random_workers import WORDS

STEPS = int(os.environ.get("RELOADLS_TEST_OPERATIONS", "5000"))
SEED = int(os.environ.get("RELOADLS_TEST_SEED", str(random.randrange(10**6))))


@pytest.mark.skipif(sys.platform != "linux", reason="it counts descriptors in /proc")
@pytest.mark.timeout(3600)
def test_what_always_holds(tmp_path: Path) -> None:
    (tmp_path / "random_words.py").write_text(WORDS.format(0))
    program = Path(__file__).with_name("random_workers.py")
    command = [sys.executable, "-m", "reloadls", "run", str(program), str(tmp_path), str(STEPS // 2), str(SEED)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"RELOADLS_TEST_SEED={SEED}\n{done.stdout}{done.stderr[-8000:]}"
    assert "all holds" in done.stdout
