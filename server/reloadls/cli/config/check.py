"""`reloadls config check`: validate configuration files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from reloadls.terminal.endings import FAILED, OK
from reloadls.terminal.text import json_line

from .inputs import Environments, Files, ModelName, TableName, make_config

__all__ = ["check"]


def check(
    files: Files = None,
    *,
    model: ModelName = None,
    table: TableName = "",
    env: Environments = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of problems.")] = False,
) -> Callable[[], int]:
    """Validate configuration files together, later ones winning key by key; print every error at its line.

    The exit code is 1 if something is wrong. Without --model only the files themselves are checked.

    Examples:

    \b
      reloadls config check app.toml --model app.settings:Settings
      reloadls config check base.yaml prod.yaml .env --env APP_ --model app.settings:Settings
      reloadls config check --model app.main:config       the sources of a LiveConfig
    """

    def run() -> int:
        import asyncio  # noqa: PLC0415 - not for --help

        from reloadls.config.running.once import load_once  # noqa: PLC0415

        config = make_config(files, model, table, env)
        _, problems = asyncio.run(load_once(config.model, config.sources))
        if json:
            sys.stdout.write(json_line([asdict(problem) for problem in problems]))
        else:
            sys.stdout.write("".join(f"{problem}\n" for problem in problems))
            count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "valid"
            sys.stderr.write(f"reloadls: {count}\n")
        return FAILED if problems else OK

    return run
