"""Real servers, behind a client without file watching: an edit on disk changes what they say. See `servers.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proxy.servers import PROXY, SERVERS, Server, edit_on_disk, unavailable

pytestmark = pytest.mark.alone

REACT_S = 30.0
"""A deadline, not a figure: `python -m tests.benchmarks.proxy_servers` measures."""
SILENT_S = 5.0


@pytest.fixture(scope="module", autouse=True)
def servers() -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
async def test_with_the_proxy_an_edit_on_disk_is_noticed(tmp_path: Path, server: Server) -> None:
    assert (await edit_on_disk(server, tmp_path, proxy=PROXY, within=REACT_S)).took is not None


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
async def test_without_it_it_is_not(tmp_path: Path, server: Server) -> None:
    assert (await edit_on_disk(server, tmp_path, proxy=None, within=SILENT_S)).took is None
