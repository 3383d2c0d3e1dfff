"""Waits for the text of files that were emptied: many editors empty a file before they write it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable
from typing import Final

from reloadls.base.worker_thread import Worker
from reloadls.watch.change import FileChange

__all__ = ["wait_for_text"]

_LOOK_S: Final = 0.1
_LOOKS: Final = 10


async def wait_for_text(changes: Iterable[FileChange], worker: Worker) -> None:
    """Return once no changed source file is empty, or after a second: then one is meant to be.

    Args:
        changes: what has changed.
        worker: the thread that asks the disk.
    """
    waiting = list(changes)
    for _ in range(_LOOKS):
        if not await worker.run(_any_emptied, waiting):
            return
        await asyncio.sleep(_LOOK_S)


def _any_emptied(changes: Iterable[FileChange]) -> bool:
    """Return whether a source file has no text, or not yet."""
    for change in changes:
        if change.path.suffix == ".py" and change.path.name != "__init__.py" and change.change_type != "deleted":
            with contextlib.suppress(OSError):
                if not os.stat(change.path).st_size:
                    return True
    return False
