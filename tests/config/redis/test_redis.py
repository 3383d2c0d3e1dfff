"""Configuration from a real Redis: nothing is missed, nothing goes back, and no update is lost."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.config import InvalidConfiguration, LiveConfig, RedisSource
from reloadls.config.redis.store import Conflict, RedisStore
from tests.cli.running import Running, environment, finish
from tests.config.redis.server import RedisServer, redis_server
from tests.config.support import eventually

OPERATIONS = int(os.environ.get("RELOADLS_TEST_OPERATIONS", "2000"))


def settings(values: Any) -> Any:
    if not isinstance(values.get("n"), int):
        raise ValueError("n: must be an integer")
    return dict(values)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def _config(server: RedisServer, **more: Any) -> LiveConfig[Any]:
    return LiveConfig(settings, [RedisSource(server.url(), "app")], **more)


async def _push(store: RedisStore, n: Any) -> int:
    current = await store.current()
    version = 0 if current is None else current.version
    return await store.push(json.dumps({"n": n}), "json", expect=version)


async def _unless_down(call: Any) -> None:
    """Wait for a call that a server which comes back may refuse at first."""
    async with asyncio.timeout(60):
        while True:
            try:
                await call()
            except Exception:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_push_is_applied_and_a_bad_one_is_reported(server: RedisServer) -> None:
    async with server.store() as store:
        assert await _push(store, 1) == 1
        async with _config(server) as config:
            assert config.value == {"n": 1}
            assert await _push(store, 2) == 2
            await eventually(lambda: config.value == {"n": 2})
            await _push(store, "bad")
            await eventually(lambda: config.problems)
            assert config.value == {"n": 2}
            assert await store.push("{", "json", expect=3) == 4
            await eventually(lambda: any("version 4" in each.message for each in config.problems))
            assert await store.push('{"n": 5}', "json", expect=4) == 5
            await eventually(lambda: config.value == {"n": 5} and not config.problems)


async def test_a_push_that_expects_another_version_changes_nothing(server: RedisServer) -> None:
    async with server.store() as store:
        await _push(store, 1)
        with pytest.raises(Conflict) as raised:
            await store.push("{}", "json", expect=0)
        assert raised.value.current == 1
        current = await store.current()
        assert current is not None
        with pytest.raises(Conflict):
            await store.push("{}", "json", expect=1, epoch=current.epoch - 1)
        assert (await store.current()) == current


async def test_flushall_keeps_the_value_and_a_count_that_begins_again_is_newer(server: RedisServer) -> None:
    async with server.store() as store:
        for n in range(5):
            await _push(store, n)
        async with _config(server) as config:
            await store._client.flushall()
            # The stream does not tell of it; a change does, or the next look.
            await store._client.xadd("{app}:changes", {"look": "1"})
            await eventually(lambda: any("FLUSHALL" in each.message for each in config.problems))
            assert config.value == {"n": 4}
            assert await _push(store, 100) == 1
            await eventually(lambda: config.value == {"n": 100} and not config.problems)


async def test_a_restart_loses_nothing_and_an_older_value_never_comes_back(server: RedisServer) -> None:
    async with server.store() as store:
        await _push(store, 1)
        await _push(store, 2)
        saved = await store._client.dump("app")  # bytes, as text; only to see that it is there
        assert saved
        async with _config(server) as config:
            server.stop()
            await eventually(lambda: config.problems)
            assert config.value == {"n": 2}
            server.start()  # empty
            await _unless_down(store._client.ping)
            await eventually(lambda: any("holds no value" in each.message for each in config.problems))
            # An old copy of the data, as a replica without the last push would have it:
            fields = {"version": 1, "epoch": 1000, "run": "old", "text": '{"n": 1}', "format": "json"}
            await store._client.hset("app", mapping=fields)
            await eventually(lambda: any("went back" in each.message for each in config.problems))
            assert config.value == {"n": 2}
            assert await _push(store, 3) == 2  # the same number as before, for another value
            await eventually(lambda: config.value == {"n": 3} and not config.problems)


async def test_a_server_that_stands_still_is_reported_and_followed_again(server: RedisServer) -> None:
    async with server.store() as store:
        await _push(store, 1)
        async with _config(server) as config:
            server.signal(signal.SIGSTOP)
            try:
                await eventually(lambda: any("does not answer" in each.message for each in config.problems), 60)
                assert config.value == {"n": 1}
            finally:
                server.signal(signal.SIGCONT)
            await _unless_down(lambda: _push(store, 2))
            await eventually(lambda: config.value == {"n": 2} and not config.problems)


async def test_no_memory_left_refuses_the_push_and_harms_nothing(server: RedisServer) -> None:
    async with server.store() as store:
        await _push(store, 1)
        async with _config(server) as config:
            await store._client.config_set("maxmemory", "1")
            with pytest.raises(Exception, match="maxmemory"):
                await _push(store, 2)
            current = await store.current()
            assert current is not None and current.version == 1
            assert len(await store.history()) == 1
            await store._client.config_set("maxmemory", "0")
            await _push(store, 3)
            await eventually(lambda: config.value == {"n": 3})
            assert not config.problems


async def test_a_wrong_password_is_reported_and_never_shown(tmp_path: Path) -> None:
    with redis_server("--requirepass", "right-one") as server:
        config = LiveConfig(settings, [RedisSource(server.url("wrong-one"), "app", required=False)])
        with pytest.raises(InvalidConfiguration) as raised:
            await config.start()
        text = repr(raised.value) + str(raised.value) + repr(config.sources)
        assert "wrong-one" not in text
        assert "refuses the password" in text
        (tmp_path / "a.json").write_text('{"n": 1}')
        url = server.url("wrong-one")
        ended = await asyncio.to_thread(
            finish, "config", "push", str(tmp_path / "a.json"), "--redis", url, "--key", "a"
        )
        assert ended.returncode == 1
        assert "wrong-one" not in ended.stdout + ended.stderr
        assert "refuses the password" in ended.stderr


async def test_racing_writers_lose_no_update_and_members_end_on_the_last_version(server: RedisServer) -> None:
    pushes = min(1000, OPERATIONS)
    done: list[int] = []

    async def write(name: str) -> None:
        async with server.store() as store:
            while len(done) < pushes:
                current = await store.current()
                before = [] if current is None else json.loads(current.text)["done"]
                version = 0 if current is None else current.version
                entry = f"{name}{random.random()}"
                text = json.dumps({"n": version + 1, "done": [*before, entry][-3:], "count": version + 1})
                try:
                    done.append(await store.push(text, "json", expect=version))
                except Conflict:
                    continue

    async with server.store() as store:
        await store.push('{"n": 0, "done": [], "count": 1}', "json", expect=0)
    configs = [_config(server) for _ in range(10)]
    for each in configs:
        await each.start()
    seen: list[int] = []
    configs[0].on_change(lambda change: seen.append(change.new["n"]))
    await asyncio.gather(write("a"), write("b"))
    assert sorted(done) == list(range(2, len(done) + 2))
    last = max(done)
    for each in configs:
        await eventually(lambda each=each: each.value["n"] == last)  # type: ignore[misc]
    assert seen == sorted(seen)
    for each in configs:
        await each.stop()
    async with server.store() as store:
        assert len(await store.history()) == 20


_MEMBERS = """
import asyncio, sys
from reloadls.config import LiveConfig, RedisSource

