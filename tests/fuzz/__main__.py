"""See `tests.fuzz`."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from typing import Final

from tests.fuzz.endpoints import fuzz_endpoints
from tests.fuzz.kept import fuzz_state
from tests.fuzz.liars import fuzz_liars
from tests.fuzz.patterns import fuzz_patterns
from tests.fuzz.program import fuzz_program

FUZZERS: Final[dict[str, Callable[[float, int], list[str]]]] = {
    "with-token": lambda seconds, seed: asyncio.run(fuzz_endpoints(seconds, seed, token=True)),
    "without-token": lambda seconds, seed: asyncio.run(fuzz_endpoints(seconds, seed, token=False)),
    "liars": lambda seconds, seed: asyncio.run(fuzz_liars(seconds, seed)),
    "program": fuzz_program,
    "state": lambda seconds, seed: asyncio.run(fuzz_state(seconds, seed)),
    "patterns": fuzz_patterns,
}


def main(what: str, seconds: str = "600", seed: str = "") -> int:
    """Print the seed, and what failed."""
    number = int(seed or time.time())
    logging.getLogger("reloadls").setLevel(logging.CRITICAL)  # a warning for each of so many damaged files
    print(f"{what}: seed {number}, {seconds} s", flush=True)
    problems = FUZZERS[what](float(seconds), number)
    print("\n".join(problems) or "nothing failed", flush=True)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
