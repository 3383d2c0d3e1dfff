"""`reloadls config`, as a user runs it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from reloadls.config import LiveConfig, TomlFile
from tests.cli.running import command, environment, finish
from tests.config.support import Settings, replace

MODEL = """
from dataclasses import dataclass, field
from reloadls.config import LiveConfig, TomlFile, Environment

@dataclass
class Db:
    url: str = ""
    password: str = ""

@dataclass
class Settings:
    name: str
    port: int = 80
    db: Db = field(default_factory=Db)

config = LiveConfig(Settings, [TomlFile("app.toml", table="app"), Environment("APP_")], group="never-joined")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text(MODEL)
    (tmp_path / "app.toml").write_text('[app]\nname = "a"\nport = 1\n[app.db]\npassword = "s3cret"\n')
    (tmp_path / "more.json").write_text('{"port": 2}')
    return tmp_path


def test_check_prints_every_error_at_its_line(folder: Path) -> None:
    done = finish("config", "check", "app.toml", "--table", "app", "--model", "settings:Settings", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "reloadls: valid\n")
    (folder / "app.toml").write_text('port = "x"\nwrong = 1\n')
    (folder / "more.json").write_text('{"port": }')
    done = finish("config", "check", "app.toml", "more.json", "--model", "settings:Settings", cwd=folder)
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == [
        f"{folder}/app.toml:1:8: port: must be a whole number",
        f"{folder}/app.toml:2:9: wrong: unknown key: the model has none of that name",
        f"{folder}/more.json:1:10: a value is expected here",
    ]
    assert done.stderr == "reloadls: 3 problems\n"
    done = finish("config", "check", "--model", "settings:config", "--json", cwd=folder)
    assert [(each["key"], each["line"]) for each in json.loads(done.stdout)] == [("name", 1)]


def test_show_says_where_each_value_comes_from(folder: Path) -> None:
    done = finish("config", "show", "--model", "settings:config", cwd=folder, APP_DB__URL="postgres://u:pw@h/d")
    assert done.returncode == 0
    rows = [line.partition("  # ") for line in done.stdout.splitlines()]
    assert [(text.rstrip(), origin) for text, _, origin in rows] == [
        ("name = 'a'", "app.toml:2:8"),
        ("port = 1", "app.toml:3:8"),
        ("db.password = ********", "app.toml:5:12"),
        ("db.url = 'postgres://u:********@h/d'", "environment (APP_*)"),
    ]
    assert "s3cret" not in done.stdout + done.stderr
    assert "pw@" not in done.stdout
    done = finish("config", "show", "more.json", "--json", cwd=folder)
    assert json.loads(done.stdout) == {"port": {"value": "2", "origin": f"{folder}/more.json:1:10"}}


def test_watch_prints_changes_and_problems(folder: Path) -> None:
    arguments = command("config", "watch", "--model", "settings:config", "--json")
    with subprocess.Popen(
        arguments, cwd=folder, env=environment(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        lines = (json.loads(line) for line in process.stdout)
        assert next(lines) == {"type": "ready", "version": 1}
        replace(folder / "app.toml", '[app]\nname = "b"\nport = 1\n[app.db]\npassword = "s3cret"\n')
        assert next(lines) == {"type": "change", "version": 2, "keys": ["name"]}
        replace(folder / "app.toml", "[app]\nname = 3\n")
        problems = next(lines)
        assert [(each["key"], each["line"], each["column"]) for each in problems["problems"]] == [("name", 2, 8)]
        replace(folder / "app.toml", '[app]\nname = "b"\nport = 1\n[app.db]\npassword = "s3cret"\n')
        assert next(lines) == {"type": "problems", "problems": []}
        process.terminate()
        assert process.wait(30) == 0


async def test_status_and_rollback_of_a_group(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
    file = folder / "plain.toml"
    file.write_text('name = "1"\n')

    async def run(*args: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(finish, "config", *args, cwd=folder)

    assert (await run("status")).stdout.startswith("No group of workers runs here")
    config = LiveConfig(Settings, [TomlFile(file)], group="app")
    async with config, LiveConfig(Settings, [TomlFile(file)], group="app") as follower:
        for name in ("2", "3"):
            replace(file, f'name = "{name}"\n')
            await follower.sync()
        done = await run("status", "--json")
        (group,) = json.loads(done.stdout)
        assert (done.returncode, group["version"], group["versions"]) == (0, 3, [1, 2, 3])
        assert [member["version"] for member in group["members"]] == [3, 3]
        done = await run("rollback")
        assert (done.returncode, done.stdout) == (0, "pinned to version 2\n")
        await follower.sync()
        assert config.value.name == follower.value.name == "2"
        assert "pinned to version 2" in (await run("status", "app")).stdout
        done = await run("rollback", "app", "--to", "77")
        assert (done.returncode, "77" in done.stderr) == (1, True)
        assert (await run("rollback", "--follow")).stdout == "following the sources again\n"
        await follower.sync()
        assert config.value.name == follower.value.name == "3"
        replace(file, "name = 3\n")
        await follower.sync()
        done = await run("status")
        assert done.returncode == 1
        assert f"problem: {file}:1:8: name: must be text" in done.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["check"], "'FILE': is missing; name a file"),
        (["check", "x.ini"], "'x.ini' must be a folder, an http(s) URL, or end in .env"),
        (["check", "x.toml", "--model", "nothing"], "must be MODULE:NAME"),
        (["check", "x.toml", "--model", "nothing:Here"], "can't be imported"),
        (["check", "x.toml", "x.toml"], "names must differ"),
        (["rollback", "none"], "is not the name of a group that runs here"),
        (["nothing"], "No such command"),
    ],
)
def test_wrong_arguments(tmp_path: Path, args: list[str], message: str) -> None:
    done = finish("config", *args, cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Try 'reloadls config" in done.stderr


def test_the_import_needs_no_extra(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('yaml', 'dotenv', 'pydantic', 'attrs', 'cattrs', 'attr'), None))\n"
        "from reloadls.config import *\n"
        "open('a.yaml', 'w').write('a: 1'); open('.env', 'w').write('A=1')\n"
        "for source in (YamlFile('a.yaml'), EnvFile('.env')):\n"
        "    try:\n"
        "        LiveConfig(lambda values: values, [source]).__enter__()\n"
        "    except MissingExtra as error:\n"
        "        print(error)\n"
        "with LiveConfig(lambda values: values, [MappingSource({'a': 1})]) as config:\n"
        "    print(config.value)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "a YAML source needs PyYAML, which is not installed: pip install 'reloadls[config]'",
        "EnvFile needs python-dotenv, which is not installed: pip install 'reloadls[config]'",
        "{'a': 1}",
    ]
