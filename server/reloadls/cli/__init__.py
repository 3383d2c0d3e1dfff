"""The command line: `reloadls COMMAND`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 if it failed, 2 for bad arguments."""
    try:
        # Imported here, so that Ctrl-C meanwhile ends it without a traceback too.
        from .app import run_command_line  # noqa: PLC0415

        return run_command_line(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return 0
