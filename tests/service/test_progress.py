"""What a client sees of a long scan."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from reloadls.service import progress
from reloadls.service.progress import ScanProgress
from tests.support.clients import RecordingClient
from tests.support.service import SERVE, hello

MANY = "import os\nfor i in range(100):\n os.mkdir(f'd{i}')\n for j in range(400): open(f'd{i}/f{j}', 'w').close()"


class Peer:
    """A client that answers, or refuses, when it is told to."""

    def __init__(self) -> None:
        self.asked: Future[object] = Future()
        self.told: list[str] = []
        self.news = asyncio.Event()

    def notify(self, method: str, params: types.ProgressParams) -> None:
        assert method == "$/progress"
        value: Any = params.value
        self.told.append(f"{value.kind} {value.message}")
        self.news.set()

    def send_request(self, method: str, params: types.WorkDoneProgressCreateParams) -> Future[object]:
        assert (method, str(params.token)[:9]) == ("window/workDoneProgress/create", "reloadls-")
        self.news.set()
        return self.asked

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.told) < count:
                self.news.clear()
                await self.news.wait()


async def others() -> None:
    """Wait for every other task to end."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=10)


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    monkeypatch.setattr(progress, "_DELAY_S", 0)
    monkeypatch.setattr(progress, "_INTERVAL_S", 0)
    return Peer()


async def test_it_begins_goes_on_and_ends(peer: Peer) -> None:
    scan = ScanProgress(peer, lambda: 1234)
    scan.on_scan(True)
    peer.asked.set_result(None)
    await peer.until(3)
    scan.on_scan(False)
    await others()
    assert peer.told[0] == "begin 1,234 files"
    assert peer.told[1] == "report 1,234 files"
    assert peer.told[-1] == "end 1,234 files"


async def test_a_client_that_refuses_progress_receives_none(peer: Peer) -> None:
    scan = ScanProgress(peer, lambda: 1)
    scan.on_scan(True)
    await peer.news.wait()
    peer.asked.set_exception(ValueError("no"))
    await others()
    scan.on_scan(False)
    assert peer.told == []


async def test_a_short_scan_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_DELAY_S", 3600)
    peer = Peer()
    scan = ScanProgress(peer, lambda: 1)
    scan.on_scan(True)
    scan.on_scan(False)
    await others()
    assert not peer.news.is_set()


async def test_a_service_shows_its_first_scan(tmp_path: Path) -> None:
    """Before any status: with so many files the first scan takes long enough on every machine."""
    subprocess.run([sys.executable, "-c", MANY], cwd=tmp_path, check=True)
    code = "import sys, reloadls.service.progress as p; p._DELAY_S = 0.01; "
    code += "from reloadls.service.main import serve_main; sys.exit(serve_main())"
    async with RecordingClient.start(SERVE[0], "-c", code) as client:
        await client.initialize(hello([os.fspath(tmp_path)], {}, {"window": {"workDoneProgress": True}}))
        status = await client.wait_for("reload/didChangeStatus", timeout=60)
        assert status["roots"][0]["files"] == 40_000
        kinds = [params["value"]["kind"] for params in client.received("$/progress")]
        assert (kinds[0], kinds[-1]) == ("begin", "end")
