"""The members of a group: each keeps a file about itself, and a lock that says whether it lives."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass

from filelock import FileLock, Timeout

from reloadls.base.folders import UnsafeFolder
from reloadls.config.group.folder import GroupFolder, read_private, write_private
from reloadls.config.source import MemberState

__all__ = ["Member", "MemberFile", "is_alive", "live_members", "read_members"]


@dataclass(slots=True)
class Member:
    """What a member says about itself.

    Attributes:
        member: unique on this machine.
        pid: its process.
        since: when it started, in seconds since the epoch.
        version: the version that it runs; 0 before the first.
        prepared: the offered version that it has validated; 0 if none.
        refused: the version that it refused last; 0 if none.
        problems: why.
        sync: counts its requests to look at the sources.
        host: the machine.
    """

    member: str
    pid: int
    since: float
    version: int = 0
    prepared: int = 0
    refused: int = 0
    problems: list[str] | None = None
    sync: int = 0
    host: str = ""

    def state(self, leading: str) -> MemberState:
        """Return it for others.

        Args:
            leading: the name of the member that leads.
        """
        return MemberState(
            member=self.member, pid=self.pid, version=self.version, leader=self.member == leading, since=self.since,
            refused=self.refused, problems=tuple(self.problems or ()), host=self.host,
        )  # fmt: skip


class MemberFile:
    """This process's own file and lock.

    Args:
        folder: the group's.
    """

    def __init__(self, folder: GroupFolder) -> None:
        pid = os.getpid()
        self.own = Member(f"{pid}-{secrets.token_hex(4)}", pid, time.time(), host=socket.gethostname())
        self._path = os.path.join(folder.members, f"{self.own.member}.json")
        self._lock = FileLock(_lock_of(self._path), mode=0o600, thread_local=False)

    def open(self) -> None:
        """Become a member."""
        self._lock.acquire(blocking=False)
        self.write()

    def write(self) -> None:
        """Have the others see what has changed."""
        write_private(self._path, asdict(self.own))

    def close(self) -> None:
        """Be no member any more."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        with contextlib.suppress(OSError):
            self._lock.release()
        with contextlib.suppress(OSError):
            os.unlink(_lock_of(self._path))


def read_members(folder: GroupFolder) -> list[Member]:
    """Return what all members say, dead ones included, the oldest first."""
    found = []
    for name in os.listdir(folder.members):
        if not name.endswith(".json") or name.startswith("."):
            continue
        with contextlib.suppress(OSError, UnsafeFolder, TypeError):
            data = read_private(os.path.join(folder.members, name))
            if isinstance(data, dict):
                found.append(Member(**data))
    return sorted(found, key=lambda member: (member.since, member.member))


def live_members(folder: GroupFolder) -> list[Member]:
    """Return the members that live; the files of dead ones are deleted."""
    return [member for member in read_members(folder) if is_alive(folder, member)]


def is_alive(folder: GroupFolder, member: Member) -> bool:
    """Return whether a member's process still holds its lock; the files of a dead one are deleted."""
    path = os.path.join(folder.members, f"{member.member}.json")
    lock = FileLock(_lock_of(path), mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return False
    with contextlib.suppress(OSError):
        os.unlink(path)
    with contextlib.suppress(OSError):
        os.unlink(_lock_of(path))
    lock.release()
    return False


def _lock_of(path: str) -> str:
    return path.removesuffix(".json") + ".lock"
