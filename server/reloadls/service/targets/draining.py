"""Drain a session pool of a running program once, without a service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from reloadls.protocol import ConnectionLost, InvalidParams, PoolStatus, TargetStatus, make_converter
from reloadls.protocol.errors import Mismatch
from reloadls.service.targets.advert import Untrusted
from reloadls.service.targets.connection import RequestRefused, TargetConnection
from reloadls.service.targets.query import QueriedTarget, query_targets
from reloadls.service.targets.validation import validate_status
from reloadls.wire import methods
from reloadls.wire.text import show

__all__ = ["DrainFailed", "DrainedPool", "drain_pool"]

_ANSWER_S: Final = 10.0
"""Seconds that a program may take to answer."""


class DrainFailed(Exception):
    """The pool could not be drained; the message says why."""


@dataclass(frozen=True, slots=True)
class DrainedPool:
    """A pool that drains, or has drained.

    Attributes:
        name: the pool's name.
        program: the script or module.
        pid: its process.
        status: the pool's last status; None if it is closed or the program has ended.
    """

    name: str
    program: str
    pid: int
    status: PoolStatus | None

    @property
    def active(self) -> int:
        """How many sessions are still live."""
        return 0 if self.status is None else self.status.active

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        status = None if self.status is None else make_converter().unstructure(self.status)
        return {"pid": self.pid, "program": self.program, "pool": self.name, "status": status}


async def drain_pool(name: str, pid: int | None, wait_s: float | None) -> DrainedPool:
    """Have a session pool of a running program admit no more sessions.

    Args:
        name: the pool's name.
        pid: the process that has it; None if only one has such a pool.
        wait_s: how long to wait until its sessions have ended, in seconds; None does not wait.

    Returns:
        The pool, once it drains, or once its sessions have ended, or the time is over.

    Raises:
        DrainFailed: there is no such pool, there are several, or the program does not answer.
    """
    try:
        result = await query_targets()
    except (Untrusted, OSError) as error:
        raise DrainFailed(f"can't ask running programs: {error}") from error
    target = _chosen(result.targets, name, pid)
    news = _News(target, name)
    connection = TargetConnection(news.on_notification)
    try:
        async with asyncio.timeout(_ANSWER_S):
            await connection.connect(target.advert.socket)
            news.take(validate_status(target.advert, await connection.request(methods.DRAIN, {"pool": name})))
    except TimeoutError:
        raise DrainFailed(f"process {target.advert.pid} has not answered within {_ANSWER_S:g} s") from None
    except (OSError, RequestRefused, ConnectionLost, InvalidParams, Mismatch) as error:
        raise DrainFailed(f"process {target.advert.pid}: {error}") from error
    else:
        if wait_s is not None:
            await _wait(news, connection, wait_s)
    finally:
        connection.close()
    return DrainedPool(name, target.advert.name, target.advert.pid, news.status)


async def _wait(news: _News, connection: TargetConnection, wait_s: float) -> None:
    """Return when the sessions have ended, the program has, or the time is over."""
    ended = asyncio.ensure_future(news.ended.wait())
    first: set[asyncio.Future[Any]] = {ended, connection.lost}
    await asyncio.wait(first, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done() and connection.lost.done():
        if connection.error is not None:
            raise DrainFailed(f"process {news.target.advert.pid}: {connection.error}")
        news.status = None
    ended.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ended


class _News:
    """What the program says about the pool."""

    def __init__(self, target: QueriedTarget, name: str) -> None:
        self.target = target
        self.status = _pool(target.status, name)
        self.ended = asyncio.Event()
        self._name = name

    def on_notification(self, method: str, params: Any) -> None:
        if method == methods.DID_CHANGE_STATUS:
            self.take(validate_status(self.target.advert, params))

    def take(self, status: TargetStatus) -> None:
        self.status = _pool(status, self._name)
        if self.status is None or (self.status.state != "running" and not self.status.active):
            self.ended.set()


def _pool(status: TargetStatus, name: str) -> PoolStatus | None:
    return next((pool for pool in status.pools if pool.name == name), None)


def _chosen(targets: Sequence[QueriedTarget], name: str, pid: int | None) -> QueriedTarget:
    asked = [target for target in targets if pid is None or target.advert.pid == pid]
    found = [target for target in asked if _pool(target.status, name) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        pids = ", ".join(str(target.advert.pid) for target in found)
        raise DrainFailed(f"{show(name)}: several processes have such a pool; choose one with --process: {pids}")
    pools = sorted({pool.name for target in asked for pool in target.status.pools})
    known = ", ".join(map(show, pools[:10])) or "none"
    where = (
        "no program runs under reloadls" if not targets else "no running program" if pid is None else f"process {pid}"
    )
    raise DrainFailed(f"{show(name)}: no such pool ({where}; pools: {known})")
