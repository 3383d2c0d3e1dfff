"""Start, stop and restart the command of `reloadls watch -- COMMAND`, in its own process group."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reloadls.base.parent_death import signal_at_parent_death
from reloadls.terminal.output import Output
from reloadls.terminal.text import relative, shown

from .arguments import OnBusy

__all__ = ["Command", "CommandPlan"]

_CHANGED: Final = "RELOADLS_CHANGED"
_LONGEST_VALUE: Final = 64 * 1024
"""Linux refuses an environment variable of 128 KiB (MAX_ARG_STRLEN, execve(2))."""
_LOOK_S: Final = 0.02
_CLEAR: Final = "\x1b[H\x1b[2J\x1b[3J"
_NOT_FOUND: Final = 127
_NOT_RUNNABLE: Final = 126
_BY_SIGNAL: Final = 128
_LONGEST_NAME: Final = 60
_POSIX: Final = os.name != "nt"
_KILL: Final[int] = signal.SIGKILL if _POSIX else signal.SIGTERM
_OWN_GROUP: Final[dict[str, Any]] = {"process_group": 0} if _POSIX else {"creationflags": 0x200}
"""On Windows CREATE_NEW_PROCESS_GROUP."""


@dataclass(frozen=True, kw_only=True)
class CommandPlan:
    """The command and its options.

    Attributes:
        argv: the command and its arguments; no shell reads them.
        on_busy: what a change does while the command runs.
        stop_signal: the signal that ends the command's process group.
        stop_timeout: how long the group may take to end before it is killed, in seconds.
        clear: whether the terminal is cleared before each run.
        roots: the watched paths, absolute; they replace the changed paths if those exceed the environment's limit.
    """

    argv: Sequence[str]
    on_busy: OnBusy
    stop_signal: int
    stop_timeout: float
    clear: bool
    roots: Sequence[str]


class Command:
    """Runs the command at the start, and again after changes.

    Args:
        plan: what to run.
        out: stdout, to clear the terminal.
        err: stderr, for a line about each run.
        folder: paths below it are shown relative to it.
    """

    def __init__(self, plan: CommandPlan, out: Output, err: Output, folder: str) -> None:
        self._plan = plan
        self._out, self._err, self._folder = out, err, folder
        self._name = _short(shlex.join(plan.argv))
        self._changed: dict[str, None] = {}
        self._wanted = asyncio.Event()
        self._finishing = asyncio.Event()
        self._hurry = asyncio.Event()
        self._run: _Run | None = None
        self.exit_code = 0
        """The exit code of the last run that ended by itself, as in a shell; 127 or 126 if it could not be started."""
        self.started = False
        """Whether any run could be started."""

    async def work(self) -> None:
        """Run the command until `finish` was called and the last run has ended, or the first start has failed."""
        changed: tuple[str, ...] = ()
        while True:
            await self._start(changed)
            if self._run is not None:
                if self._plan.on_busy == "restart":
                    await _first(self._run.ended.wait(), self._wanted.wait())
                else:
                    await self._run.ended.wait()
                if self._run.ended.is_set():
                    await self._say_end(self._run)
                else:
                    await self._stop()
            elif not self.started:
                return
            await _first(self._wanted.wait(), self._finishing.wait())
            if not self._wanted.is_set():
                return
            await self._stop()  # processes that the command left running
            changed = tuple(self._changed)
            self._changed.clear()
            self._wanted.clear()

    def change(self, paths: Iterable[str]) -> None:
        """Run the command for changed paths, as `on_busy` defines."""
        if self._plan.on_busy == "ignore" and self._run is not None and not self._run.ended.is_set():
            return
        self._changed.update(dict.fromkeys(paths))
        self._wanted.set()

    def finish(self) -> None:
        """Make `work` return once all changes so far are handled."""
        self._finishing.set()

    async def end(self) -> bool:
        """End the command's process group; return whether the command was running. Sets `exit_code` in that case."""
        run = self._run
        running = run is not None and not run.ended.is_set()
        await self._stop()
        if run is not None and running:
            self.exit_code = max(run.code, 0)
        return running

    def hurry(self) -> None:
        """Kill the process group instead of waiting for it."""
        self._hurry.set()

    async def _start(self, changed: Sequence[str]) -> None:
        if self._plan.clear:
            with contextlib.suppress(OSError):
                await self._out.write([_CLEAR])
        await self._say(f"{self._summary(changed)}running {self._name}")
        try:
            self._run = _Run(self._plan.argv, {**os.environ, _CHANGED: self._variable(changed)})
            self.started = True
        except (OSError, ValueError) as error:
            self._run = None
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.exit_code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_RUNNABLE
            await self._say(f"can't run {shown(self._plan.argv[0])}: {reason}")

    async def _stop(self) -> None:
        """Send the stop signal, and kill the group after the timeout."""
        run = self._run
        if run is None or run.gone():
            return
        run.send(self._plan.stop_signal)
        deadline = time.monotonic() + self._plan.stop_timeout
        while not run.gone():
            if self._hurry.is_set() or time.monotonic() > deadline:
                if not self._hurry.is_set():
                    await self._say(f"{self._name} did not end within {self._plan.stop_timeout:g} s: killed")
                run.send(_KILL)
                deadline = math.inf
            await asyncio.sleep(_LOOK_S)

    def _summary(self, changed: Sequence[str]) -> str:
        if not changed:
            return ""
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{shown(relative(changed[0], self._folder))}{more} changed; "

    def _variable(self, changed: Sequence[str]) -> str:
        value = "\n".join(path for path in changed if "\n" not in path)
        whole = len(os.fsencode(value)) <= _LONGEST_VALUE and not any("\n" in path for path in changed)
        return value if whole else "\n".join(self._plan.roots)

    async def _say_end(self, run: _Run) -> None:
        self.exit_code = run.code if run.code >= 0 else _BY_SIGNAL - run.code
        await self._say(f"{self._name} {_how_ended(run.code)}")

    async def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            await self._err.write([f"reloadls: {text}\n"])


