"""A program under `reloadls run`, and what that says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Self

__all__ = ["Program", "ProgramFailed", "free_port"]

_UP_S: Final = 30.0
_LOOK_S: Final = 0.05
_END_S: Final = 5.0


class ProgramFailed(Exception):
    """The program ended, or did not come up."""


class Program:
    """A program under `reloadls run`, started and ended by `async with`.

    Args:
        folder: where it is.
        arguments: those of `reloadls run`.
        on_line: called with each line that `reloadls run` prints, and the time of its arrival.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], on_line: Callable[[str, float], None]) -> None:
        self._folder = folder
        self._arguments = arguments
        self._on_line = on_line
        self._said = ""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "reloadls", "run", *self._arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env=os.environ | {"NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # Ctrl-C is for the demo, which then ends the program
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it as a service manager would, and if it doesn't end, by force."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self.ends()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reading

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is there no more."""
        return self._process.returncode is not None

    async def ends(self) -> int | None:
        """Wait for its end; returns its exit code, or None if it goes on for 5 seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                return await self._process.wait()
        return None

    async def until_up(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Return when it answers, and its edits are applied.

        Args:
            answers: an async function that says whether it does.

        Raises:
            ProgramFailed: it ended, or took too long.
        """
        deadline = time.monotonic() + _UP_S
        for question, fault in ((answers, "did not come up"), (self.is_live, "is up, but its reload is not")):
            while not await question():
                if self.ended or time.monotonic() > deadline:
                    raise ProgramFailed(f"the program {fault}: {self._said or 'it said nothing'}")
                await asyncio.sleep(_LOOK_S)

    async def is_live(self) -> bool:
        """Whether `reloadls status` shows it as live, so that edits are applied from now on.

        After its end this clears away what it has left.
        """
        from reloadls.service.targets.query import query_targets  # noqa: PLC0415 - costs half a second

        result = await query_targets([os.fspath(self._folder)])
        return any(target.status.state == "live" for target in result.targets)

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            text = self._said = line.decode("utf-8", "replace").rstrip()
            self._on_line(text, time.perf_counter())


def free_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
