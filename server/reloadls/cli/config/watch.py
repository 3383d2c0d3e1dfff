"""`reloadls config watch`: changes of a configuration as they come."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from reloadls.terminal.endings import FAILED, OK
from reloadls.terminal.text import json_line, shown

from .inputs import Environments, Files, ModelName, TableName, make_config

__all__ = ["watch"]


def watch(
    files: Files = None,
    *,
    model: ModelName = None,
    table: TableName = "",
    env: Environments = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> Callable[[], int]:
    """Follow a configuration, and print which keys change and what is wrong, until Ctrl-C.

    With --json each line is {"type": "ready"}, {"type": "change", "version": …, "keys": […]} or
    {"type": "problems", "problems": […]}, whose list is empty once all are solved. Values are not printed.

    Examples:

    \b
      reloadls config watch app.toml .env --model app.settings:Settings
      reloadls config watch --model app.main:config --json
    """

    def run() -> int:
        import asyncio  # noqa: PLC0415 - not for --help

        return asyncio.run(_follow(make_config(files, model, table, env), as_json=json))

    return run


async def _follow(config: Any, *, as_json: bool) -> int:
    import asyncio  # noqa: PLC0415 - not for --help

    from reloadls.config import InvalidConfiguration  # noqa: PLC0415
    from reloadls.terminal.signals import on_closed_pipe, on_ending_signal  # noqa: PLC0415

    ended = asyncio.Event()
    lines = _Lines(as_json=as_json)
    config.on_change(lines.change)
    config.on_problems(lambda: lines.problems(config.problems))
    with on_ending_signal(ended.set), on_closed_pipe(1, ended.set):
        try:
            await config.start()
        except InvalidConfiguration as error:
            lines.problems(error.problems)
            return FAILED
        lines.ready(config.version)
        await ended.wait()
        await config.stop()
    return OK


class _Lines:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def ready(self, version: int) -> None:
        self._write({"type": "ready", "version": version}, [f"following, version {version}"])

    def change(self, change: Any) -> None:
        keys = list(change.keys)
        line = {"type": "change", "version": change.version, "keys": keys}
        self._write(line, [f"version {change.version}: {', '.join(map(shown, keys)) or 'changed'}"])

    def problems(self, problems: Any) -> None:
        line = {"type": "problems", "problems": [asdict(problem) for problem in problems]}
        self._write(line, [str(problem) for problem in problems] or ["no problems"])

    def _write(self, line: dict[str, Any], texts: list[str]) -> None:
        sys.stdout.write(json_line(line) if self._as_json else "".join(f"{text}\n" for text in texts))
        sys.stdout.flush()
