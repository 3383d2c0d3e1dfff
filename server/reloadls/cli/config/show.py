"""`reloadls config show`: the effective values, each with its origin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from reloadls.terminal.endings import FAILED, OK
from reloadls.terminal.text import json_line, relative, shown, working_folder

from .inputs import Environments, Files, ModelName, TableName, make_config

__all__ = ["show"]


def show(
    files: Files = None,
    *,
    model: ModelName = None,
    table: TableName = "",
    env: Environments = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object: each key with its value and origin.")
    ] = False,
) -> Callable[[], int]:
    """Show the effective values of a configuration, each with the file and line that it comes from.

    Secrets are hidden: keys named like password, token, secret, key or credential, and secret types of the model.

    Examples:

    \b
      reloadls config show base.yaml prod.yaml .env
      reloadls config show --model app.main:config
    """

    def run() -> int:
        import asyncio  # noqa: PLC0415 - not for --help

        from reloadls.config.running.once import load_once  # noqa: PLC0415
        from reloadls.config.values.keys import dotted, leaves  # noqa: PLC0415
        from reloadls.config.values.secrets import shown_value  # noqa: PLC0415

        config = make_config(files, model, table, env)
        candidate, problems = asyncio.run(load_once(config.model, config.sources))
        rows = []
        for key, value in leaves(candidate.merged.values):
            if key:
                origin = candidate.merged.origin(key)
                hidden = config.model.shape.hides(key) or _holds_secret(config.model.shape, key, value)
                rows.append((dotted(key), shown_value(value, secret=hidden), "" if origin is None else str(origin)))
        _print(rows, as_json=json)
        for problem in problems:
            sys.stderr.write(f"reloadls: {problem}\n")
        return FAILED if problems else OK

    return run


def _holds_secret(shape: Any, key: tuple[Any, ...], value: Any) -> bool:
    """Whether something inside a list is a secret."""
    if isinstance(value, list):
        return any(_holds_secret(shape, (*key, index), each) for index, each in enumerate(value))
    if isinstance(value, dict):
        return any(_holds_secret(shape, (*key, name), each) for name, each in value.items())
    return bool(shape.hides(key))


def _print(rows: list[tuple[str, str, str]], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_line({key: {"value": value, "origin": origin} for key, value, origin in rows}))
        return
    folder = working_folder()
    width = max((len(f"{key} = {value}") for key, value, _ in rows), default=0)
    for key, value, origin in rows:
        text = shown(f"{key} = {value}")
        sys.stdout.write(f"{text:<{min(width, 60)}}  # {shown(relative(origin, folder))}\n")
