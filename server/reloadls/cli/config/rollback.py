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
from .remote import Key, Url, with_store

if TYPE_CHECKING:
    from reloadls.config.group.folder import GroupFolder
    from reloadls.config.redis.store import RedisStore

__all__ = ["rollback"]

_ANSWER_S = 10.0
_LOOK_S = 0.02


def rollback(
    group: Annotated[
        str | None, typer.Argument(metavar="[GROUP]", help="The group, if several run here.", show_default=False)
    ] = None,
    *,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="VERSION", help="The version. [default: the one before]", show_default=False),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Follow the sources again instead.")] = False,
    redis: Url = None,
    key: Key = None,
) -> Callable[[], int]:
    """Have a group of workers go back to an earlier version, and stay there until --follow.

    The version gets a new number, since versions only grow. The last 20 are kept. With --redis and --key, the earlier
    version is pushed again for all machines.

    Examples:

    \b
      reloadls config rollback
      reloadls config rollback app --to 41
      reloadls config rollback app --follow
      reloadls config rollback --redis redis://cache:6379 --key app --to 41
    """

    def run() -> int:
        if redis and key:
            return with_store(redis, key, lambda store: _push_again(store, to))
        folder = one_group(group)
        version = None if follow else to if to is not None else _before(folder)
        error = _ask(folder, version)
        if error is not None:
            print_error(error, as_json=False)
            return FAILED
        sys.stdout.write("following the sources again\n" if follow else f"pinned to version {version}\n")
        return OK

    return run


async def _push_again(store: RedisStore, to: int | None) -> int:
    """Push an earlier version of a configuration in Redis as the next one."""
    from reloadls.config.redis.store import Conflict  # noqa: PLC0415 - not for --help

    kept = await store.history()
    current = await store.current()
    if current is None:
        raise bad_argument("--key", "", "names no configuration there.")
    earlier = [each for each in kept if each.order < current.order and to in (None, each.version)]
    if not earlier:
        known = ", ".join(str(each.version) for each in kept if each.order < current.order) or "none"
        raise bad_argument("--to", "" if to is None else str(to), f"must be an earlier version that is kept: {known}.")
    try:
        version = await store.push(earlier[0].text, earlier[0].format, expect=current.version, epoch=current.epoch)
    except Conflict as error:
        print_error(f"somebody else pushed version {error.current} meanwhile; nothing was rolled back", as_json=False)
        return FAILED
    sys.stdout.write(f"version {version}, as version {earlier[0].version} was\n")
    return OK


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
