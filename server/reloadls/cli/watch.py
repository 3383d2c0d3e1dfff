"""`reloadls watch`: print changes, or run a command after them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from signal import SIGTERM
from typing import Annotated, get_args

import typer

from reloadls.base.choices import ChangeType, SourceName

from .arguments import MAX_MS, OnBusy, bad_argument, change_type, pattern, seconds, signal_number, watched_path

__all__ = ["watch"]

_MAX_WAIT_MS = 2000


def watch(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH...] [-- COMMAND [ARGS...]]",
            parser=watched_path,
            help="Files and folders, existing or not yet; this folder if none is given. COMMAND follows '--'.",
            show_default=False,
        ),
    ] = None,
    *,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line: the files, then the changes.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Exit after the first batch of changes.")] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", parser=seconds, help="Exit after S seconds of watching.")
    ] = None,
    max_events: Annotated[int | None, typer.Option(metavar="N", min=1, help="Exit after N changes.")] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            parser=change_type,
            autocompletion=lambda: get_args(ChangeType),
            help=f"Report only this type: {', '.join(get_args(ChangeType))}; repeatable.",
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P", parser=pattern, help="Watch only what matches this gitignore pattern, such as '*.py'."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="P", parser=pattern, help="Ignore what matches; '!P' takes back a built-in pattern."),
    ] = None,
    no_gitignore: Annotated[bool, typer.Option("--no-gitignore", help="Watch what git ignores as well.")] = False,
    debounce_ms: Annotated[
        int, typer.Option(metavar="N", min=1, max=MAX_MS, help="Quiet time after a change, in milliseconds.")
    ] = 200,
    max_wait_ms: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Longest wait in a busy tree, in milliseconds.  [default: 2000]"),
    ] = None,
    poll: Annotated[
        bool | None,
        typer.Option(
            "--poll/--no-poll",
            help="Poll instead of using notifications.  [default: on network, FUSE and container file systems]",
        ),
    ] = None,
    poll_delay_ms: Annotated[
        int, typer.Option(metavar="N", min=50, max=MAX_MS, help="Time between two polls, in milliseconds.")
    ] = 300,
    source: Annotated[SourceName, typer.Option(help="How changes are detected.")] = "auto",
    on_busy: Annotated[
        OnBusy, typer.Option(help="On a change while COMMAND runs: restart it, queue one run, or ignore the change.")
    ] = "restart",
    signal: Annotated[
        int,
        typer.Option(
            metavar="SIG",
            parser=signal_number,
            show_default="SIGTERM",
            help="The signal that ends COMMAND, such as SIGINT.",
        ),
    ] = SIGTERM,
    stop_timeout: Annotated[
        float,
        typer.Option(metavar="S", parser=seconds, help="Seconds that COMMAND may take to end before it is killed."),
    ] = 10.0,
    clear: Annotated[bool, typer.Option("--clear", help="Clear the terminal before each run of COMMAND.")] = False,
) -> Callable[[], int]:
    """Print what changes, or run a command after each change, until Ctrl-C.

    Each file is reported once per quiet window, with its net change.

    What git ignores is ignored (.gitignore, .git/info/exclude, core.excludesFile), and so are version control
    folders, bytecode, virtual environments, node_modules and editors' temporary files.

    Examples:

    \b
      reloadls watch
      reloadls watch src tests --include '*.py'
      reloadls watch --once --type modified && make
      reloadls watch --json --timeout 60 | jq -r 'select(.type == "created").path'
      reloadls watch src tests --include '*.py' --on-busy queue -- pytest -q
      reloadls watch docs --clear -- make html

    With --json the first lines list the files, {"type": "snapshot", "path": …, "uri": …}, up to {"type": "ready"};
    then each change is {"type": "created", "path": …, "uri": …, "at": "2026-01-31T12:00:00.123Z"}. Nothing is lost in
    between.

    COMMAND runs at the start and after each batch of changes. It has a process group of its own, which is ended as a
    whole, and an empty standard input. RELOADLS_CHANGED holds the changed paths, one per line. It is empty at the
    start, and lists the watched paths if it would exceed 64 KiB or a name contains a line break. COMMAND is not read by
    a shell; for one, use: -- sh -c '…'. A file that COMMAND writes starts it again, unless git or --exclude ignores it.
    With --once, --max-events and --timeout the exit code is COMMAND's.
    """
    argv: list[str] = ctx.obj or []
    if argv and json:
        raise bad_argument("COMMAND", shlex.join(argv), "can't be used with --json: their outputs would be mixed.")
    if max_wait_ms is not None and max_wait_ms < debounce_ms:
        raise bad_argument("--max-wait-ms", str(max_wait_ms), f"is less than --debounce-ms ({debounce_ms}).")

    def job() -> int:
        import asyncio  # noqa: PLC0415 - not for --help

        from reloadls.watch.flush import Pacing  # noqa: PLC0415
        from reloadls.watch.scope.scope import Scope  # noqa: PLC0415

        from .watch_command import CommandPlan  # noqa: PLC0415
        from .watch_run import Plan, run_watch  # noqa: PLC0415

        scope = Scope(
            paths or [watched_path(".")], include=include or (), exclude=exclude or (), use_gitignore=not no_gitignore
        )
        pacing = Pacing(
            debounce_ms / 1000,
            (max_wait_ms or max(_MAX_WAIT_MS, debounce_ms)) / 1000,
            poll_delay_ms / 1000,
            "polling" if poll else source,
            polls_served=poll is None,
        )
        command = CommandPlan(
            argv=argv,
            on_busy=on_busy,
            stop_signal=signal,
            stop_timeout=stop_timeout,
            clear=clear and sys.stdout.isatty(),
            roots=scope.roots,
        )
        plan = Plan(
            scope=scope,
            pacing=pacing,
            as_json=json,
            types=frozenset(types or get_args(ChangeType)),
            once=once,
            timeout=timeout,
            max_events=max_events,
            command=command if argv else None,
        )
        return asyncio.run(run_watch(plan))

    return job
