"""Eight workers under a real uvicorn, whose leader is killed again and again."""

from __future__ import annotations

import os
import random
import signal
import statistics
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.config.workers import Numbers, Service, served, until

pytest.importorskip("uvicorn")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

WORKERS = 8
KILLS = max(5, min(100, int(os.environ.get("RELOADLS_TEST_OPERATIONS", "10000")) // 100 or 10) // 2)
EVERY_S = 0.25
SEED = int(os.environ.get("RELOADLS_TEST_SEED", "5"))


class Client(threading.Thread):
    """Asks all the time, and keeps what was answered, in order."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service = service
        self.numbers: list[int] = []
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            answer = self._service.ask()
            if answer is not None:
                self.numbers.append(answer["number"])


@pytest.mark.parametrize("together", ["0", "1"])
def test_the_leader_is_killed_at_random(tmp_path: Path, together: str) -> None:
    rng = random.Random(SEED)
    numbers = Numbers()
    with served(tmp_path, WORKERS, CONFIG_URL=numbers.url, EVERY_S=str(EVERY_S), TOGETHER=together) as service:
        client = Client(service)
        client.start()
        takeovers = [_kill_the_leader(service, rng) for _ in range(KILLS)]
        fetched, elapsed = len(numbers.fetches), time.monotonic() - numbers.fetches[0]
        newest = until(lambda: service.state()["version"])
        until(lambda: all(version >= newest for version, _, _ in service.workers().values()))
        until(lambda: len(service.workers()) == WORKERS)
        client.ended = True
        client.join()
        noted = service.noted()
    numbers.close()
    _print_figures(takeovers, noted, fetched, elapsed)
    # One fetch for each interval, by whoever leads: killed leaders and new workers make none of their own.
    assert fetched <= elapsed / EVERY_S + 2
    for versions in noted.values():
        assert [version for version, _, _ in versions] == sorted({version for version, _, _ in versions})
        assert [number for _, number, _ in versions] == sorted(number for _, number, _ in versions)
    # A version is the same one everywhere, whoever had led when it was made.
    meaning = {(version, number) for versions in noted.values() for version, number, _ in versions}
    assert len(meaning) == len({version for version, _ in meaning})
    if together == "1":
        assert client.numbers == sorted(client.numbers), "an answer was older than the one before it"
    assert len(set(client.numbers)) > KILLS // 2


def _kill_the_leader(service: Service, rng: random.Random) -> float:
    """Kill it at a random moment; return the seconds until another one leads."""
    until(lambda: len(service.workers()) == WORKERS)
    before = service.state()["version"]
    until(lambda: service.state()["version"] > before)
    threading.Event().wait(rng.random() * EVERY_S)  # a random moment of the interval
    leader = service.state()["leader"]
    at = time.time()
    os.kill(leader, signal.SIGKILL)
    state = until(lambda: (found := service.state())["leader"] != leader and found)
    return float(state["since"] - at)


def _print_figures(
    takeovers: list[float], noted: dict[int, list[tuple[int, int, int]]], fetched: int, elapsed: float
) -> None:
    first: dict[int, int] = {}
    lags = []
    for versions in noted.values():
        for version, _, at in versions:
            first[version] = min(first.get(version, at), at)
    for versions in noted.values():
        lags += [(at - first[version]) / 1e6 for version, _, at in versions[1:]]
    p99 = statistics.quantiles(lags, n=100)[98]
    print(
        f"\n{KILLS} kills: a new leader after {statistics.median(takeovers) * 1e3:.1f} ms (p50), "
        f"{max(takeovers) * 1e3:.1f} ms (max); workers behind the first one {statistics.median(lags):.1f} ms (p50), "
        f"{p99:.1f} ms (p99), {max(lags):.1f} ms (max); {fetched} fetches in {elapsed:.1f} s, one each {EVERY_S} s"
    )
