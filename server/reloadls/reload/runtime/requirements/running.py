"""One running installer, as the program sees it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from .installer import Step
from .output import redacted

__all__ = ["RunningInstaller"]

_GUARD: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guard.py")
_STATUS: Final = b"\0status "
_LIMIT_S: Final = 3600
"""How long an installer may take, in seconds."""
_MOST_LINES: Final = 2000


class RunningInstaller:
    """Runs installers one after the other; `stop` ends the running one. `run` blocks.

    Args:
        on_line: called with each line of output, without credentials, on the thread that called `run`.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._stopped = False
        self._guard: subprocess.Popen[bytes] | None = None

    def run(self, step: Step, environment: Mapping[str, str]) -> tuple[int, list[str]]:
        """Run a command.

        Args:
            step: the command.
            environment: its environment variables.

        Returns:
            Its exit status, and its last lines of output without credentials.
        """
        if self._stopped:
            return -1, []
        command = [sys.executable, "-I", "-S", _GUARD, str(_LIMIT_S), *step.args]
        pipe = subprocess.PIPE
        # A session of its own: the terminal's interrupt is the program's. The guard ends with its stdin.
        with subprocess.Popen(  # noqa: S603
            command,
            cwd=step.folder,
            env=dict(environment),
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as guard:
            self._guard = guard
            try:
                return self._read(guard)
            finally:
                self._guard = None

    def stop(self) -> None:
        """End the running installer, and start no other. Thread-safe."""
        self._stopped = True
        self.forget()

    def forget(self) -> None:
        """Close the pipe: the installer ends as soon as no process holds it. Thread-safe."""
        guard = self._guard
        if guard is not None and guard.stdin is not None:
            with contextlib.suppress(OSError):
                guard.stdin.close()

    def _read(self, guard: subprocess.Popen[bytes]) -> tuple[int, list[str]]:
        assert guard.stdout is not None
        lines: deque[str] = deque(maxlen=_MOST_LINES)
        status = -1
        for line in guard.stdout:
            output, mark, number = line.rstrip(b"\r\n").partition(_STATUS)
            text = redacted(output.decode("utf-8", "replace"))
            if text:
                lines.append(text)
                self._on_line(text)
            if mark:
                status = int(number)
        return status, list(lines)
