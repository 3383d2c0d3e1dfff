"""Random operations on real files while something fails now and then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from tests.support.faults import FAULTS
from tests.support.fuse import needs_fuse
from tests.support.machine import OPERATIONS


@needs_fuse
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.timeout(900)
def test_what_was_reported_equals_the_disk_once_a_fault_is_over(fault: str) -> None:
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    seed = int.from_bytes(os.urandom(3))
    alone = ["unshare", "--mount"] if fault == "bind" else []  # what is mounted is nobody else's
    command = [*alone, sys.executable, "-m", "tests.support.faults", fault, str(OPERATIONS // 50), str(seed), folder]
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    try:
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 1
