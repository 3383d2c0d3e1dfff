"""A program to edit, removed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reload.adapters.live import Live


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    program = Live(tmp_path / "program")
    yield program
    program.close()
