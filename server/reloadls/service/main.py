"""A whole service process, from its first line to its exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Literal

from reloadls.service.server import ReloadServer
from reloadls.service.stdio import serve_stdio

__all__ = ["LogLevel", "serve_stdio_main"]

LogLevel = Literal["debug", "info", "warning", "error"]

_log = logging.getLogger("reloadls")


def serve_stdio_main(*, log_file: str | None = None, log_level: LogLevel = "warning") -> int:
    """Serve one client over standard input and output, until it says `exit`, goes away, or a signal comes.

    Args:
        log_file: where the log goes; standard error when left out.
        log_level: what is logged at least.

    Returns:
        The exit code: 0 after `shutdown` or a signal, 1 when the client went without saying so.

    Raises:
        OSError: the log file can't be written.
    """
    _start_log(log_file, log_level)
    return asyncio.run(_serve())


async def _serve() -> int:
    server = ReloadServer()
    _stop_on_signals(server)
    try:
        return await serve_stdio(server)
    finally:
        await server.end()


def _stop_on_signals(server: ReloadServer) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, server.protocol.stop, 0)
        except NotImplementedError:  # Windows: Ctrl-C ends the loop by itself
            return


def _start_log(log_file: str | None, log_level: LogLevel) -> None:
    handler = logging.StreamHandler(sys.stderr) if log_file is None else logging.FileHandler(log_file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _log.setLevel(log_level.upper())
