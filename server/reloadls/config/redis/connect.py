"""Connect to Redis by a URL, without showing what is secret in it."""

from __future__ import annotations

import ssl
import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from reloadls.config.errors import MissingExtra, SourceFailed
from reloadls.config.sources.files import shown_name

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["SCHEMES", "connect", "disconnect", "failure", "shown_url"]

SCHEMES: Final = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")
_CONNECT_S: Final = 5.0
_SENTINEL_PORT: Final = 26379
_BY_TEXT: Final = (
    ("READONLY", "is a read-only replica"),
    ("MISCONF", "can't save to its disk, and takes no writes"),
    ("WRONGPASS", "refuses the password or the user"),
    ("NOAUTH", "refuses the password or the user"),
    ("WRONGTYPE", "holds something else under this key"),
)
"""Errors that redis-py has no class for: what the server's text contains, and what to report."""


def shown_url(url: str) -> str:
    """Return a URL without user, password and query."""
    return shown_name(url)


def connect(url: str, *, answer_s: float) -> Redis:
    """Return a client; it connects when it is used.

    Args:
        url: as redis-py has it: `redis://`, `rediss://` (TLS), `unix://`; for Sentinel
            `redis+sentinel://[user:password@]host:port[,host:port…]/SERVICE[/DB]`.
        answer_s: how long an answer may take, in seconds.

    Raises:
        MissingExtra: redis-py is not installed.
        ValueError: the URL is not valid.
    """
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("RedisSource", "redis", "redis") from None
    if not url.lower().startswith(SCHEMES):
        raise ValueError(f"url {shown_url(url)!r}: must begin with {', '.join(SCHEMES)}")
    options: dict[str, Any] = {
        "socket_timeout": answer_s,
        "socket_connect_timeout": _CONNECT_S,
        "decode_responses": True,
        "encoding_errors": "replace",
    }
    try:
        return _by_sentinel(url, options) if "+sentinel://" in url.lower() else Redis.from_url(url, **options)
    except ValueError:  # its message may hold the password
        raise ValueError(f"url {shown_url(url)!r}: is not a valid URL of Redis") from None


async def disconnect(client: Redis) -> None:
    """Close a client, and those that it asks which server is the main one."""
    manager = getattr(client.connection_pool, "sentinel_manager", None)
    await client.aclose()
    for each in manager.sentinels if manager is not None else ():
        await each.aclose()


def _by_sentinel(url: str, options: dict[str, Any]) -> Redis:
    from redis.asyncio.sentinel import Sentinel  # noqa: PLC0415 - an extra

    scheme, _, rest = url.partition("://")
    places, _, path = rest.partition("/")
    user, mark, hosts = places.rpartition("@")
    service, _, database = path.partition("/")
    if not service or not hosts:
        raise ValueError("the name of the service is missing")
    if mark:
        name, _, password = user.partition(":")
        options |= {"username": urllib.parse.unquote(name) or None, "password": urllib.parse.unquote(password) or None}
    if scheme.lower().startswith("rediss"):
        options["ssl"] = True
    sentinels = []
    for place in hosts.split(","):
        host, _, port = place.rpartition(":") if ":" in place else (place, "", str(_SENTINEL_PORT))
        sentinels.append((host.strip("[]"), int(port)))
    asked = {key: options[key] for key in ("socket_timeout", "socket_connect_timeout")}
    made: Any = Sentinel
    client: Redis = made(sentinels, sentinel_kwargs=asked, **options).master_for(service, db=int(database or 0))
    return client


def failure(error: BaseException) -> SourceFailed:
    """Return what to report for an exception of redis-py, whose own text may hold what is secret."""
    from redis import exceptions  # noqa: PLC0415 - an extra

    kinds = (
        ((exceptions.AuthenticationError, exceptions.AuthorizationError), "refuses the password or the user"),
        (exceptions.NoPermissionError, "does not permit a command to this user"),
        (exceptions.OutOfMemoryError, "has no memory left (maxmemory)"),
        (exceptions.BusyLoadingError, "is loading its data"),
        ((exceptions.TimeoutError, TimeoutError), "does not answer"),
        ((exceptions.ConnectionError, OSError), "can't be reached"),
    )
    raised = list(_causes(error))  # a failed login is the context of a failed connection
    for each in raised:
        if isinstance(each, ssl.SSLCertVerificationError):
            return SourceFailed(f"has a certificate that is not trusted ({each.verify_message}); see ssl_ca_certs")
        if isinstance(each, ssl.SSLError):
            return SourceFailed("does not speak TLS as the URL asks for it")
    for kind, message in kinds:
        if any(isinstance(each, kind) for each in raised):
            return SourceFailed(message)
    text = str(error)
    found = (message for part, message in _BY_TEXT if part in text)
    return SourceFailed(next(found, f"{type(error).__name__} was raised"))


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
