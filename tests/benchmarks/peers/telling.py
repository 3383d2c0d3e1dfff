"""What a peer that is written in Python says; see this package's docstring."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable

__all__ = ["calling", "failed", "lost", "ready", "started", "tell"]


def calling() -> None:
    """The watcher's start is called now."""
    _say({"calling": time.monotonic_ns()})


def started(pids: Iterable[int] | None = None) -> None:
    """The call gave control back; `pids` are the processes that watch, if not this one."""
    _say({"started": time.monotonic_ns(), "pids": list(pids or [os.getpid()])})


def ready() -> None:
    """It watches."""
    _say({"ready": time.monotonic_ns()})


def tell(events: Iterable[tuple[str, str]], at: int | None = None) -> None:
    """It reported this, now or `at`."""
    at = at or time.monotonic_ns()
    if told := list(events):
        _say({"t": at, "events": told})


def lost() -> None:
    """It said that it lost something, or gave up watching."""
    _say({"lost": time.monotonic_ns()})


def failed(why: object) -> None:
    """It can't."""
    _say({"failed": str(why)})


def _say(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
