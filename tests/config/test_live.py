"""One process: what is in effect, what is not and why, and who is called."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reloadls.config import (
    Change,
    ConfigError,
    EnvFile,
    Environment,
    FolderSource,
    InvalidConfiguration,
    JsonFile,
    LiveConfig,
    MappingSource,
    NotRunning,
    Refuse,
    TomlFile,
    UnknownVersion,
    YamlFile,
)
from tests.config.support import Database, Settings, eventually, places, replace, swap_data


async def test_later_sources_win_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text('NAME=env\nPORT=1\nDB__URL=env://\nHOSTS=["a"]\n')
    (tmp_path / "app.toml").write_text('[app]\nport = 2\n[app.db]\nurl = "toml://"\n')
    (tmp_path / "app.json").write_text('{"db": {"pool": 9}}')
    (tmp_path / "app.yaml").write_text("hosts: [x, y]\n")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "debug").write_text("true\n")
    monkeypatch.setenv("APP_DB__URL", "environment://")
    sources = [
        EnvFile(tmp_path / ".env"), TomlFile(tmp_path / "app.toml", table="app"), JsonFile(tmp_path / "app.json"),
        YamlFile(tmp_path / "app.yaml"), FolderSource(tmp_path / "keys"), Environment("APP_"),
        MappingSource({"port": 3}),
    ]  # fmt: skip
    async with LiveConfig(Settings, sources) as config:
        assert config.value == Settings("env", 3, True, Database("environment://", 9), ["x", "y"])
        origins = {key: config.origin(key) for key in ("name", "db.pool", "hosts.1", "debug", "db.url", "port", "none")}
        assert [str(origin).rpartition("/")[2] for origin in origins.values()] == [
            ".env:1:1", "app.json:1:17", "app.yaml:1:12", "debug:1:1", "environment (APP_*)", "mapping", "None",
        ]  # fmt: skip


async def test_a_save_takes_effect_and_calls_back(tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text('name = "a"\nport = 1\n')
    config = LiveConfig(Settings, [TomlFile(file)])
    changes: list[Change[Settings]] = []
    config.on_change(changes.append)
    async with config:
        first = config.value
        assert (config.version, changes) == (1, [])
        replace(file, 'name = "a"\nport = 2\n[db]\npool = 1\n')
        await config.sync()
        assert config.value.port == 2
        assert [(each.old is first, each.new is config.value, each.keys, each.version) for each in changes] == [
            (True, True, ("db.pool", "port"), 2)
        ]
        replace(file, '# other\nport = 2\nname = "a"\n[db]\npool = 1\nurl = "sqlite://"\n')
        await config.sync()
        assert (len(changes), config.version) == (1, 2)
        origin = config.origin("port")
        assert origin is not None
        assert origin.line == 2


async def test_files_are_followed_without_asking(tmp_path: Path) -> None:
    file, other = tmp_path / "app.toml", tmp_path / "sub" / "other.toml"
    file.write_text('name = "a"\n')
    async with LiveConfig(Settings, [TomlFile(file), TomlFile(other, required=False)], debounce_ms=0) as config:
        replace(file, 'name = "b"\n')
        await eventually(lambda: config.value.name == "b")
        other.parent.mkdir()
        other.write_text("port = 7\n")
        await eventually(lambda: config.value.port == 7)
        other.unlink()
        await eventually(lambda: config.value.port == 8080)


async def test_a_kubernetes_volume_is_seen_whole(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    swap_data(volume, 0, {"name": "n0", "db__url": "u0\n", "app.toml": "port = 0"})
    (volume / "..hidden").mkdir()
    sources = [FolderSource(volume, prefix="", delimiter="__"), TomlFile(volume / "app.toml")]
    config = LiveConfig(_as_it_is, sources, debounce_ms=0)
    seen: list[tuple[str, str]] = []

    @config.on_change
    def changed(change: Change[dict[str, Any]]) -> None:
        seen.append((change.new["name"], change.new["db"]["url"]))

    async with config:
        for generation in range(1, 20):
            swap_data(
                volume,
                generation,
                {"name": f"n{generation}", "db__url": f"u{generation}", "app.toml": f"port = {generation}"},
            )
            await config.sync()
            assert config.value["port"] == generation
        assert all(name[1:] == url[1:] for name, url in seen)
        assert len(seen) == 19


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('name = "a"\nport = "x"\n', [("port", "app.toml", 2, 8)]),
        ('name = "a"\n[db]\npool = 1.5\nurl = 3\n', [("db.url", "app.toml", 4, 7), ("db.pool", "app.toml", 3, 8)]),
        ('name = "a"\nhosts = ["x", 2]\n', [("hosts.1", "app.toml", 2, 15)]),
        ('name = "a"\nhosts = "x"\n', [("hosts", "app.toml", 2, 9)]),
        ('name = "a"\nprot = 1\n', [("prot", "app.toml", 2, 8)]),
        ("port = 1\n", [("name", "app.toml", 1, 1)]),
        ('name = "a"\ndb = 3\n', [("db", "app.toml", 2, 6)]),
        ('name = "a"\nport = \n', [("", "app.toml", 2, 8)]),
    ],
)
async def test_what_does_not_validate_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, where: list[Any]
) -> None:
    file = tmp_path / "app.toml"
    file.write_text('name = "a"\n')
    config = LiveConfig(Settings, [TomlFile(file)])
    config.on_change(lambda change: pytest.fail(f"called for {change}"))
    async with config:
        before = config.value
        for _ in range(3):
            replace(file, text)
            await config.sync()
        assert config.value is before
        assert sorted(places(config.problems)) == sorted(where)
        assert all(problem.message for problem in config.problems)
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == len(where)
        replace(file, 'name = "a"\n')
        await config.sync()
        assert config.problems == ()
        assert config.value is before


async def test_a_start_without_a_valid_state_fails_with_all_problems(tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text("port = true\n")
    config = LiveConfig(Settings, [TomlFile(tmp_path / "app.toml")])
    with pytest.raises(InvalidConfiguration, match=r"app.toml:1:8: port: must be a whole number") as caught:
        await config.start()
    assert sorted(problem.key for problem in caught.value.problems) == ["name", "port"]
    assert config.state == "stopped"
    with pytest.raises(NotRunning):
        _ = config.value
    with pytest.raises(ConfigError, match="create a new one"):
        await config.start()
    with pytest.raises(InvalidConfiguration, match="does not exist"):
        await LiveConfig(Settings, [TomlFile(tmp_path / "none.toml")]).start()


async def test_a_callback_refuses(tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text('name = "a"\n')
    config = LiveConfig(Settings, [TomlFile(file)])
    seen: list[tuple[str, str]] = []

    @config.on_change(before=True)
    async def check(change: Change[Settings]) -> None:
        seen.append((config.value.name, change.new.name))
        if change.new.name == "bad":
            raise Refuse("no such tenant")
        if change.new.name == "worse":
            raise ZeroDivisionError

    async with config:
        for name, code in (("bad", "refused"), ("b", None), ("worse", "refused"), ("c", None)):
            replace(file, f'name = "{name}"\n')
            await config.sync()
            assert [problem.code for problem in config.problems] == ([code] if code else [])
        assert config.value.name == "c"
        assert seen == [("a", "bad"), ("a", "b"), ("b", "worse"), ("b", "c")]
        assert config.version == 3


async def test_callbacks_are_isolated_in_order_and_never_twice_at_once(tmp_path: Path) -> None:
    mapping = MappingSource({"name": "0"})
    config = LiveConfig(Settings, [mapping])
    seen: list[str] = []
    running = 0

    @config.on_change
    async def slow(change: Change[Settings]) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        seen.append(f"slow {change.old.name}{change.new.name}")
        running -= 1

    @config.on_change()
    def broken(change: Change[Settings]) -> None:
        raise RuntimeError("broken")

    @config.on_change
    async def cancels(change: Change[Settings]) -> None:
        raise asyncio.CancelledError

    config.on_change(lambda change: seen.append(f"last {change.new.name}"))
    async with config:
        for number in range(1, 6):
            mapping.replace({"name": str(number)})
            await config.sync()
    assert seen == [text for n in range(1, 6) for text in (f"slow {n - 1}{n}", f"last {n}")]


async def test_a_callback_cannot_wait_for_itself() -> None:
    mapping = MappingSource({"name": "0"})
    config = LiveConfig(Settings, [mapping])
    errors: list[str] = []

    @config.on_change
    async def waits(change: Change[Settings]) -> None:
        try:
            await config.sync()
        except RuntimeError as error:
            errors.append(str(error))

    async with config:
        mapping.replace({"name": "1"})
        await config.sync()
    assert errors == ["a callback cannot await sync(): it would wait for itself"]


async def test_a_hold_keeps_its_view_and_no_other(tmp_path: Path) -> None:
    mapping = MappingSource({"name": "0"})
    async with LiveConfig(Settings, [mapping]) as config:
        assert type(config) is LiveConfig  # so that a look-up is one of a plain attribute
        started, go = asyncio.Event(), asyncio.Event()

        async def request() -> tuple[str, str, str]:
            with config.hold() as value:
                first = config.value.name
                started.set()
                await go.wait()
                return first, config.value.name, value.name

        task = asyncio.create_task(request())
        await started.wait()
        mapping.replace({"name": "1"})
        await config.sync()
        assert config.value.name == "1"
        with config.hold():
            assert config.value.name == "1"
        go.set()
        assert await task == ("0", "0", "0")
        assert type(config) is LiveConfig
        assert config.value.name == "1"


async def test_export_mirrors_and_takes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "before")
    for name in ("NAME", "DB__POOL", "HOSTS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text("NAME=a\nPORT=1\n")
    (tmp_path / "app.toml").write_text('hosts = ["x"]\n[db]\npool = 3\n')
    sources = [EnvFile(tmp_path / ".env"), TomlFile(tmp_path / "app.toml"), Environment("X_")]
    async with LiveConfig(Settings, sources, export=True) as config:
        assert [os.environ.get(name) for name in ("NAME", "PORT", "DB__POOL", "HOSTS")] == ["a", "1", "3", '["x"]']
        (tmp_path / ".env").write_text("NAME=b\n")
        await config.sync()
        assert [os.environ.get(name) for name in ("NAME", "PORT")] == ["b", "before"]
        os.environ["NAME"] = "the program's own"
    assert [os.environ.get(name) for name in ("NAME", "PORT", "DB__POOL")] == ["the program's own", "before", None]
    monkeypatch.delenv("NAME")


async def test_what_is_exported_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAME", raising=False)
    (tmp_path / ".env").write_text("NAME=a\n")
    async with LiveConfig(Settings, [EnvFile(tmp_path / ".env"), Environment()], export=True) as config:
        (tmp_path / ".env").write_text("NAME=b\n")
        await config.sync()
        assert config.value.name == os.environ["NAME"] == "b"
        monkeypatch.setenv("NAME", "c")  # now the program has set it
        await config.sync()
        assert config.value.name == "c"
        monkeypatch.delenv("NAME")


async def test_pin_goes_back_and_stays(tmp_path: Path) -> None:
    mapping = MappingSource({"name": "1"})
    async with LiveConfig(Settings, [mapping]) as config:
        for name in ("2", "3"):
            mapping.replace({"name": name})
            await config.sync()
        await config.pin(1)
        assert (config.value.name, config.version, config.status.pinned) == ("1", 4, 1)
        mapping.replace({"name": "5"})
        await config.sync()
        assert config.value.name == "1"
        with pytest.raises(UnknownVersion, match="99"):
            await config.pin(99)
        await config.pin(None)
        assert (config.value.name, config.version) == ("5", 5)


def test_without_a_loop(tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text('name = "a"\n')
    with LiveConfig(Settings, [TomlFile(file)]) as config:
        assert config.value.name == "a"
        file.write_text('name = "b"\n')
        config.sync_wait(30)
        assert config.value.name == "b"
    with pytest.raises(NotRunning):
        config.sync_wait()
    with pytest.raises(InvalidConfiguration), LiveConfig(Settings, []):
        pass


async def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text('name = "a"\n')
    before = asyncio.all_tasks()
    config = LiveConfig(Settings, [TomlFile(tmp_path / "app.toml")])

    @config.on_change
    async def endless(change: Change[Settings]) -> None:
        await asyncio.Event().wait()

    async with config:
        (tmp_path / "app.toml").write_text('name = "b"\n')
        await eventually(lambda: config.value.name == "b")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert config.value.name == "b"  # the last one stays readable


def _as_it_is(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values)


def _function(values: Mapping[str, Any]) -> Any:
    if values["port"] > 10:
        raise ValueError("the port is too high")
    return ("made", values["port"])


async def test_a_function_is_a_model(tmp_path: Path) -> None:
    mapping = MappingSource({"port": 1})
    async with LiveConfig(_function, [mapping]) as config:
        assert config.value == ("made", 1)
        mapping.replace({"port": 11})
        await config.sync()
        assert [problem.message for problem in config.problems] == ["ValueError: the port is too high"]
        mapping.replace({})
        await config.sync()
        assert [(problem.key, problem.code) for problem in config.problems] == [("port", "missing")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LiveConfig(3), "must be a pydantic model"),  # type: ignore[arg-type]
        (lambda: LiveConfig(Settings, MappingSource()), "must be a list"),  # type: ignore[arg-type]
        (lambda: LiveConfig(Settings, [3]), "source int"),  # type: ignore[list-item]
        (lambda: LiveConfig(Settings, [MappingSource(), MappingSource()]), "there twice"),
        (lambda: LiveConfig(Settings, debounce_ms=-1), "debounce_ms"),
        (lambda: LiveConfig(Settings, together=True), "needs a group"),
    ],
)
def test_wrong_arguments(make: Callable[[], object], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make()
