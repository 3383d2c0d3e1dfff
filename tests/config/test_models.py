"""pydantic models, attrs classes and dataclasses: what they take, and where what they refuse stands."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import pytest

from reloadls.config import EnvFile, Environment, InvalidConfiguration, JsonFile, LiveConfig, MappingSource, TomlFile
from tests.config.support import places

pytest.importorskip("pydantic")
pytest.importorskip("pydantic_settings")

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Postgres(BaseModel):
    kind: Literal["postgres"]
    port: int = 5432


class Sqlite(BaseModel):
    kind: Literal["sqlite"]
    path: str


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    tags: list[str] = Field(default_factory=list)
    limits: dict[str, int] = Field(default_factory=dict)
    db: Postgres | Sqlite | None = None
    level: Literal["debug", "info"] = "info"
    public_url: str = Field("", alias="publicUrl")
    password: SecretStr | None = None


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('name = "a"\nratio = 2.0\n', ("ratio", 2, 9), "must be less than or equal to 1"),
        ('name = "a"\nlevel = "x"\n', ("level", 2, 9), "'debug' or 'info'"),
        ('name = "a"\ntags = ["a",\n 3]\n', ("tags.1", 3, 2), "valid string"),
        ('name = "a"\n[limits]\nx = 1\ny = "z"\n', ("limits.y", 4, 5), "valid integer"),
        ('name = "a"\n[db]\nkind = "postgres"\nport = "x"\n', ("db.port", 4, 8), "valid integer"),
        ('name = "a"\nunknown = 1\n', ("unknown", 2, 11), "unknown key"),
        ("ratio = 1\n", ("name", 1, 1), "missing"),
    ],
)
async def test_pydantic_mistakes_at_their_place(
    tmp_path: Path, text: str, where: tuple[str, int, int], words: str
) -> None:
    file = tmp_path / "app.toml"
    file.write_text(text)
    with pytest.raises(InvalidConfiguration) as caught:
        await LiveConfig(Model, [TomlFile(file)]).start()
    found = [(problem.key, problem.line, problem.column) for problem in caught.value.problems]
    assert where in found
    assert words in str(caught.value)


async def test_variables_take_the_model_s_names_and_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text('NAME=a\nTAGS=["x","y"]\nLIMITS__CPU=3\nPUBLICURL=https://x\nRATIO=0.25\n')
    for name in (*Model.model_fields, "publicUrl"):
        for each in (name, name.upper()):
            monkeypatch.delenv(each, raising=False)  # of the machine
    monkeypatch.setenv("limits", '{"ram": 5}')
    monkeypatch.setenv("UNKNOWN_OF_OTHERS", "1")
    async with LiveConfig(Model, [EnvFile(tmp_path / ".env"), Environment()]) as config:
        assert config.value == Model(
            name="a", tags=["x", "y"], limits={"cpu": 3, "ram": 5}, publicUrl="https://x", ratio=0.25
        )
        assert config.value.public_url == "https://x"
        assert type(config.value.name) is str


async def test_base_settings_read_nothing_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("X_NAME=from its own file\n")
    monkeypatch.setenv("X_NAME", "from its own environment")

    class Settings(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="X_", env_file=".env")
        name: str = "default"
        port: int = 1

    async with LiveConfig(Settings, [MappingSource({"port": 2})]) as config:
        assert config.value.port == 2
        assert config.value.name == "default"
        assert type(config.value) is Settings


@attrs.frozen
class Inner:
    a: int
    when: datetime.date | None = None


@attrs.define
class Attrs:
    name: str
    inner: Inner
    pair: tuple[int, str] = (0, "")
    many: dict[str, list[Inner]] = attrs.field(factory=dict)
    either: int | str = 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "a", "inner": {"a": 1}}, Attrs("a", Inner(1))),
        ({"name": "a", "inner": {"a": 1, "when": "2026-11-27"}}, Attrs("a", Inner(1, datetime.date(2026, 11, 27)))),
        (
            {"name": "a", "inner": {"a": 1}, "pair": [1, "x"], "many": {"k": [{"a": 2}]}, "either": "7"},
            Attrs("a", Inner(1), (1, "x"), {"k": [Inner(2)]}, "7"),
        ),
        ({"name": 1, "inner": {"a": 1}}, ["name"]),
        ({"name": "a", "inner": {"a": True}}, ["inner.a"]),
        ({"name": "a", "inner": {"a": 1.0}}, ["inner.a"]),
        ({"name": "a", "inner": 3}, ["inner"]),
        ({"name": "a", "inner": {"b": 3}}, ["inner.a", "inner.b"]),
        ({"name": "a", "inner": {"a": 1}, "pair": [1]}, ["pair"]),
        ({"name": "a", "inner": {"a": 1}, "pair": ["x", 2]}, ["pair.0", "pair.1"]),
        ({"name": "a", "inner": {"a": 1}, "many": {"k": [{"a": 2}, {"a": "x"}]}}, ["many.k.1.a"]),
        ({"name": "a", "inner": {"a": 1}, "either": 1.5}, ["either"]),
    ],
)
async def test_attrs_strictly(values: dict[str, Any], expected: Any) -> None:
    config = LiveConfig(Attrs, [MappingSource(values)])
    if isinstance(expected, Attrs):
        async with config:
            assert config.value == expected
    else:
        with pytest.raises(InvalidConfiguration) as caught:
            await config.start()
        assert sorted(problem.key for problem in caught.value.problems) == expected


@dataclass
class Flags:
    on: bool
    count: int = 0
    share: float = 0.0
    name: str = ""
    maybe: int | None = None
    items: list[int] = field(default_factory=list)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ON=true", Flags(True)),
        ("ON=0\nCOUNT=-3\nSHARE=1e-3\nNAME=5\nMAYBE=\nITEMS=[1,2]", Flags(False, -3, 0.001, "5", None, [1, 2])),
        ("ON=maybe", ["on"]),
        ("ON=1\nCOUNT=1.5\nITEMS=1,2", ["count", "items"]),
        ("ON=1\nITEMS=[1,true]", ["items.1"]),
    ],
)
async def test_text_of_variables_becomes_what_a_dataclass_has(tmp_path: Path, text: str, expected: Any) -> None:
    (tmp_path / ".env").write_text(text)
    config = LiveConfig(Flags, [EnvFile(tmp_path / ".env")])
    if isinstance(expected, Flags):
        async with config:
            assert config.value == expected
    else:
        with pytest.raises(InvalidConfiguration) as caught:
            await config.start()
        assert sorted(problem.key for problem in caught.value.problems) == expected
        assert all(line for _, _, line, _ in places(caught.value.problems))


async def test_the_object_shares_nothing_with_its_sources(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"x": [1], "y": {}}')

    def make(values: Any) -> Any:
        return values

    async with LiveConfig(make, [JsonFile(tmp_path / "a.json")]) as config:
        config.value["x"].append(2)
        await config.sync()
        assert config.problems == ()
        origin = config.origin("x.0")
        assert origin is not None
        assert config.origin("x.1") is None
