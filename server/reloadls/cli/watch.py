"""`reloadls watch`: print what changes."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from reloadls.watch.flush import Pacing
from reloadls.watch.scope import Scope
from reloadls.watch.sources.make import SOURCE_NAMES

from .arguments import BadArgument, one_of, pattern, seconds, watched_path, whole_number
from .watch_command import BUSY, CommandPlan, signal_number
from .watch_lines import TYPES
from .watch_run import Plan, run_watch

__all__ = ["watch"]


def watch(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH...] [-- COMMAND [ARGS...]]",
            help="Files and folders, there already or not yet; this folder if none is given. After '--' what to run.",
            show_default=False,
        ),
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
    poll: Annotated[
        bool | None,
        typer.Option(
            "--poll/--no-poll",
            help="Look again and again.  [default: only on network, FUSE and container file systems]",
        ),
    ] = None,
    poll_delay_ms: Annotated[
        str, typer.Option(metavar="N", show_default=True, help="Time between two looks, 50 to 60000.")
    ] = "300",
    source: Annotated[
        str, typer.Option(metavar="S", show_default=True, help=f"Where events come from: {', '.join(SOURCE_NAMES)}.")
    ] = "auto",
    on_busy: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            show_default=True,
            help="A change while COMMAND runs: restart it, queue one more run, or ignore the change.",
        ),
    ] = "restart",
    signal: Annotated[
        str, typer.Option(metavar="SIG", show_default=True, help="What COMMAND is sent to end, such as SIGINT.")
    ] = "SIGTERM",
    stop_timeout: Annotated[
        str, typer.Option(metavar="S", show_default=True, help="How long COMMAND may take to end before it is killed.")
    ] = "10",
    clear: Annotated[bool, typer.Option("--clear", help="Clear the terminal before each run of COMMAND.")] = False,
) -> Callable[[], int]:
    """Print what changes, or run a command after each change, until Ctrl-C.

    Each file is reported once per quiet window, with its net change.

    What git ignores is left out (.gitignore, .git/info/exclude, core.excludesFile), and so are version control
    folders, bytecode, virtual environments, node_modules and editors' temporary files.

    Examples:

    \b
      reloadls watch
      reloadls watch src tests --include '*.py'
      reloadls watch --once --type modified && make
      reloadls watch --json --timeout 60 | jq -r 'select(.type == "created").path'
      reloadls watch src tests --include '*.py' --on-busy queue -- pytest -q
      reloadls watch docs --clear -- make html

    With --json the first lines say what is there, {"type": "snapshot", "path": …, "uri": …}, up to {"type": "ready"};
    then each change is {"type": "created", "path": …, "uri": …, "at": "2026-01-31T12:00:00.123Z"}. Nothing is lost in
    between.

    COMMAND runs at the start and after each batch of changes, in a process group of its own that is ended as a whole,
    with nothing on its standard input. RELOADLS_CHANGED holds the changed paths, one a line: none at the start, and
    the watched paths themselves if it would be over 64 KiB or a name holds a line break. No shell reads COMMAND; for
    one, use: -- sh -c '…'. What COMMAND writes itself starts it again, unless git ignores it or --exclude does. With
    --once, --max-events and --timeout the exit code is COMMAND's.
    """
    debounce = whole_number("--debounce-ms", debounce_ms, low=1, high=60_000)
    used = one_of("--source", source, SOURCE_NAMES)
    scope = Scope(
        [watched_path(path) for path in paths or ["."]],
        include=[pattern("--include", text) for text in include or ()],
        exclude=[pattern("--exclude", text) for text in exclude or ()],
        use_gitignore=not no_gitignore,
    )
    command = _command(ctx.obj or (), scope, on_busy, signal, stop_timeout, clear=clear)
    if command is not None and json:
        raise BadArgument("COMMAND", shlex.join(ctx.obj), "can't be used with --json: their outputs would be mixed")
    plan = Plan(
        scope=scope,
        pacing=Pacing(
            debounce / 1000,
            _max_wait(max_wait_ms, debounce) / 1000,
            whole_number("--poll-delay-ms", poll_delay_ms, low=50, high=60_000) / 1000,
            "polling" if poll else used,
            polls_served=poll is None,
        ),
        as_json=json,
        types=frozenset(one_of("--type", text, TYPES) for text in types or TYPES),
        once=once,
        timeout=None if timeout is None else seconds("--timeout", timeout),
        max_events=None if max_events is None else whole_number("--max-events", max_events, low=1),
        command=command,
    )
    return lambda: asyncio.run(run_watch(plan))


def _command(
    argv: Sequence[str], scope: Scope, on_busy: str, signal: str, stop_timeout: str, *, clear: bool
) -> CommandPlan | None:
    busy, number = one_of("--on-busy", on_busy, BUSY), signal_number("--signal", signal)
    timeout = seconds("--stop-timeout", stop_timeout)
    if not argv:
        return None
    clear = clear and sys.stdout.isatty()
    return CommandPlan(
        argv=argv, on_busy=busy, stop_signal=number, stop_timeout=timeout, clear=clear, roots=scope.roots
    )


def _max_wait(text: str | None, debounce: int) -> int:
    if text is None:
        return max(2000, debounce)
    wait = whole_number("--max-wait-ms", text, low=1)
    if wait < debounce:
        raise BadArgument("--max-wait-ms", text, f"must be at least --debounce-ms ({debounce})")
    return wait
