"""A configuration in Redis, as commands see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from reloadls.cli.arguments import bad_argument
from reloadls.terminal.endings import FAILED, print_error

if TYPE_CHECKING:
    from reloadls.config.redis.store import RedisStore

__all__ = ["Key", "Url", "with_store"]

_ANSWER_S = 10.0

Url = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        envvar="RELOADLS_REDIS",
        help="The Redis: redis://, rediss://, unix:// or redis+sentinel://HOST:PORT,…/SERVICE.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None, typer.Option("--key", metavar="K", help="The key of the configuration there.", show_default=False)
]


def with_store(url: str | None, key: str | None, call: Callable[[RedisStore], Awaitable[int]]) -> int:
    """Connect, call, and disconnect; print what fails.

    Args:
        url: of the Redis.
        key: of the configuration.
        call: returns the exit code.

    Raises:
        BadParameter: an argument is wrong.
    """
    import asyncio  # noqa: PLC0415 - not for --help

    from reloadls.config.errors import MissingExtra  # noqa: PLC0415
    from reloadls.config.redis.connect import connect, disconnect, failure, shown_url  # noqa: PLC0415
    from reloadls.config.redis.store import RedisStore  # noqa: PLC0415

    if not url or not key:
        missing = "--key" if url else "--redis"
        raise bad_argument(missing, None, "is missing; give --redis URL and --key K.")

    async def run() -> int:
        try:
            client = connect(url, answer_s=_ANSWER_S)
        except ValueError as error:
            raise bad_argument("--redis", shown_url(url), str(error)) from None
        except MissingExtra as error:
            print_error(str(error), as_json=False)
            return FAILED
        try:
            return await call(RedisStore(client, key))
        except typer.BadParameter:
            raise
        except Exception as error:  # its text may hold the password
            print_error(f"{shown_url(url)} {failure(error)}", as_json=False)
            return FAILED
        finally:
            await disconnect(client)

    return asyncio.run(run())
