"""A document in Redis that is followed through a stream, and looked at besides."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reloadls.config.errors import MissingExtra, SourceFailed
from reloadls.config.formats.text import parse_text
from reloadls.config.source import MemberState, OwnSource, Part
from reloadls.config.sources.tables import table_of

from .connect import SCHEMES, connect, disconnect, failure, shown_url
from .store import RedisStore, Stored

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["RedisSource"]

_BLOCK_S: Final = 10.0
"""How long one request waits for a change, in seconds."""
_ANSWER_S: Final = 15.0
"""How long an answer may take, in seconds; longer than `_BLOCK_S`."""
_LOOK_S: Final = 30.0
"""How often to look at the value whatever the stream says, and to report, in seconds."""
_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 2.0


class RedisSource(OwnSource):
    """A document that `reloadls config push` has stored in Redis 5 or newer. Needs the extra ``redis``.

    Changes are followed through a stream, whose position is kept, so that none is missed after a reconnect; the value
    is looked at every 30 seconds besides. A version that is older than the one that runs is never applied.

    Args:
        url: as redis-py has it: ``redis://``, ``rediss://`` (TLS), ``unix://``; for Sentinel
            ``redis+sentinel://[user:password@]host:port[,host:port…]/SERVICE[/DB]``. Never shown with its password.
        key: the key of the value.
        table: the dotted name of the table that holds the configuration; "" for the whole document.
        required: whether the configuration can't start without it.
    """

    every_s = 0.0
    """`fetch` itself waits for a change."""

    def __init__(self, url: str, key: str, *, table: str = "", required: bool = True) -> None:
        if not url.lower().startswith(SCHEMES):
            raise ValueError(f"url {shown_url(url)!r}: must begin with {', '.join(SCHEMES)}")
        if not key:
            raise ValueError("key '': must be the name of a key")
        self.name = f"{shown_url(url)}#{key}"
        self.required = required
        self._url, self._key, self._table = url, key, table
        self._client: Redis | None = None
        self._position: str | None = None
        """Where the stream was read to; None: look at the value first."""
        self._looked = 0.0
        self._reported = ""
        """The failure that was raised last, until all is well again."""
        self._pause = _FIRST_RETRY_S
        self._version = 0
        self._members: tuple[MemberState, ...] | None = None
        self._reported_at = 0.0

    def __repr__(self) -> str:
        return f"RedisSource({self.name!r})"

    async def fetch(self, known: Part | None) -> Part | None:
        """See `Source.fetch`. A failure is raised once; after that it waits here until something else is so."""
        while True:
            try:
                part = await self._next(known)
            except (MissingExtra, asyncio.CancelledError):
                raise
            except Exception as error:
                failed = error if isinstance(error, SourceFailed) else failure(error)
                if not isinstance(error, SourceFailed):
                    await self._disconnect()
                self._position = None
                if known is None or str(failed) != self._reported:
                    self._reported = str(failed)
                    raise failed from None
                await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311 - it only spreads load
                self._pause = min(2 * self._pause, _LAST_RETRY_S)
            else:
                self._reported, self._pause = "", _FIRST_RETRY_S
                return part

    async def report(self, members: Sequence[MemberState]) -> None:
        """See `Reports.report`; it is repeated, since what is stored expires."""
        self._members = tuple(members)
        await self._report()

    async def close(self) -> None:
        """See `Source.close`."""
        await self._disconnect()

    async def _next(self, known: Part | None) -> Part | None:
        store = self._store()
        if self._position is None:
            return await self._look(store, known)
        begun = time.monotonic()
        if await store.wait(self._position, _BLOCK_S) or begun - self._looked > _LOOK_S - _BLOCK_S:
            return await self._look(store, known)
        if await store.order() != (None if known is None else known.version):
            return await self._look(store, known)
        return None

    async def _look(self, store: RedisStore, known: Part | None) -> Part | None:
        position = await store.position()  # before the value: a change in between is seen again
        stored = await store.current()
        self._position, self._looked = position, time.monotonic()
        if time.monotonic() - self._reported_at > _LOOK_S:
            await self._report()
        if stored is None:
            kept = "" if known is None else "; its value was deleted (DEL or FLUSHALL)"
            raise SourceFailed(f"holds no value{kept}; store one with reloadls config push")
        if known is not None and known.version is not None and stored.order < known.version:
            raise SourceFailed(
                f"went back to version {stored.version}, which is older than the one that runs; push again"
            )
        self._version = stored.version
        if known is not None and known.version == stored.order:
            return None
        return self._part(stored)

    def _part(self, stored: Stored) -> Part:
        try:
            part = table_of(parse_text(stored.text, stored.format), self._table)
        except SourceFailed as error:
            message = f"version {stored.version}: {error.message}"
            raise SourceFailed(message, line=error.line, column=error.column, key=error.key) from None
        return replace(part, version=stored.order)

    async def _report(self) -> None:
        if self._members is not None:
            self._reported_at = time.monotonic()
            await self._store().report(self._version, self._members)

    def _store(self) -> RedisStore:
        if self._client is None:
            self._client = connect(self._url, answer_s=_ANSWER_S)
        return RedisStore(self._client, self._key)

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                await disconnect(client)
            except Exception:  # it is being thrown away
                return
