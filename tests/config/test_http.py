"""`HttpSource` against a real server: what it fetches, what it sends, and what happens while the server fails."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reloadls.config import HttpSource, InvalidConfiguration, LiveConfig, MappingSource
from tests.config.support import Settings, eventually


class Server:
    """A web server whose answer can be chosen."""

    def __init__(self) -> None:
        self.status, self.body, self.kind, self.etag = 200, '{"name": "a"}', "application/json", ""
        self.asked: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(dict(self.headers.items()))
                unchanged = server.etag and self.headers["If-None-Match"] == server.etag
                body = b"" if unchanged else server.body.encode()
                self.send_response(304 if unchanged else server.status)
                self.send_header("Content-Type", server.kind)
                self.send_header("Content-Length", str(len(body)))
                if server.etag:
                    self.send_header("ETag", server.etag)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


async def test_a_source_that_fails_keeps_its_last_good_part(server: Server) -> None:
    mapping = MappingSource({"port": 1})
    config = LiveConfig(Settings, [HttpSource(f"http://{server.host}/app", every_s=0.05), mapping])
    async with config:
        for status, body, words in ((500, "", "status 500"), (200, '{"name": ', "too early"), (200, "[]", "object")):
            server.status, server.body = status, body
            await eventually(lambda: any(words in problem.message for problem in config.problems))  # noqa: B023
            assert config.problems[0].code == "unavailable"
            (source, _) = config.status.sources
            assert source.state == "failed"
            assert source.age_s is not None
            assert source.next_s is None or source.next_s < 60
            assert config.value.name == "a"
            mapping.replace({"port": status})  # the others go on
            await config.sync()
            assert config.value.port == status
        server.status, server.body = 200, '{"name": "b"}'
        await eventually(lambda: config.value.name == "b" and not config.problems)


async def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    server.etag = '"1"'
    async with LiveConfig(Settings, [HttpSource(f"http://u:p@{server.host}/app", every_s=0.05)]) as config:
        await eventually(lambda: len(server.asked) > 3)
        assert server.asked[-1]["If-None-Match"] == '"1"'
        assert server.asked[-1]["Authorization"] == "Basic dTpw"
        assert config.version == 1
        server.body, server.etag = '{"name": "b"}', '"2"'
        await eventually(lambda: config.value.name == "b")


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("app.toml", "text/plain", 'name = "a"'),
        ("app", "application/yaml", "name: a"),
        ("app.env?x=1", "text/plain", "NAME=a"),
        ("app", "text/plain", '{"name": "a"}'),
    ],
)
async def test_formats(server: Server, path: str, kind: str, body: str) -> None:
    server.kind, server.body = kind, body
    async with LiveConfig(Settings, [HttpSource(f"http://{server.host}/{path}")]) as config:
        assert config.value.name == "a"


async def test_a_required_source_that_fails_prevents_the_start(server: Server) -> None:
    server.status = 503
    url = f"http://{server.host}/app"
    with pytest.raises(InvalidConfiguration, match="answered with status 503"):
        await LiveConfig(Settings, [HttpSource(url), MappingSource({"name": "x"})]).start()
    async with LiveConfig(Settings, [MappingSource({"name": "x"}), HttpSource(url, required=False)]) as config:
        assert config.value.name == "x"
        assert [problem.code for problem in config.problems] == ["unavailable"]


async def test_the_end_does_not_wait_for_a_server_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # connects, and never answers
        source = HttpSource(f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout_s=300)
        start = asyncio.create_task(LiveConfig(Settings, [source]).start())
        await eventually(lambda: any(each.name == "reloadls-config-http" for each in threading.enumerate()))
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
