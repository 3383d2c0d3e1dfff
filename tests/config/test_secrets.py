"""Secrets appear nowhere: not in logs, problems, exceptions, reprs or the status."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import traceback
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from reloadls.base.hosted import hosted
from reloadls.config import (
    Change,
    EnvFile,
    FolderSource,
    HttpSource,
    InvalidConfiguration,
    JsonFile,
    LiveConfig,
    Refuse,
    TomlFile,
    YamlFile,
)
from reloadls.config.values.secrets import is_secret_name, shown_value

pytest.importorskip("pydantic")

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

PLANTED = "pl4nt3d"


@pytest.fixture
def log() -> Any:
    """Everything that is logged, with tracebacks, as the most talkative formatter has it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def _chain(error: BaseException) -> str:
    """An exception as any tool may show it: with what it hides, and the attributes of all."""
    parts: list[str] = []
    found: BaseException | None = error
    while found is not None:
        parts += ["".join(traceback.format_exception(found, chain=True)), repr(vars(found)), repr(found.args)]
        found = found.__cause__ or found.__context__
    return "\n".join(parts)


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = ""
    port: int = 0
    db_password: SecretStr | None = None
    hidden: SecretStr | None = None
    api_key: str = ""
    tokens: list[str] = Field(default_factory=list)
    url: str = ""

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.port == 13:
            secret = self.hidden.get_secret_value() if self.hidden else ""
            raise ValueError(f"port 13 with {self.api_key}, {secret} and {self.tokens} is bad")
        return self


@dataclass
class Plain:
    name: str = ""
    port: int = 0
    db_password: str = ""
    hidden: str = ""
    api_key: str = ""
    tokens: list[str] | None = None
    url: str = ""

    def __post_init__(self) -> None:
        if self.port == 13:
            raise ValueError(f"bad with {self.api_key} {self.tokens} {self.db_password}")


GOOD = f"""
name = "n"
db_password = "{PLANTED}-1"
api_key = "{PLANTED}-3"
tokens = ["{PLANTED}-4", "{PLANTED}-5"]
url = "postgres://user:{PLANTED}-6@host/db"
"""
BAD = {
    "a type": GOOD.replace(f'"{PLANTED}-1"', f'["{PLANTED}-1"]'),
    "a list": GOOD.replace(f'"{PLANTED}-5"', f'{{ x = "{PLANTED}-5" }}'),
    "another key": GOOD + 'port = "x"\n',
    "a validator": GOOD + "port = 13\n",
    "a callback": GOOD + "port = 14\n",
    "a crashing callback": GOOD + "port = 15\n",
    "half of it": GOOD[: GOOD.index("-6")],
    "an unknown key": GOOD + f'other_secret = "{PLANTED}-7"\n',
    "twice": GOOD + f'api_key = "{PLANTED}-8"\n',
}


@pytest.mark.parametrize("settings", [Settings, Plain])
@pytest.mark.parametrize("group", [None, "secret"])
async def test_nothing_shows_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: io.StringIO, settings: Any, group: str | None
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    file = tmp_path / "app.toml"
    file.write_text(GOOD)
    config = LiveConfig(settings, [TomlFile(file)], group=group)
    shown: list[str] = []

    @config.on_change(before=True)
    def refuse(change: Change[Any]) -> None:
        shown.append(repr(change))
        if change.new.port == 14:
            raise Refuse(f"not with {change.new.api_key}")
        if change.new.port == 15:
            raise RuntimeError(f"not with {change.new.api_key}")

    @config.on_change
    def fails(change: Change[Any]) -> None:
        raise RuntimeError(f"failed with {change.new.api_key}")

    async with config:
        for number, text in enumerate(BAD.values()):
            file.write_text(text)
            await config.sync()
            assert config.problems
            shown += [repr(config.problems), str(config.problems[0]), repr(config), repr(config.status)]
            shown.append(json.dumps(hosted.status()))
            file.write_text(GOOD.replace('"n"', f'"n{number}"'))
            await config.sync()
            assert not config.problems
            shown += [repr(config.status), json.dumps(hosted.status()), repr(config.origin("api_key"))]
    for text in BAD.values():
        file.write_text(text)
        with pytest.raises(InvalidConfiguration) as caught:
            async with LiveConfig(settings, [TomlFile(file)]) as started:
                raise InvalidConfiguration(started.problems)  # what only a callback refuses
        shown.append(_chain(caught.value))
    everything = "\n".join([*shown, log.getvalue()])
    assert PLANTED not in everything
    assert "failed" in everything
    assert "app.toml" in everything


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (JsonFile, f'{{"api_key": "{PLANTED}", "x": }}'),
        (JsonFile, f'{{"api_key": "{PLANTED}'),
        (JsonFile, f'{{"api_key": {PLANTED}}}'),
        (YamlFile, f"api_key: {PLANTED}\n\t- x\n"),
        (YamlFile, f"api_key: [{PLANTED}\n"),
        (YamlFile, f'api_key: "{PLANTED}\\z"\n'),
        (EnvFile, f"API_KEY='{PLANTED}\n"),
        (EnvFile, f"API_KEY {PLANTED}\n"),
        (TomlFile, f'api_key = "{PLANTED}'),
        (TomlFile, f"api_key = {PLANTED}"),
    ],
)
async def test_broken_text_is_not_quoted(tmp_path: Path, log: io.StringIO, make: Any, text: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    with pytest.raises(InvalidConfiguration) as caught:
        await LiveConfig(Settings, [make(file)]).start()
    assert PLANTED not in _chain(caught.value) + log.getvalue()
    assert caught.value.problems[0].line


async def test_invalid_bytes_are_not_quoted(tmp_path: Path, log: io.StringIO) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "api_key").write_bytes(f"{PLANTED}\nx\xff".encode("latin-1"))
    with pytest.raises(InvalidConfiguration, match="api_key:2:2: api_key: is not UTF-8") as caught:
        await LiveConfig(Settings, [FolderSource(tmp_path / "keys")]).start()
    assert PLANTED not in _chain(caught.value) + log.getvalue()


async def test_a_url_is_shown_without_its_secrets(log: io.StringIO) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500, f"{PLANTED} failed")

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://user:{PLANTED}@127.0.0.1:{server.server_port}/c?token={PLANTED}#{PLANTED}"
    try:
        source = HttpSource(url, headers={"Authorization": PLANTED})
        config = LiveConfig(Settings, [source])
        with pytest.raises(InvalidConfiguration) as caught:
            await config.start()
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
    assert PLANTED not in _chain(caught.value) + log.getvalue() + repr(source) + repr(config.status)
    assert "status 500" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["password", "dbPassword", "DB_PASSWD", "api_key", "apiKey", "key", "tokens", "secretKey"]
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["name", "monkey", "keyboard", "port", "bypass", "author", 3])
def test_names_of_others(name: object) -> None:
    assert not is_secret_name(name)


def test_the_password_of_a_url_is_hidden() -> None:
    assert shown_value("postgres://u:pw@h/db", secret=False) == "'postgres://u:********@h/db'"
    assert shown_value("x", secret=True) == "********"
