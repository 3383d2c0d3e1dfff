"""`reloadls config rollback`: a group of workers goes back to an earlier version."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from reloadls.cli.arguments import bad_argument
from reloadls.terminal.endings import FAILED, OK, print_error

from .groups import one_group

if TYPE_CHECKING:
    from reloadls.config.group.folder import GroupFolder

__all__ = ["rollback"]

_ANSWER_S = 10.0
_LOOK_S = 0.02


def rollback(
    group: Annotated[str | None, typer.Argument(metavar="[GROUP]", help="The group.", show_default=False)] = None,
    *,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="[default: the one before]", show_default=False)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Follow the sources again instead.")] = False,
) -> Callable[[], int]:
    """Have a group of workers go back to an earlier version, and stay there until --follow.

    The version gets a new number, since versions only grow. The last 20 are kept.

    Examples:

    \b
      reloadls config rollback
      reloadls config rollback app --to 41
      reloadls config rollback app --follow
    """

    def run() -> int:
        folder = one_group(group)
        version = None if follow else to if to is not None else _before(folder)
        error = _ask(folder, version)
        if error is not None:
            print_error(error, as_json=False)
            return FAILED
        sys.stdout.write("following the sources again\n" if follow else f"pinned to version {version}\n")
        return OK

    return run


def _before(folder: GroupFolder) -> int:
    from reloadls.config.group.state import read_state, stored_versions  # noqa: PLC0415 - not for --help

    state = read_state(folder)
    current = 0 if state is None else state.version
    known = [version for version in stored_versions(folder) if version < current]
    if not known:
        raise bad_argument("--to", "", "is needed: no earlier version is kept.")
    return known[-1]


def _ask(folder: GroupFolder, version: int | None) -> str | None:
    """Ask the leader, and wait for its answer; return what went wrong."""
    from reloadls.config.group.folder import write_private  # noqa: PLC0415 - not for --help
    from reloadls.config.group.state import read_state  # noqa: PLC0415

    request = secrets.token_hex(8)
    write_private(folder.pin, {"version": version, "request": request})
    end = time.monotonic() + _ANSWER_S
    while time.monotonic() < end:
        state = read_state(folder)
        if state is not None and state.pin_request[0] == request:
            return state.pin_request[1] or None
        time.sleep(_LOOK_S)
    return f"the leader of group {folder.name} did not answer within {_ANSWER_S:g} s"
