"""Each fuzzer for a second, so that they work when they are wanted: `python -m tests.fuzz WHAT` takes 10 minutes."""

from __future__ import annotations

import os

import pytest

from tests.fuzz.__main__ import FUZZERS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Unix domain sockets")


@pytest.mark.parametrize("what", FUZZERS)
def test_nothing_fails(what: str) -> None:
    assert FUZZERS[what](1, 1) == []
