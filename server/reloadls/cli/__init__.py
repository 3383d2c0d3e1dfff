"""The command line: `reloadls COMMAND`."""

from __future__ import annotations

import sys

from reloadls.base.own_imports import install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 if it failed, 2 for bad arguments."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args[:1] == ["run"] and (ended := _run(args[1:])) is not None:
        return ended
    try:
        # Imported here, so that Ctrl-C meanwhile ends it without a traceback too.
        from .app import run_command_line  # noqa: PLC0415

        return run_command_line(args)
    except KeyboardInterrupt:
        return 0


def _run(args: Sequence[str]) -> int | None:
    """Become a program, which is not to wait for the rest of the command line; None if help is asked for."""
    install()
    from reloadls.reload.runtime.main import main as run_program  # noqa: PLC0415
    from reloadls.reload.runtime.start.arguments import HelpRequested  # noqa: PLC0415

    try:
        return run_program(args)
    except HelpRequested:
        return None
