"""Which programs run under reload at this moment, each asked once: for whoever has no service running."""

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
"""How long, in seconds, a program may take to say how it is."""


@dataclass(frozen=True, slots=True)
class QueriedTarget:
    """One program.

    Attributes:
        advert: what its file says.
        status: what it says itself; ``gone`` if it can't be asked.
        problem: why it can't be.
    """

    advert: Advert
    status: TargetStatus
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What was found.

    Attributes:
        targets: the programs, in the order in which they were started.
        problems: what is there and can't be believed.
    """

    targets: tuple[QueriedTarget, ...] = ()
    problems: tuple[str, ...] = ()


async def query_targets(roots: Iterable[str] = ()) -> QueryResult:
    """Ask every program, or only those that these paths concern.

    Raises:
        Untrusted: somebody else has, or can get at, the folder.
        OSError: it can't be read.
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
    targets = await asyncio.gather(*(_ask(folder, advert) for advert in adverts))
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


async def _ask(folder: str, advert: Advert) -> QueriedTarget | None:
    """What a program says of itself; None if it is gone."""
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
        problem = f"it does not answer within {_ANSWER_S:g} s"
    except OSError as error:
        problem = f"it can't be reached ({error.strerror or error})"
    finally:
        connection.close()
    if answered.done():
        return QueriedTarget(advert, answered.result())
    status = TargetStatus(id=advert.id, name=advert.name, pid=advert.pid, state="gone")
    return QueriedTarget(advert, status, connection.error or problem or "it closed the connection")
