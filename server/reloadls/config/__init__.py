"""Live configuration: it follows its sources, is validated, and takes effect all or nothing.

    config = LiveConfig(Settings, [EnvFile(".env"), TomlFile("app.toml"), Environment("APP_")])

    async with config:
        config.value.port

The import needs nothing but the standard library. `EnvFile` and `YamlFile` need the extra ``config``; pydantic is used
if the model is one of its.
"""

from __future__ import annotations

from reloadls.config.errors import (
    ConfigError,
    InvalidConfiguration,
    MissingExtra,
    NotRunning,
    Refuse,
    SourceFailed,
    UnknownVersion,
)
from reloadls.config.live import LiveConfig
from reloadls.config.problem import Problem
from reloadls.config.redis.source import RedisSource
from reloadls.config.running.callbacks import Change
from reloadls.config.running.fetching import SourceStatus
from reloadls.config.source import LocalSource, MemberState, Part, Place, Reports, Source, Text
from reloadls.config.sources.documents import JsonFile, TomlFile, YamlFile
from reloadls.config.sources.env_file import EnvFile
from reloadls.config.sources.environment import Environment
from reloadls.config.sources.folder import FolderSource
from reloadls.config.sources.http import HttpSource
from reloadls.config.sources.mapping import MappingSource
from reloadls.config.status import ConfigStatus
from reloadls.config.values.merge import Origin

__all__ = [
    "Change",
    "ConfigError",
    "ConfigStatus",
    "EnvFile",
    "Environment",
    "FolderSource",
    "HttpSource",
    "InvalidConfiguration",
    "JsonFile",
    "LiveConfig",
    "LocalSource",
    "MappingSource",
    "MemberState",
    "MissingExtra",
    "NotRunning",
    "Origin",
    "Part",
    "Place",
    "Problem",
    "RedisSource",
    "Refuse",
    "Reports",
    "Source",
    "SourceFailed",
    "SourceStatus",
    "Text",
    "TomlFile",
    "UnknownVersion",
    "YamlFile",
]
