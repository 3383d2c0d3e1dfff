"""What a process hosts is published, bounded, and takes commands."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from reloadls.base.hosted import HostedRegistry
from reloadls.base.hosted.plain import plain
from reloadls.reload.runtime.endpoint import hosted as endpoint
from reloadls.reload.runtime.endpoint.requests import RequestFailed


def of(*members: str) -> Any:
    return lambda most: {"members": list(members)[:most]}


def test_hosts_are_listed_by_kind_with_unique_names() -> None:
    registry = HostedRegistry()
    assert registry.status() == {}
    first, second = registry.add("pools", "rooms", of("a")), registry.add("pools", "rooms", of("b"))
    other = registry.add("configurations", "rooms", of("c"))
    registry.mark("workerOf", {"pid": 7})
    assert (first.name, second.name, other.name) == ("rooms", "rooms-2", "rooms")
    assert registry.status() == {
        "pools": [{"name": "rooms", "members": ["a"]}, {"name": "rooms-2", "members": ["b"]}],
        "configurations": [{"name": "rooms", "members": ["c"]}],
        "workerOf": {"pid": 7},
    }
    first.remove()
    first.remove()
    assert [each["name"] for each in registry.status()["pools"]] == ["rooms-2"]


def test_many_hosts_list_fewer_members_each() -> None:
    registry = HostedRegistry()
    members = [str(number) for number in range(1000)]
    for _ in range(60):
        registry.add("pools", "rooms", of(*members))
    pools = registry.status()["pools"]
    assert (len(pools), sum(len(pool["members"]) for pool in pools)) == (50, 150)


def test_a_host_that_fails_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    registry = HostedRegistry()
    registry.add("pools", "bad", lambda most: {"members": [object()]})
    registry.add("pools", "good", of("a"))
    with caplog.at_level(logging.ERROR):
        assert [each["name"] for each in registry.status()["pools"]] == ["good"]
    assert "the status of bad (pools) is not available" in caplog.text


def test_a_host_that_has_ended_is_removed() -> None:
    registry = HostedRegistry()
    registry.add("pools", "rooms", lambda most: None)
    assert registry.status() == {}
    assert registry.add("pools", "rooms", of()).name == "rooms"


def test_listeners_are_called_until_they_stop(caplog: pytest.LogCaptureFixture) -> None:
    registry, calls = HostedRegistry(), []
    stop = registry.listen(lambda: calls.append(1))
    stop_bad = registry.listen(lambda: 1 / 0)
    host = registry.add("pools", "rooms", of())
    host.changed()
    host.remove()
    assert len(calls) == 3
    assert "a listener of hosted things failed" in caplog.text
    stop()
    stop_bad()
    registry.add("pools", "rooms", of())
    assert len(calls) == 3


def test_commands_reach_their_host() -> None:
    registry = HostedRegistry()
    done: Future[str] = Future()
    registry.add("pools", "rooms", of(), commands={"drain": lambda: done})
    assert registry.run("pools", "rooms", "drain") is done
    for name, command, message in (
        ("halls", "drain", "unknown name 'halls' in pools; there are: rooms"),
        ("rooms", "fly", "rooms: can't fly"),
    ):
        with pytest.raises(LookupError, match=message):
            registry.run("pools", name, command)


def test_a_forked_child_hosts_nothing() -> None:
    registry = HostedRegistry()
    host = registry.add("pools", "rooms", of())
    registry.renew()
    assert registry.status() == {}
    host.changed()
    host.remove()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": None, "b": (1, 2.5, True)}, {"b": [1, 2.5, True]}),
        ("x" * 600, "x" * 499 + "…"),
        ("\udcff", "?"),
        (list(range(600)), list(range(500))),
        ({"\ud800": "ä"}, {"?": "ä"}),
    ],
)
def test_plain_data(value: Any, expected: Any) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize(("value", "error"), [(object(), TypeError), ([float("nan")], ValueError), (b"", TypeError)])
def test_what_is_no_json_data(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        plain(value)


async def test_a_burst_of_changes_is_one_notification(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, sent = HostedRegistry(), []
    monkeypatch.setattr(endpoint, "hosted", registry)
    monkeypatch.setattr(endpoint, "_SHORTEST_S", 0.01)
    arrived = asyncio.Event()

    def notify() -> int:
        sent.append(len(registry.status()["pools"]))
        arrived.set()
        return 0

    news = endpoint.HostedNews(notify)
    news.start()
    host = registry.add("pools", "rooms", of())

    def change() -> None:
        for _ in range(1000):
            host.changed()

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await arrived.wait()
    assert sent == [1]
    arrived.clear()
    registry.add("pools", "halls", of())
    async with asyncio.timeout(30):
        await arrived.wait()
    assert sent == [1, 2]
    news.stop()
    host.changed()
    await asyncio.sleep(0)
    assert sent == [1, 2]


async def test_a_command_that_fails_or_hangs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = HostedRegistry()
    monkeypatch.setattr(endpoint, "hosted", registry)
    monkeypatch.setattr(endpoint, "_ANSWER_S", 0.01)
    hanging: Future[None] = Future()
    failed: Future[None] = Future()
    failed.set_exception(OSError("no"))
    registry.add("pools", "rooms", of(), commands={"hang": lambda: hanging, "fail": lambda: failed})
    for command, message in (
        ("hang", "rooms: can't hang: its event loop has been busy for 0.01 s"),
        ("fail", "no"),
        ("fly", "rooms: can't fly"),
    ):
        with pytest.raises(RequestFailed, match=message):
            await endpoint.run_command("pools", "rooms", command)
    assert hanging.cancelled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_real_fork() -> None:
    from reloadls.base.hosted import hosted

    host = hosted.add("pools", "forked", of())
    pid = os.fork()
    if pid == 0:
        os._exit(len(hosted.status()))
    host.remove()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
