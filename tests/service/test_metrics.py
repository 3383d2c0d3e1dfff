"""The figures that who operates a service asks for."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

from reloadls.service.host import Host
from reloadls.watch.flush import Pacing
from reloadls.watch.hub import Subscription
from reloadls.watch.scope.scope import Scope
from tests.support.clients import RpcError
from tests.support.service import Service, serving


async def test_figures_come_only_where_they_are_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path, debounceMs=20) as client:
        assert "metrics" not in await client.request("reload/status")
        assert "metrics" not in await client.request("reload/status", {"metrics": False})
        assert all("metrics" not in status for status in client.received("reload/didChangeStatus"))
        for number in range(3):
            (tmp_path / f"f{number}").write_text("1")
            await client.request("reload/sync")
        metrics = (await client.request("reload/status", {"metrics": True}))["metrics"]
        assert metrics["batches"] == 3
        assert metrics["hints"] >= 3
        assert metrics["sessions"] == 1
        assert metrics["reconciles"]["startup"] == 1
        assert 0 <= metrics["lagMs"]["p50"] <= metrics["lagMs"]["p99"] < 60_000
        if sys.platform == "linux":
            assert metrics["overflows"] == 0
            assert 1 <= metrics["watches"] <= metrics["watchLimit"]
            assert metrics["memoryBytes"] > 1 << 20


class _Member:
    """Somebody who wants to know."""

    def on_batch(self) -> None: ...

    def on_status(self) -> None: ...

    def on_scan(self, begins: bool, scanned: object) -> None: ...


async def test_lags_are_those_of_the_last_thousand_batches(tmp_path: Path) -> None:
    host, member = Host(), _Member()
    channel, _ = await host.hub.join(Subscription(Scope([tmp_path]), Pacing()), member)
    try:
        for lag in (5.0, *(number / 1000 for number in range(1000))):  # the first is forgotten
            channel.pipeline.health.reported(lag)
        metrics = host.metrics(channel)
        assert (metrics.lag_ms.p50, metrics.lag_ms.p99) == (500.0, 990.0)
    finally:
        await host.hub.leave(channel, member)
        await host.close()


def _watched_by_the_kernel() -> int:
    count = 0
    for fd in os.listdir("/proc/self/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{fd}") as info:
            count += sum(line.startswith("inotify wd:") for line in info)
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel says what it watches")
async def test_watches_are_those_of_the_kernel_and_go_with_what_they_were_for(tmp_path: Path) -> None:
    before = _watched_by_the_kernel()
    for name in ("one", "two"):
        for number in range(10):
            (tmp_path / name / f"d{number}").mkdir(parents=True)
    host, member, other = Host(source="inotify"), _Member(), _Member()
    pacing = Pacing(use="inotify")
    channel, _ = await host.hub.join(Subscription(Scope([tmp_path / "one"]), pacing), member)
    try:
        one = _watched_by_the_kernel() - before
        assert host.metrics(channel).watches == one >= 11
        more, _ = await host.hub.join(Subscription(Scope([tmp_path / "two"]), pacing), other)
        both = _watched_by_the_kernel() - before
        assert host.metrics(channel).watches == both >= one + 11
        await host.hub.leave(more, other)
        assert host.metrics(channel).watches == _watched_by_the_kernel() - before == one
    finally:
        await host.hub.leave(channel, member)
        await host.close()
    assert _watched_by_the_kernel() == before


async def test_a_batch_that_no_hint_led_to_counts(tmp_path: Path) -> None:
    async with serving(tmp_path, debounceMs=60_000) as client:
        (tmp_path / "f").write_text("1")
        await client.request("reload/refreshPaths")
        metrics = (await client.request("reload/status", {"metrics": True}))["metrics"]
        assert (metrics["batches"], metrics["lagMs"]) == (1, {"p50": 0.0, "p99": 0.0})


async def test_the_command_gives_them_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        params = {"command": "reloadls.status", "arguments": [{"metrics": True}]}
        assert (await client.request("workspace/executeCommand", params))["metrics"]["sessions"] == 1


async def test_a_wrong_param_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        for params, field in (({"metrics": "yes"}, "metrics"), ({"metric": True}, "metric")):
            with pytest.raises(RpcError) as caught:
                await client.request("reload/status", params)
            assert (caught.value.code, caught.value.data["field"]) == (-32602, field)


async def test_all_sessions_are_counted(tmp_path: Path) -> None:
    async with Service.start("tcp") as service, service.session(tmp_path) as one:
        async with service.session(tmp_path):
            assert (await one.request("reload/status", {"metrics": True}))["metrics"]["sessions"] == 2
        # The other's connection is closed; its end may be noticed a moment later.
        metrics = {"sessions": 2}
        for _ in range(1000):
            metrics = (await one.request("reload/status", {"metrics": True}))["metrics"]
            if metrics["sessions"] == 1:
                break
        assert metrics["sessions"] == 1
