"""Which programs run under reload at this moment, each asked once: for whoever has no service running."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from reloadls.protocol import TargetStatus
from reloadls.service.targets.advert import (
    Distrusted,
    Place,
    check_folders,
    id_of,
    read_place,
    remove_left_over,
    targets_folder,
    targets_here,
)
from reloadls.service.targets.connection import TargetLine
from reloadls.service.targets.registry import overlap
from reloadls.service.targets.validation import said_status
from reloadls.wire import methods

__all__ = ["Look", "Seen", "look_at_targets"]

_ANSWER_S: Final = 2.0
"""How long, in seconds, a program may take to say how it is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One program.

    Attributes:
        place: what its file says.
        status: what it says itself; ``gone`` if it can't be asked.
        trouble: why it can't be.
    """

    place: Place
    status: TargetStatus
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What was found.

    Attributes:
        seen: the programs, in the order in which they were started.
        doubts: what is there and can't be believed.
    """

    seen: tuple[Seen, ...] = ()
    doubts: tuple[str, ...] = ()


async def look_at_targets(roots: Iterable[str] = ()) -> Look:
    """Ask every program, or only those that these paths concern.

    Raises:
        Distrusted: somebody else has, or can get at, the folder.
        OSError: it can't be read.
    """
    if not targets_here():
        return Look()
    folder = targets_folder()
    try:
        check_folders(folder)
        files = sorted(entry.path for entry in os.scandir(folder) if id_of(entry.path) is not None)
    except FileNotFoundError:
        return Look()
    places, doubts = _read(files)
    wanted = tuple(map(os.path.realpath, roots))
    if wanted:
        places = [place for place in places if overlap(wanted, map(os.path.realpath, place.roots))]
    seen = await asyncio.gather(*(_ask(folder, place) for place in places))
    there = sorted((one for one in seen if one is not None), key=lambda one: (one.place.started_at, one.place.id))
    return Look(tuple(there), tuple(doubts))


def _read(files: Iterable[str]) -> tuple[list[Place], list[str]]:
    places, doubts = [], []
    for file in files:
        try:
            places.append(read_place(file))
        except FileNotFoundError:
            continue
        except (Distrusted, OSError) as error:
            doubts.append(str(error))
    return places, doubts


async def _ask(folder: str, place: Place) -> Seen | None:
    """What a program says of itself; None if it is gone."""
    said: asyncio.Future[TargetStatus] = asyncio.get_running_loop().create_future()

    def take(method: str, params: Any) -> None:
        if method == methods.DID_CHANGE_STATUS and not said.done():
            said.set_result(said_status(place, params))

    line = TargetLine(take)
    trouble = None
    try:
        async with asyncio.timeout(_ANSWER_S):
            await line.connect(place.socket)
            answers: set[asyncio.Future[Any]] = {said, line.lost}
            await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    except (ConnectionRefusedError, FileNotFoundError):
        remove_left_over(folder, place)
        return None
    except TimeoutError:
        trouble = f"it does not answer within {_ANSWER_S:g} s"
    except OSError as error:
        trouble = f"it can't be reached ({error.strerror or error})"
    finally:
        line.close()
    if said.done():
        return Seen(place, said.result())
    status = TargetStatus(id=place.id, name=place.name, pid=place.pid, state="gone")
    return Seen(place, status, line.fault or trouble or "it closed the connection")
