"""How does the server come and go? A child process that never outlives us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from reloadls.base.parent_death import signal_at_parent_death

__all__ = ["StartError", "Child", "end_like", "start"]


class StartError(Exception):
    """The command can't be started; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class Child:
    """The server's process, and our ends of its pipes.

    Attributes:
        stdin: what is written here, it reads.
        stdout: here comes what it writes.
    """

    process: asyncio.subprocess.Process
    stdin: int
    stdout: int

    def send_signal(self, number: int) -> None:
        """Pass a signal on."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


async def start(command: Sequence[str], *, own_group: bool = False) -> Child:
    """Start the server. Its standard error is ours, and so is its process group, unless it gets its own.

    On Linux the kernel kills it when we die, however that happens; elsewhere the end of its input has to do.

    Raises:
        StartError: there is no such command, or it can't be run.
    """
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=theirs_in,
            stdout=theirs_out,
            preexec_fn=signal_at_parent_death(signal.SIGKILL),
            process_group=0 if own_group and os.name != "nt" else None,
        )
    except (OSError, ValueError) as error:
        os.close(ours_in)
        os.close(ours_out)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StartError(f"can't start {command[0]!r}: {reason}") from None
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    return Child(process, ours_in, ours_out)


def end_like(code: int) -> int:
    """The exit code for a server that ended with `code`; does not return if a signal ended it.

    Whoever watches us sees that signal, too.
    """
    if code >= 0:
        return code
    number = -code
    with contextlib.suppress(ImportError, OSError, ValueError, RuntimeError):
        import resource  # noqa: PLC0415 - POSIX only

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # there is nothing to learn from our own core
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return 128 + number
