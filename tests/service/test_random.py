"""Random operations on real files, told over the wire by a real service."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.clients import RecordingClient
from tests.support.machine import check
from tests.support.service import Picture, serving

T = TypeVar("T")


class ClientTeller:
    """A client of the service, driven from a test that is not async. One service serves all examples."""

    def __init__(self, folder: str, *, polling: bool) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = contextlib.AsyncExitStack()
        self.client: RecordingClient = self._run(
            self._stack.enter_async_context(
                serving(folder, debounceMs=20, maxWaitMs=100, pollDelayMs=50, forcePolling=polling, useGitignore=False)
            )
        )
        self._picture = Picture(self.client)

    @property
    def picture(self) -> set[str]:
        return self._picture.files

    @property
    def told(self) -> dict[str, str]:
        return self._picture.told

    def move_to(self, folder: str) -> ClientTeller:
        """Watch another folder from now on."""
        self._run(self.client.request("reload/refreshPaths", {"paths": [folder]}))
        self._run(self._picture.read())
        self.told.clear()
        return self

    def leave(self) -> None:
        self._run(self.client.request("reload/resume"))

    def sync(self) -> None:
        answer = self._run(self.client.request("reload/sync"))
        self._picture.apply()
        assert self._picture.clock == answer["clock"] or not self.told

    def pause(self) -> None:
        self._run(self.client.request("reload/pause"))

    def resume(self) -> None:
        self._run(self.client.request("reload/resume"))
        self._picture.apply()

    def refresh(self) -> None:
        self._run(self.client.request("reload/refreshPaths"))
        self._picture.apply()

    def close(self) -> None:
        self._run(self._stack.aclose())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


@pytest.mark.parametrize("polling", [False, True], ids=["native", "polling"])
@pytest.mark.timeout(1500)
def test_what_a_client_was_told_equals_what_is_there(polling: bool, tmp_path: Path) -> None:
    teller = ClientTeller(os.fspath(tmp_path), polling=polling)
    try:
        check(teller.move_to)
    finally:
        teller.close()
