"""`tests/pool/livekit`, with the oldest and the newest release of livekit-agents that is supported.

Each runs in an environment of its own in the user's cache: `make test-livekit`, or RELOADLS_TEST_LIVEKIT=1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs.environment import python_of

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("attrs", "hypothesis>=6.100", "psutil>=6", "pytest>=8.3", "pytest-asyncio>=1.0", "pytest-timeout>=2.3")
RELEASES = {
    "oldest": ("livekit-agents==1.5.0", "httpx"),  # it imports httpx, which what it requires no longer brings
    "newest": ("livekit-agents>=1.8,<1.9", "typer>=0.20"),
}


@pytest.mark.skipif(os.name == "nt", reason="processes are ended by their session")
@pytest.mark.skipif(not os.environ.get("RELOADLS_TEST_LIVEKIT"), reason="make test-livekit installs livekit-agents")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("release", RELEASES)
def test_the_adapter_works_with(release: str) -> None:
    try:
        python = python_of(f"livekit-{release}", (*RELEASES[release], *TOOLS))
    except subprocess.CalledProcessError as error:
        if _index_answers():
            raise
        pytest.skip(f"no package index can be reached: {error}")
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "default",
        "--timeout",
        "180",
        "tests/pool/livekit",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _index_answers() -> bool:
    command = [sys.executable, "-m", "pip", "index", "versions", "livekit-agents"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_importing_the_pool_imports_no_livekit() -> None:
    code = "import sys, reloadls.pool; print([name for name in sys.modules if 'livekit' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
