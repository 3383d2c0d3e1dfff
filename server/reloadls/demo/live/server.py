"""The application as a process: `reloadls run -m uvicorn`, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

__all__ = ["Server", "ServerFailed"]

_END_S: Final = 5.0


class ServerFailed(Exception):
    """The application ended, or did not come up."""


class Server:
    """The application under `reloadls run --restart-on-required --keep stillRunning`, on a port of its own.

    Args:
        folder: where the application is.
        on_line: called with each line that `reloadls run` prints, and the time of its arrival.
    """

    def __init__(self, folder: Path, on_line: Callable[[str, float], None]) -> None:
        self._folder = folder
        self._on_line = on_line
        self.port = _free_port()

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        served = ("uvicorn", "app:app", "--port", str(self.port), "--log-level", "warning")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "reloadls", "run", "--restart-on-required"),
            # A request that is under way in code just edited is noted, and ends by itself.
            *("--keep", "stillRunning", "-m", *served),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=pipe,
            cwd=self._folder,
            env=os.environ | {"NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # Ctrl-C is for the demo, which then ends the application
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it as a service manager would, and if it doesn't end, by force."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reading

    @property
    def ended(self) -> bool:
        """Whether it is there no more."""
        return self._process.returncode is not None

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._on_line(line.decode("utf-8", "replace").rstrip(), time.perf_counter())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
