"""These tests need `livekit-agents`; without it, they are not collected here."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def _is_there() -> bool:
    try:
        return importlib.util.find_spec("livekit.agents") is not None
    except ModuleNotFoundError:
        return False


collect_ignore_glob = [] if _is_there() else ["*.py"]
os.environ.update(
    LIVEKIT_URL="ws://127.0.0.1:9",
    LIVEKIT_API_KEY="key",
    LIVEKIT_API_SECRET="secret" * 8,
    OTEL_SDK_DISABLED="true",
)

if _is_there():
    from .program import Program

    @pytest.fixture
    def program(tmp_path: Path) -> Iterator[Program]:
        """A program of agents under hot reload."""
        found = Program(tmp_path)
        yield found
        found.close()
