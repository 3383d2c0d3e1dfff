"""`reloadls config push`: store a configuration in Redis, for many machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from reloadls.cli.arguments import bad_argument
from reloadls.terminal.endings import FAILED, OK, print_error

from .inputs import ModelName, make_config
from .remote import Key, Url, with_store

if TYPE_CHECKING:
    from reloadls.config.redis.store import RedisStore

__all__ = ["push"]

_FORMATS = {".toml": "toml", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".env": "env"}


def push(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .toml, .json, .yaml or .env file.")],
    *,
    redis: Url = None,
    key: Key = None,
    model: ModelName = None,
    expect: Annotated[
        int | None,
        typer.Option("--expect", metavar="N", help="The version it replaces; 0: none.  [default: the one there now]"),
    ] = None,
) -> Callable[[], int]:
    """Validate a file, and store it in Redis as the next version; every RedisSource with that key follows.

    Nothing is overwritten that was not read: if somebody else pushes first, this fails. Give --expect with the version
    that your edit began from. The last 20 versions are kept for 'reloadls config rollback'.

    Examples:

    \b
      reloadls config push app.toml --redis redis://cache:6379 --key app --model app.settings:Settings
      reloadls config push app.toml --redis redis://cache:6379 --key app --expect 41
    """

    def run() -> int:
        import asyncio  # noqa: PLC0415 - not for --help

        from reloadls.config.running.once import load_once  # noqa: PLC0415

        config = make_config([file], model, "", None)
        _, problems = asyncio.run(load_once(config.model, config.sources))
        if problems:
            sys.stderr.write("".join(f"{problem}\n" for problem in problems))
            print_error("not pushed", as_json=False)
            return FAILED
        ending = os.path.splitext(file)[1].lower() or os.path.basename(file)
        if ending not in _FORMATS:
            raise bad_argument("FILE", file, "must end in .toml, .json, .yaml or .env.")
        with open(file, encoding="utf-8-sig") as opened:
            text = opened.read()
        return with_store(redis, key, lambda store: _push(store, text, _FORMATS[ending], expect))

    return run


async def _push(store: RedisStore, text: str, format: str, expect: int | None) -> int:
    from reloadls.config.redis.store import Conflict  # noqa: PLC0415 - not for --help

    epoch = None
    if expect is None:
        current = await store.current()
        expect, epoch = (0, None) if current is None else (current.version, current.epoch)
    try:
        version = await store.push(text, format, expect=expect, epoch=epoch)
    except Conflict as error:
        told = (
            f"version {error.current} is there, not {expect}" if error.current != expect else "the value was replaced"
        )
        print_error(f"not pushed: {told}; look at it, then push with --expect {error.current}", as_json=False)
        return FAILED
    sys.stdout.write(f"version {version}\n")
    return OK
