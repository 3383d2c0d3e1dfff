"""Four workers under load: a module, a package and a setting arrive live, and broken ones change nothing."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import until
from tests.config.redis.server import redis_server
from tests.reload.requirements.environment import Environment, make_wheel
from tests.reload.runtime.programs import Client, Program

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes follow the first one on Linux only")

WORKERS = 4

_APP = """
import importlib
import os
import pkgutil
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

import services
from reloadls.config import LiveConfig, RedisSource


@dataclass
class Settings:
    limit: int


config = LiveConfig(Settings, [RedisSource(os.environ["REDIS_URL"], "app")], group="service", start_timeout_s=60)


@asynccontextmanager
async def lifespan(app):
    async with config:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index():
    answers = {}
    for each in pkgutil.iter_modules(services.__path__):
        try:
            answers[each.name] = importlib.import_module(f"services.{each.name}").run()
        except ImportError:
            continue  # what it needs is not installed yet
    return {"pid": os.getpid(), "limit": config.value.limit, "services": answers}
"""
_FIRST = 'def run():\n    return "first"\n'
_SECOND = "import foo\n\n\ndef run():\n    return foo.VERSION\n"


class Load:
    """Clients that ask all the time, and count what is not answered.

    Args:
        url: what they ask.
    """

    def __init__(self, url: str) -> None:
        self.lost: list[str] = []
        self.answers: dict[int, Any] = {}
        self.count = 0
        self._url = url
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(2)]

    def start(self) -> None:
        for each in self._threads:
            each.start()

    def end(self) -> None:
        self._ended.set()
        for each in self._threads:
            each.join()

    def until_all(self, condition: Callable[[Any], bool], what: str) -> None:
        """Wait until each worker's next answers are so."""
        self.answers.clear()
        until(
            lambda: len(self.answers) == WORKERS and all(map(condition, list(self.answers.values()))),
            what,
            lambda: repr(self.answers),
        )

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            try:
                with urllib.request.urlopen(self._url, timeout=30) as answer:
                    told = json.load(answer)
            except OSError as error:
                self.lost.append(repr(error))
            else:
                self.count += 1
                self.answers[told["pid"]] = told


def _push(url: str, text: str) -> None:
    import asyncio

    from reloadls.config.redis.connect import connect
    from reloadls.config.redis.store import RedisStore

    async def push() -> None:
        client = connect(url, answer_s=10)
        try:
            store = RedisStore(client, "app")
            current = await store.current()
            await store.push(text, "json", expect=0 if current is None else current.version)
        finally:
            await client.aclose()

    asyncio.run(push())


def _url_of(running: Program) -> str:
    line = running.until_stderr("Uvicorn running on")
    found = re.search(r"http://[\d.]+:\d+", line)
    assert found is not None
    return f"{found[0]}/"


def _failed(client: Client, file: str, kind: str) -> Any:
    """Wait for the failure of a kind that is placed in a file."""
    return client.until(
        lambda message: (
            message.get("method") == "reload/didReload"
            and message["params"]["status"] == "failed"
            and message["params"]["error"]["type"] == kind
            and message["params"]["error"]["uri"].endswith(file)
        )
    )["params"]["error"]


def _problem(clients: list[Client]) -> Any:
    """Wait for the problem of a configuration; the worker that leads has it."""
    found: list[Any] = []

    def is_there() -> bool:
        for client in clients:
            [target] = client.ask("reload/status")["result"]["targets"]
            found.extend(each for part in target.get("configurations", ()) for each in part.get("problems", ()))
        return any(each.get("key") == "limit" for each in found)

    until(is_there, "problem of the configuration", lambda: repr(found))
    return next(each for each in found if each.get("key") == "limit")


def test_a_module_a_package_and_a_setting_arrive_live_and_broken_ones_change_nothing(tmp_path: Path) -> None:
    env = Environment(tmp_path, with_uv=True)
    make_wheel(env.wheels, "foo", "1.0")
    env.require()
    (env.project / "app.py").write_text(_APP)
    services = env.project / "services"
    services.mkdir()
    (services / "__init__.py").touch()
    (services / "first.py").write_text(_FIRST)
    with redis_server() as redis:
        _push(redis.url(), '{"limit": 1}')
        command = ("--sync-requirements", "-m", "uvicorn", "app:app", "--workers", str(WORKERS), "--port", "0")
        with env.run(*command, env={"REDIS_URL": redis.url()}) as running:
            load = Load(_url_of(running))
            load.start()
            load.until_all(lambda told: told["limit"] == 1 and told["services"] == {"first": "first"}, "start")
            load.lost.clear()  # the first worker listens once it has started
            first = running.connect()
            workers = {pid: running.connect(pid) for pid in load.answers}

            (services / "second.py").write_text(_SECOND)
            env.require("foo==1.0")
            _push(redis.url(), '{"limit": 2}')
            now = {"first": "first", "second": "1.0"}
            load.until_all(lambda told: told["limit"] == 2 and told["services"] == now, "module, package and setting")

            (services / "second.py").write_text(_SECOND + "\n\ndef broken(:\n    pass\n")
            for client in workers.values():
                error = _failed(client, "/services/second.py", "SyntaxError")
                assert error["range"]["start"]["line"] == 7
            env.require("foo==1.0", "bar==9.0")
            error = _failed(first, "/requirements.txt", "RequirementsNotInstalled")
            assert error["range"]["start"]["line"] == 3
            _push(redis.url(), '{\n  "limit": "many"\n}')
            problem = _problem(list(workers.values()))
            assert problem["range"]["start"]["line"] == 1, problem
            load.until_all(lambda told: told["limit"] == 2 and told["services"] == now, "answers as before")
            load.end()
            running.running.signal(signal.SIGTERM)  # workers outlive a server that is killed
            running.running.wait()
            assert load.lost == []
            assert load.count > WORKERS
