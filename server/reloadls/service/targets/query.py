"""Query running programs once, without a service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from reloadls.protocol import TargetStatus
from reloadls.service.targets.advert import (
    Advert,
    Untrusted,
    advert_id,
    check_folders,
    read_advert,
    remove_stale,
    targets_folder,
    targets_supported,
)
from reloadls.service.targets.connection import TargetConnection
from reloadls.service.targets.registry import overlap
from reloadls.service.targets.validation import validate_status
from reloadls.wire import methods

__all__ = ["QueryResult", "QueriedTarget", "query_targets"]

_ANSWER_S: Final = 2.0
"""Seconds that a program may take to send its status."""


@dataclass(frozen=True, slots=True)
class QueriedTarget:
    """One program.

    Attributes:
        advert: its advert.
        status: its status; ``gone`` if it can't be reached.
        problem: why it can't be reached.
    """

    advert: Advert
    status: TargetStatus
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a query.

    Attributes:
        targets: the programs, in the order of their start.
        problems: adverts that are not trusted, with the reason.
    """

    targets: tuple[QueriedTarget, ...] = ()
    problems: tuple[str, ...] = ()


async def query_targets(roots: Iterable[str] = ()) -> QueryResult:
    """Query the status of running programs.

    Args:
        roots: only programs whose roots overlap these paths; none given: all programs.

    Returns:
        The programs, and the adverts that are not trusted.

    Raises:
        Untrusted: other users can access the folder of the adverts.
        OSError: the folder can't be read.
    """
    if not targets_supported():
        return QueryResult()
    folder = targets_folder()
    try:
        check_folders(folder)
        files = sorted(entry.path for entry in os.scandir(folder) if advert_id(entry.path) is not None)
    except FileNotFoundError:
        return QueryResult()
    adverts, problems = _read(files)
    real_roots = tuple(map(os.path.realpath, roots))
    if real_roots:
        adverts = [advert for advert in adverts if overlap(real_roots, map(os.path.realpath, advert.roots))]
    targets = await asyncio.gather(*(_query(folder, advert) for advert in adverts))
    found = sorted((one for one in targets if one is not None), key=lambda one: (one.advert.started_at, one.advert.id))
    return QueryResult(tuple(found), tuple(problems))


def _read(files: Iterable[str]) -> tuple[list[Advert], list[str]]:
    adverts, problems = [], []
    for file in files:
        try:
            adverts.append(read_advert(file))
        except FileNotFoundError:
            continue
        except (Untrusted, OSError) as error:
            problems.append(str(error))
    return adverts, problems


async def _query(folder: str, advert: Advert) -> QueriedTarget | None:
    """Query one program; None if it has ended."""
    answered: asyncio.Future[TargetStatus] = asyncio.get_running_loop().create_future()

    def on_notification(method: str, params: Any) -> None:
        if method == methods.DID_CHANGE_STATUS and not answered.done():
            answered.set_result(validate_status(advert, params))

    connection = TargetConnection(on_notification)
    problem = None
    try:
        async with asyncio.timeout(_ANSWER_S):
            await connection.connect(advert.socket)
            answers: set[asyncio.Future[Any]] = {answered, connection.lost}
            await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    except (ConnectionRefusedError, FileNotFoundError):
        remove_stale(folder, advert)
        return None
    except TimeoutError:
        problem = f"no answer within {_ANSWER_S:g} s"
    except OSError as error:
        problem = f"unreachable ({error.strerror or error})"
    finally:
        connection.close()
    if answered.done():
        return QueriedTarget(advert, answered.result())
    status = TargetStatus(id=advert.id, name=advert.name, pid=advert.pid, state="gone")
    return QueriedTarget(advert, status, connection.error or problem or "closed the connection")
