"""Nothing is lost and nothing is invented, where other watchers do both."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.sources import choose as make
from tests.support.losses import FROZEN_LOSSES, LOSSES, Loss, Place, difference
from tests.support.watching import NATIVE, SOURCES, WatchRecorder, running, watching

pytestmark = pytest.mark.usefixtures("without_net")


async def check(loss: Loss, place: Place, reported: WatchRecorder) -> None:
    """Take each step; what is reported is just what the disk shows."""
    if loss.sentinel is not None:
        reported.leave_out(place.base / loss.sentinel)
    for step in loss.steps:
        before = loss.state(place)
        step(place)
        expected = difference(before, loss.state(place))
        await reported.only(expected, sentinel=None)
        reported.clear()
    if loss.sentinel is not None:
        await reported.only({}, place.base / loss.sentinel)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
async def test_all_of_it_is_reported_and_nothing_else(
    loss: Loss, source: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loss.by_net:
        monkeypatch.setattr(make, "SAFETY_NET_FLOOR_S", 0.1)
        monkeypatch.setattr(make, "SAFETY_NET_RATIO", 1.0)
    place = loss.begin(tmp_path)
    async with watching(loss.roots(place), **source) as reported:
        await check(loss, place, reported)


@pytest.mark.parametrize("source", NATIVE.values(), ids=NATIVE)
@pytest.mark.parametrize("loss", FROZEN_LOSSES, ids=lambda loss: loss.name)
async def test_changes_made_while_the_process_is_stopped_are_reported(
    loss: Loss, source: dict[str, Any], tmp_path: Path
) -> None:
    place = loss.begin(tmp_path)
    async with running(loss.roots(place), **source) as reported:
        for step in loss.steps:
            before = loss.state(place)
            reported.freeze()
            try:
                frozen = time.monotonic()
                step(place)
                while time.monotonic() - frozen < 1.6:  # as long as it takes to be noticed
                    loss.state(place)
            finally:
                reported.thaw()
            await reported.only(difference(before, loss.state(place)), sentinel=None)
            reported.clear()
        assert loss.sentinel is not None
        await reported.only({}, place.base / loss.sentinel)
