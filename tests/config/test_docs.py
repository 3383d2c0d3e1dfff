"""The programs of docs/configuration.md, and the examples, do what they say."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import re
import shutil
import socket
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reloadls.config import LiveConfig
from tests.config.support import Settings, eventually, replace
from tests.config.workers import until
from tests.examples.test_examples import EXAMPLES, started

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def program(text: str) -> dict[str, Any]:
    """The names of the one program of the page that contains a text."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if text in block]
    module = ModuleType("docs_configuration")
    sys.modules[module.__name__] = module
    exec(found, vars(module))
    return vars(module)


async def test_the_first_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_DB__URL", "postgres://")
    (tmp_path / "app.toml").write_text('[app]\nname = "a"\n')
    await program('TomlFile("app.toml", table="app")')["main"]()
    assert capsys.readouterr().out == "postgres://\n"


async def test_the_callbacks(capsys: pytest.CaptureFixture[str]) -> None:
    names = program("no more than 1000")
    async with names["config"] as config:
        names["limits"].replace({"limit": 20})
        await config.sync()
        names["limits"].replace({"limit": 2000})
        await config.sync()
        assert config.value["limit"] == 20
        assert "no more than 1000" in config.problems[0].message
    assert capsys.readouterr().out == "('limit',) 10 -> 20\n"


def test_a_plain_program_follows_its_file(tmp_path: Path) -> None:
    with started(sys.executable, str(EXAMPLES / "live_config.py"), cwd=tmp_path) as example:
        assert example.line() == "hello world"

        def until_line(text: str) -> None:
            assert any(example.line() == text for _ in range(10_000))

        replace(tmp_path / "app.toml", 'name = "you"\nevery_s = 0.01\n')
        until_line("version 2: every_s, name")
        until_line("hello you")
        replace(tmp_path / "app.toml", 'name = "you"\nevery_s = "often"\n')
        until_line(f"{tmp_path}/app.toml:2:11: every_s: must be a number")
        until_line("hello you")
        replace(tmp_path / "app.toml", 'name = "us"\nevery_s = 0.01\n')
        until_line("all is well")
        until_line("hello us")


def test_fastapi_with_four_workers(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    shutil.copy(EXAMPLES / "config_workers.py", tmp_path)
    (tmp_path / "run").mkdir(mode=0o700)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["uvicorn", "config_workers:app", "--workers", "4", "--port", str(port), "--log-level", "warning"]
    asked: list[dict[str, Any]] = []

    def ask() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            asked.append(json.load(answer))
            return True
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
        with started(*command, cwd=tmp_path):
            until(lambda: ask() and len({each["worker"] for each in asked}) == 4)
            for number in range(1, 6):
                replace(tmp_path / "app.toml", f"limit = {number * 11}\n")
                until(lambda: ask() and asked[-1]["limit"] == number * 11)  # noqa: B023
                replace(tmp_path / "app.toml", "limit = 1000\n")
                for _ in range(20):
                    ask()
    limits = [each["limit"] for each in asked]
    assert limits == sorted(limits)
    assert set(limits) == {10, 11, 22, 33, 44, 55}


class _Consul(BaseHTTPRequestHandler):
    """Answers as Consul's KV API does: with an index, and blocking queries."""

    store: dict[str, str]
    index: int
    changed: threading.Condition
    ended = False

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        prefix, asked = urllib.parse.unquote(url.path).removeprefix("/v1/kv/"), int(query["index"][0])
        kind = type(self)
        with kind.changed:
            kind.changed.wait_for(lambda: kind.index > asked or kind.ended, timeout=30)
            found = [
                {"Key": key, "Value": base64.b64encode(value.encode()).decode()}
                for key, value in kind.store.items()
                if key.startswith(prefix)
            ]
            body = json.dumps(found).encode()
            self.send_response(200 if found else 404)
            self.send_header("X-Consul-Index", str(kind.index))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def consul() -> Iterator[tuple[str, type[_Consul]]]:
    class Handler(_Consul):
        store = {"app/name": "a", "app/db/pool": "3", "other/name": "x"}  # noqa: RUF012
        index = 7
        changed = threading.Condition()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Handler
    with Handler.changed:
        Handler.ended = True
        Handler.changed.notify_all()
    server.shutdown()
    server.server_close()


async def test_the_consul_source_follows_its_store(consul: tuple[str, type[_Consul]]) -> None:
    address, handler = consul
    spec = importlib.util.spec_from_file_location("consul_source", EXAMPLES / "consul_source.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def put(key: str, value: str | None) -> None:
        with handler.changed:
            handler.store.pop(key, None)
            if value is not None:
                handler.store[key] = value
            handler.index += 1
            handler.changed.notify_all()

    async with LiveConfig(Settings, [module.ConsulSource(address, "app/")]) as config:
        assert (config.value.name, config.value.db.pool) == ("a", 3)
        put("app/db/pool", "4")
        await eventually(lambda: config.value.db.pool == 4)
        put("app/db/pool", "many")
        await eventually(lambda: config.problems)
        assert [(each.key, each.source) for each in config.problems] == [("db.pool", "consul app/")]
        put("app/db/pool", None)
        await eventually(lambda: config.value.db.pool == 5 and not config.problems)
        origin = config.origin("name")
        assert origin is not None
        assert origin.name == "app/name"
        put("x", "wakes it up")
