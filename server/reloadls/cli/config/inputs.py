"""From arguments to sources and a model."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reloadls.cli.arguments import bad_argument

if TYPE_CHECKING:
    from reloadls.config import LiveConfig
    from reloadls.config.source import AnySource

__all__ = ["Environments", "Files", "ModelName", "TableName", "make_config"]

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE...]",
        help="Sources, the weakest first: .env, .toml, .json and .yaml files, folders, and http(s) URLs.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODULE:NAME",
        help="What validates: a model, a function, or a LiveConfig, whose sources are then used without FILE.",
    ),
]
TableName = Annotated[
    str, typer.Option("--table", metavar="NAME", help="The table of the files that holds the configuration.")
]
Environments = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="PREFIX", help="Also variables of the environment with this prefix; repeatable."),
]

_DOCUMENTS = {".toml": "TomlFile", ".json": "JsonFile", ".yaml": "YamlFile", ".yml": "YamlFile"}


def make_config(
    files: Sequence[str] | None, model: str | None, table: str, environments: Sequence[str] | None
) -> LiveConfig[Any]:
    """Return the configuration that the arguments describe.

    Raises:
        BadParameter: an argument is wrong.
    """
    from reloadls.config import LiveConfig  # noqa: PLC0415 - not for --help

    found = _as_it_is if model is None else _imported(model)
    sources: list[AnySource] = [_source(file, table) for file in files or ()]
    if isinstance(found, LiveConfig):  # not itself, which may be a member of a group
        sources = sources or list(found.sources)
        found = found.settings
    if not sources and not environments:
        raise bad_argument("FILE", None, "is missing; name a file, or with --model a LiveConfig.")
    try:
        return LiveConfig(found, [*sources, *map(_environment, environments or ())])
    except TypeError as error:
        raise bad_argument("--model", model or "", f"is nothing that validates: {error}") from None
    except ValueError as error:
        raise bad_argument("FILE", None, str(error)) from None


def _as_it_is(values: Mapping[str, Any]) -> Any:
    return values


def _source(file: str, table: str) -> AnySource:
    from reloadls import config  # noqa: PLC0415 - not for --help

    if file.lower().startswith(("http://", "https://")):
        return config.HttpSource(file, table=table)
    if os.path.isdir(file):
        return config.FolderSource(file)
    ending = os.path.splitext(file)[1].lower()
    if ending in _DOCUMENTS:
        made: AnySource = getattr(config, _DOCUMENTS[ending])(file, table=table)
        return made
    name = os.path.basename(file)
    if ending == ".env" or name == ".env" or name.startswith(".env."):
        return config.EnvFile(file)
    raise bad_argument("FILE", file, "must be a folder, an http(s) URL, or end in .env, .toml, .json, .yaml or .yml.")


def _environment(prefix: str) -> AnySource:
    from reloadls.config import Environment  # noqa: PLC0415 - not for --help

    return Environment(prefix)


def _imported(text: str) -> Any:
    module, mark, name = text.partition(":")
    if not mark or not module or not name:
        raise bad_argument("--model", text, "must be MODULE:NAME, such as app.settings:Settings.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for step in name.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError) as error:
        raise bad_argument("--model", text, f"can't be imported: {error}.") from None
    return found
