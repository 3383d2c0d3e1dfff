"""Start the server as a child process that does not outlive the proxy."""

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
    """The command can't be started; the message names it and the reason."""


@dataclass(frozen=True, slots=True)
class Child:
    """The server's process and our ends of its pipes.

    Attributes:
        process: the process.
        stdin: the descriptor that writes to its standard input.
        stdout: the descriptor that reads its standard output.
    """

    process: asyncio.subprocess.Process
    stdin: int
    stdout: int

    def send_signal(self, number: int) -> None:
        """Forward a signal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


async def start(command: Sequence[str], *, own_group: bool = False) -> Child:
    """Start the server. It inherits standard error.

    On Linux the kernel kills it when this process dies; elsewhere it must exit at the end of its input.

    Args:
        command: the command and its arguments.
        own_group: whether it gets its own process group instead of ours.

    Raises:
        StartError: the command does not exist, or can't be run.
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
    """Return the exit code for a server that exited with `code`; after a signal, raise it in this process.

    The parent process then sees the same signal.

    Args:
        code: the exit code, or the negative number of the signal.
    """
    if code >= 0:
        return code
    number = -code
    with contextlib.suppress(ImportError, OSError, ValueError, RuntimeError):
        import resource  # noqa: PLC0415 - POSIX only

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # our own core dump would be useless
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return 128 + number
