"""`reloadls proxy`: a language server, with file watching added."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

from .arguments import BadArgument, whole_number

__all__ = ["proxy"]


def proxy(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The language server and its arguments.")],
    *,
    debounce_ms: Annotated[
        str, typer.Option(metavar="N", show_default=True, help="Quiet time after a change, 1 to 60000.")
    ] = "50",
    watch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Watch this, too, though the server does not ask; implies --always; repeatable."
        ),
    ] = None,
    always: Annotated[
        bool, typer.Option("--always", help="Also for an editor that says it watches files by itself.")
    ] = False,
    keep_pull: Annotated[
        bool,
        typer.Option(
            "--keep-pull", help="Let an editor pull diagnostics though it can't refresh them; they may get stale."
        ),
    ] = False,
    reload: Annotated[
        bool, typer.Option("--reload", help="Give the editor reload/* of 'reloadls serve' on the same connection.")
    ] = False,
    log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Append the log to this file.  [default: warnings to stderr]")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Show what the server asks to be told of, and how fast it takes it up.")
    ] = False,
    check_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The same with copies of this file, which it is to understand.")
    ] = None,
) -> Callable[[], int]:
    """Give a language server the file watching that many editors lack.

    Put this in front of the server's command in your editor's settings. Every message goes on as it came, in both
    directions; but where the editor does not offer to watch files, the server is told that it does, and what the
    server then registers for is watched here. An editor that watches by itself is left alone, unless --always is given.

    The server's exit code, signals and stderr come through; 127 says that it could not be started.

    Examples:

    \b
      reloadls proxy -- basedpyright-langserver --stdio
      reloadls proxy --always --log proxy.log -- ty server
      reloadls proxy --check -- ruff server
      reloadls proxy --check-file src/main.go -- gopls
    """
    debounce = whole_number("--debounce-ms", debounce_ms, low=1, high=60_000)
    if log is not None:
        _check_log_file(log)
    if check_file is not None:
        _check_is_file(check_file)

    def job() -> int:
        from reloadls.proxy.main import ProxyOptions, proxy_main  # noqa: PLC0415 - only this command needs it
        from reloadls.proxy.orders import Settings  # noqa: PLC0415

        own = frozenset() if log is None else frozenset((os.path.abspath(log), os.path.realpath(log)))
        settings = Settings(
            debounce=debounce / 1000, always=always, globs=tuple(watch or ()), keep_pull=keep_pull, own=own
        )
        options = ProxyOptions(command=tuple(command), settings=settings, reload=reload, log_file=log)
        if check or check_file is not None:
            from reloadls.proxy.check import check_main  # noqa: PLC0415

            return check_main(options, check_file)
        return proxy_main(options)

    return job


def _check_log_file(path: str) -> None:
    try:
        with open(path, "ab"):
            pass
    except OSError as exc:
        raise BadArgument("--log", path, f"can't be written ({exc.strerror}); must be a file that can") from None


def _check_is_file(path: str) -> None:
    try:
        if not os.path.isfile(path):
            raise BadArgument("--check-file", path, "must be a file of the server's language")
        with open(path, "rb"):
            pass
    except OSError as exc:
        raise BadArgument("--check-file", path, f"can't be read ({exc.strerror}); must be a file that can") from None
