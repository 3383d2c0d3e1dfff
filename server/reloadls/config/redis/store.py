"""A configuration in Redis: read, pushed with a check of its version, its history, and who runs it."""

from __future__ import annotations

import json
import os
import socket
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from reloadls.base.folders import runtime_folder
from reloadls.config.source import MemberState

from .scripts import PUSH, REPORT, SEE_MEMBERS

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["KEPT_VERSIONS", "Conflict", "Machine", "RedisStore", "Stored"]

KEPT_VERSIONS: Final = 20
_GONE_S: Final = 90
"""After how long without a report a machine counts as ended, in seconds."""
_FIELDS: Final = ("version", "epoch", "at", "text", "format", "by")


class Conflict(Exception):
    """The version is not the expected one: somebody else has pushed.

    Attributes:
        current: the version there; 0 if there is none.
    """

    def __init__(self, current: int) -> None:
        super().__init__(f"version {current} is there")
        self.current = current


@dataclass(frozen=True, slots=True)
class Stored:
    """One version.

    Attributes:
        version: counts from 1.
        epoch: when the count began, in milliseconds since the epoch: after FLUSHALL it begins again.
        at: when it was pushed, likewise.
        text: the document.
        format: of the document.
        by: who pushed it.
    """

    version: int
    epoch: int
    at: int
    text: str
    format: str
    by: str

    @property
    def order(self) -> int:
        """A number that is larger for each later version, also after the count has begun again."""
        return (self.epoch << 24) + self.version


@dataclass(frozen=True, slots=True)
class Machine:
    """What the members of one machine run.

    Attributes:
        name: the machine.
        version: the version in Redis that it has received last.
        age_s: seconds since its report.
        members: its processes; their versions count on that machine only.
    """

    name: str
    version: int
    age_s: int
    members: tuple[MemberState, ...]


class RedisStore:
    """One configuration in Redis.

    Args:
        client: the connection.
        key: the key of the value; other keys begin with it.
    """

    def __init__(self, client: Redis, key: str) -> None:
        self._client: Any = client
        self._key = key
        # In a cluster, what stands in braces decides where a key is.
        self._changes, self._history, self._members = (
            f"{key if '{' in key else '{' + key + '}'}:{part}" for part in ("changes", "history", "members")
        )

    async def current(self) -> Stored | None:
        """Return the current version; None if there is none."""
        found: list[str | None] = await self._client.hmget(self._key, *_FIELDS)
        if found[0] is None or found[1] is None:
            return None
        _, _, at, text, format, by = found
        return Stored(int(found[0]), int(found[1]), int(at or 0), text or "", format or "json", by or "")

    async def order(self) -> int | None:
        """Return the current version's `Stored.order`, without its text; None if there is none."""
        version, epoch = await self._client.hmget(self._key, "version", "epoch")
        return None if version is None or epoch is None else (int(epoch) << 24) + int(version)

    async def position(self) -> str:
        """Return the position after the last change."""
        found = await self._client.xrevrange(self._changes, count=1)
        return str(found[0][0]) if found else "0-0"

    async def wait(self, position: str, seconds: float) -> bool:
        """Wait for a change after a position; return whether there is one."""
        return bool(await self._client.xread({self._changes: position}, count=1, block=max(1, round(seconds * 1000))))

    async def push(self, text: str, format: str, *, expect: int, epoch: int | None = None) -> int:
        """Store the next version.

        Args:
            text: the document.
            format: its format.
            expect: the version that it replaces; 0 if there must be none.
            epoch: that version's `Stored.epoch`; None: any.

        Returns:
            The new version.

        Raises:
            Conflict: another version is there.
        """
        by = f"{socket.gethostname()}:{os.getpid()}"
        era = "" if epoch is None else str(epoch)
        arguments = (text, format, by, await self._run_id(), expect, era, KEPT_VERSIONS)
        done, version = await self._client.eval(PUSH, 3, self._key, self._changes, self._history, *arguments)
        if not done:
            raise Conflict(int(version))
        return int(version)

    async def history(self) -> list[Stored]:
        """Return the versions that are kept, the last first."""
        entries = [json.loads(each) for each in await self._client.lrange(self._history, 0, -1)]
        return [Stored(**{**each, **{k: int(each[k]) for k in ("version", "epoch", "at")}}) for each in entries]

    async def report(self, version: int, members: Sequence[MemberState]) -> None:
        """Store what this machine's members run, until it expires."""
        text = json.dumps({"version": version, "members": [asdict(each) for each in members]})
        await self._client.eval(REPORT, 1, self._members, machine_name(), text, 2 * _GONE_S)

    async def machines(self) -> list[Machine]:
        """Return what each machine has reported, if not too long ago."""
        found = []
        for name, age, text in await self._client.eval(SEE_MEMBERS, 1, self._members, _GONE_S):
            data = json.loads(text)
            members = tuple(MemberState(**{**each, "problems": tuple(each["problems"])}) for each in data["members"])
            found.append(Machine(name, int(data["version"]), int(age), members))
        return sorted(found, key=lambda each: each.name)

    async def _run_id(self) -> str:
        """Return what identifies the server's run; empty if the user may not know it."""
        from redis.exceptions import NoPermissionError  # noqa: PLC0415 - an extra

        try:
            return str((await self._client.info("server")).get("run_id", ""))
        except NoPermissionError:
            return ""


def machine_name() -> str:
    """Return what identifies this machine and this user's programs on it."""
    return f"{socket.gethostname()}/{zlib.crc32(os.fsencode(runtime_folder())):08x}"
