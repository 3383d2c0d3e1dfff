"""Run an installer, and end its process group as soon as the program ends. A script: it imports nothing of reloadls.

The program must not wait for the installer as its child: a server may collect the status of all its children, and
would end because of a failed one. So this process always exits with 0, and writes the status after the output.

Usage: python -I -S guard.py SECONDS COMMAND [ARGS...]; its stdin is a pipe that the program holds open.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys

_STATUS = b"\0status "
"""What the last line begins with; the status follows."""


def main() -> None:
    """Run the command."""
    limit = float(sys.argv[1])
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=1, stderr=1, start_new_session=True)  # noqa: S603
    except OSError as error:
        _finish(f"{sys.argv[2]}: {error.strerror}\n".encode(), 127)
        return
    ended = child.poll() is not None or _wait(child, readable, limit)
    with contextlib.suppress(OSError):  # what it left behind, too
        os.killpg(child.pid, signal.SIGTERM)
    if not ended:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(2)
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    _finish(b"" if ended else b"stopped\n", child.wait())


def _wait(child: "subprocess.Popen[bytes]", readable: int, limit: float) -> bool:
    """Return whether the command ended before the program did, and in time."""
    while child.poll() is None:
        found, _, _ = select.select([0, readable], [], [], limit)
        if 0 in found or not found:
            return False
        os.read(readable, 64)
    return True


def _finish(output: bytes, status: int) -> None:
    with contextlib.suppress(OSError):
        os.write(1, output + _STATUS + b"%d\n" % status)


if __name__ == "__main__":
    main()
