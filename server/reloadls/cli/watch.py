"""`reloadls watch`: print what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from reloadls.watch.flush import Pacing
from reloadls.watch.scope import Scope
from reloadls.watch.sources.make import SOURCE_NAMES

from .arguments import BadArgument, existing_path, one_of, pattern, seconds, whole_number
from .watch_lines import TYPES
from .watch_run import Plan, run_watch

__all__ = ["watch"]


def watch(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files and folders; this folder if none is given.")
    ] = None,
    *,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line: what is there, then changes.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End after the first change (or all that come with it).")
    ] = False,
    timeout: Annotated[str | None, typer.Option(metavar="S", help="End after S seconds of watching.")] = None,
    max_events: Annotated[str | None, typer.Option(metavar="N", help="End after N changes.")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help=f"Print only these: {', '.join(TYPES)}.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="P", help="Only what matches this gitignore pattern, such as '*.py'.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="P", help="Leave out what matches; '!P' takes back a built-in one.")
    ] = None,
    no_gitignore: Annotated[bool, typer.Option("--no-gitignore", help="Watch what git ignores, too.")] = False,
    debounce_ms: Annotated[
        str, typer.Option(metavar="N", show_default=True, help="Quiet time after a change, 1 to 60000.")
    ] = "200",
    max_wait_ms: Annotated[
        str | None, typer.Option(metavar="N", help="Longest wait in a busy tree.  [default: 2000]")
    ] = None,
    poll: Annotated[bool, typer.Option("--poll", help="Look again and again; for network drives.")] = False,
    poll_delay_ms: Annotated[
        str, typer.Option(metavar="N", show_default=True, help="Time between two looks, 50 to 60000.")
    ] = "300",
    source: Annotated[
        str, typer.Option(metavar="S", show_default=True, help=f"What to be told by: {', '.join(SOURCE_NAMES)}.")
    ] = "auto",
) -> Callable[[], int]:
    """Print what changes, until Ctrl-C.

    Each file is told once per quiet window, with its net change.

    What git ignores is left out (.gitignore, .git/info/exclude, core.excludesFile), and so are version control
    folders, bytecode, virtual environments, node_modules and editors' temporary files.

    Examples:

    \b
      reloadls watch
      reloadls watch src tests --include '*.py'
      reloadls watch --once --type modified && make
      reloadls watch --json --timeout 60 | jq -r 'select(.type == "created").path'

    With --json the first lines say what is there, {"type": "snapshot", "path": …, "uri": …}; then each change is
    {"type": "created", "path": …, "uri": …, "at": "2026-01-31T12:00:00.123Z"}. Nothing is lost in between.
    """
    debounce = whole_number("--debounce-ms", debounce_ms, low=1, high=60_000)
    used = one_of("--source", source, SOURCE_NAMES)
    scope = Scope(
        [existing_path(path) for path in paths or ["."]],
        include=[pattern("--include", text) for text in include or ()],
        exclude=[pattern("--exclude", text) for text in exclude or ()],
        use_gitignore=not no_gitignore,
    )
    plan = Plan(
        scope=scope,
        pacing=Pacing(
            debounce / 1000,
            _max_wait(max_wait_ms, debounce) / 1000,
            whole_number("--poll-delay-ms", poll_delay_ms, low=50, high=60_000) / 1000,
            "polling" if poll else used,
        ),
        as_json=json,
        types=frozenset(one_of("--type", text, TYPES) for text in types or TYPES),
        once=once,
        timeout=None if timeout is None else seconds("--timeout", timeout),
        max_events=None if max_events is None else whole_number("--max-events", max_events, low=1),
    )
    return lambda: asyncio.run(run_watch(plan))


def _max_wait(text: str | None, debounce: int) -> int:
    if text is None:
        return max(2000, debounce)
    wait = whole_number("--max-wait-ms", text, low=1)
    if wait < debounce:
        raise BadArgument("--max-wait-ms", text, f"must be at least --debounce-ms ({debounce})")
    return wait
