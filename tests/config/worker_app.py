"""What the workers of a real server run: an application that answers with its configuration, and notes each version."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any

from reloadls.config import Change, HttpSource, LiveConfig, TomlFile


@dataclass
class Settings:
    number: int


_noted: list[int] = []
_notes = os.environ["NOTES"]
_sources = [
    HttpSource(os.environ["CONFIG_URL"], every_s=float(os.environ["EVERY_S"]))
    if "CONFIG_URL" in os.environ
    else TomlFile(os.environ["CONFIG_FILE"])
]
config = LiveConfig(
    Settings, _sources, group="app", together=os.environ.get("TOGETHER") == "1", debounce_ms=0, start_timeout_s=60
)


def _note(version: int, number: int) -> None:
    line = f"{version} {number} {time.monotonic_ns()}\n".encode()
    fd = os.open(os.path.join(_notes, str(os.getpid())), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, line)
    os.close(fd)


@config.on_change
def _changed(change: Change[Settings]) -> None:
    if not _noted or change.version > _noted[0]:  # not what took effect while it started
        _note(change.version, change.new.number)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer each request with the version and its number; start and end the configuration with the worker."""
    if scope["type"] == "lifespan":
        await receive()
        await config.start()
        with config.hold() as value:
            _noted.append(config.version)
            _note(config.version, value.number)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await config.stop()
        await send({"type": "lifespan.shutdown.complete"})
        return
    number = config.value.number
    body = json.dumps({"pid": os.getpid(), "number": number}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
