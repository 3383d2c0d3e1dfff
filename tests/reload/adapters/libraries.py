"""Install real libraries from a package index, once, into the user's cache."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

__all__ = ["libraries"]


def libraries(*requirements: str) -> Path:
    """Return the folder with these requirements, for PYTHONPATH; skip the test if they can't be installed."""
    version = "{}.{}".format(*sys.version_info)
    key = hashlib.sha256(" ".join([version, *requirements]).encode()).hexdigest()[:16]
    base = user_cache_path("reloadls", appauthor=False) / "libraries"
    base.mkdir(parents=True, exist_ok=True)
    folder = base / key / "site-packages"  # so that it is known for what is installed
    with FileLock(base / f"{key}.lock"):
        if not (folder / ".installed").exists():
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-qq"]
            done = subprocess.run(
                [*pip, "--upgrade", "--target", str(folder), *requirements], capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.skip(f"can't install {', '.join(requirements)}: {done.stderr[-300:]}")
            (folder / ".installed").write_text("\n".join(requirements))
    return folder
