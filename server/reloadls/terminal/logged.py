"""Print warnings of the log as single lines to stderr, without tracebacks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from .output import Output
from .text import shown

__all__ = ["logged_to"]


class _LogHandler(logging.Handler):
    """Prints warnings as single lines, without tracebacks."""

    def __init__(self, err: Output) -> None:
        super().__init__(logging.WARNING)
        self._err = err
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._err.post, f"reloadls: {shown(text)}\n")


@contextlib.contextmanager
def logged_to(err: Output) -> Iterator[None]:
    """Within the block, warnings of reloadls are printed to `err`."""
    handler = _LogHandler(err)
    logger = logging.getLogger("reloadls")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