async def main(url, count):
    configs = [LiveConfig(lambda values: dict(values), [RedisSource(url, "app")], group="app") for _ in range(count)]
    await asyncio.gather(*(config.start() for config in configs))
    for number in range(count):
        configs[number].on_change(lambda change: print(change.new["n"], flush=True))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_the_members_of_two_machines_are_in_the_status(server: RedisServer, tmp_path: Path) -> None:
    count = int(os.environ.get("RELOADLS_TEST_MEMBERS", "3"))  # of each of four processes
    async with server.store() as store:
        await _push(store, 1)
        processes = []
        try:
            for machine in ("one", "two"):
                (tmp_path / machine).mkdir(mode=0o700)
                for _ in range(2):
                    env = environment(XDG_RUNTIME_DIR=str(tmp_path / machine))
                    command = [sys.executable, "-c", _MEMBERS, server.url(), str(count)]
                    pipe = subprocess.PIPE
                    processes.append(Running(subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe), reads=True))
            for each in processes:
                await asyncio.to_thread(each.until, lambda each=each: "ready" in each.out, "ready")  # type: ignore[misc]
            await _push(store, 2)
            for each in processes:
                await asyncio.to_thread(each.until, lambda each=each: each.out.count("2") == count, "2")  # type: ignore[misc]
            async with asyncio.timeout(30):
                while not await _all_run(store, 2, count):  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.05)
            shown = await _cli(server, "status")
            assert shown.returncode == 0, shown
            assert shown.stdout.count(f"version 2, {2 * count} workers") == 2
            assert len({line for line in shown.stdout.splitlines() if ", leads" in line}) == 2
        finally:
            for each in processes:
                each.process.kill()
                each.wait()
                for stream in (each.process.stdout, each.process.stderr):
                    assert stream is not None
                    stream.close()


async def _all_run(store: RedisStore, version: int, count: int) -> bool:
    machines = await store.machines()
    newest = [max((member.version for member in each.members), default=0) for each in machines]
    return [each.version for each in machines] == [version, version] and all(
        [member.version for member in each.members] == [last] * (2 * count)
        for each, last in zip(machines, newest, strict=True)
    )


async def _cli(server: RedisServer, *args: str, key: str = "app") -> Any:
    return await asyncio.to_thread(finish, "config", *args, "--redis", server.url(), "--key", key)


async def test_the_commands(server: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text("n = 1\n")
    assert (await _cli(server, "push", str(file))).stdout == "version 1\n"
    file.write_text("n = 2\n")
    assert (await _cli(server, "push", str(file), "--expect", "1")).stdout == "version 2\n"
    refused = await _cli(server, "push", str(file), "--expect", "1")
    assert refused.returncode == 1
    assert "version 2 is there, not 1" in refused.stderr
    file.write_text("n = \n")
    bad = await _cli(server, "push", str(file))
    assert bad.returncode == 1
    assert "app.toml:1:" in bad.stderr
    async with _config(server) as config:
        assert config.value == {"n": 2}
        assert (await _cli(server, "rollback")).stdout == "version 3, as version 1 was\n"
        await eventually(lambda: config.value == {"n": 1})
        assert (await _cli(server, "rollback", "--to", "2")).stdout == "version 4, as version 2 was\n"
        await eventually(lambda: config.value == {"n": 2})
    unknown = await _cli(server, "rollback", "--to", "9")
    assert unknown.returncode == 2
    shown = await _cli(server, "status", "--json")
    assert json.loads(shown.stdout)["version"] == 4