class _Run:
    """One run. Its process stays unreaped until its group has ended, so that the group's number is not reused.

    Raises:
        OSError: it can't be started.
        ValueError: an argument holds a NUL.
    """

    def __init__(self, argv: Sequence[str], environment: dict[str, str]) -> None:
        self.ended = asyncio.Event()
        """Set when the started process (not all of its group) has ended."""
        self.code = 0
        """Its exit code; -N if signal N ended it."""
        self._loop = asyncio.get_running_loop()
        self._process = subprocess.Popen(  # noqa: S603 - the user's own command
            argv,
            stdin=subprocess.DEVNULL,
            env=environment,
            preexec_fn=signal_at_parent_death(),  # noqa: PLW1509 - it calls nothing but the system
            **_OWN_GROUP,
        )
        threading.Thread(target=self._wait, name="reloadls-command", daemon=True).start()

    def send(self, number: int) -> None:
        """Send the whole group a signal."""
        with contextlib.suppress(OSError):
            if not _POSIX:
                self._process.kill() if number == _KILL else self._process.terminate()
                return
            os.killpg(self._process.pid, number)
            if number != _KILL:
                os.killpg(self._process.pid, signal.SIGCONT)  # a stopped process does not handle the signal

    def gone(self) -> bool:
        """Return whether no process of the group is left."""
        if not self.ended.is_set():
            return False
        if not _POSIX:
            return True
        self._process.returncode = self.code  # reaped here
        try:
            while os.waitpid(-self._process.pid, os.WNOHANG)[0]:
                pass  # its orphans, too, where we are the first process of a container
        except ChildProcessError:
            pass
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it runs as another user now
            return False
        return False

    def _wait(self) -> None:
        if hasattr(os, "waitid"):
            found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            code = 0 if found is None else found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        else:
            code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._has_ended, code)

    def _has_ended(self, code: int) -> None:
        self.code = code
        self.ended.set()


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _how_ended(code: int) -> str:
    if code >= 0:
        return "ended" if code == 0 else f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _short(name: str) -> str:
    text = shown(name)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."
