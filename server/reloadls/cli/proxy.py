"""`reloadls proxy`: add file watching to a language server."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

from .arguments import MAX_MS, readable_file, writable_file

__all__ = ["proxy"]


def proxy(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The language server and its arguments.")],
    *,
    debounce_ms: Annotated[
        int, typer.Option(metavar="N", min=1, max=MAX_MS, help="Quiet time after a change, in milliseconds.")
    ] = 50,
    watch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Watch this although the server did not ask for it; implies --always; repeatable."
        ),
    ] = None,
    always: Annotated[
        bool, typer.Option("--always", help="Watch even if the editor announces that it watches files.")
    ] = False,
    keep_pull: Annotated[
        bool,
        typer.Option(
            "--keep-pull", help="Let an editor pull diagnostics that it can't refresh; they may become stale."
        ),
    ] = False,
    reload: Annotated[
        bool, typer.Option("--reload", help="Offer reload/* of 'reloadls serve' on the same connection.")
    ] = False,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", parser=writable_file, help="Append the log to this file.  [default: warnings to stderr]"
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Test the server: what it registers for, and how fast it applies an edit.")
    ] = False,
    check_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", parser=readable_file, help="Test it with copies of this file of its language."),
    ] = None,
) -> Callable[[], int]:
    """Add the file watching that many editors lack to a language server.

    Put this in front of the server's command in your editor's settings. Every message passes unchanged, in both
    directions, with one exception: if the editor does not watch files, the proxy announces to the server that it does,
    and watches what the server registers for. An editor that watches files itself is left alone, unless --always is
    given.

    The server's exit code, signals and stderr are passed through; 127 means that it could not be started.

    Examples:

    \b
      reloadls proxy -- basedpyright-langserver --stdio
      reloadls proxy --always --log proxy.log -- ty server
      reloadls proxy --check -- ruff server
      reloadls proxy --check-file src/main.go -- gopls
    """

    def job() -> int:
        from reloadls.proxy.main import ProxyOptions, proxy_main  # noqa: PLC0415 - only this command needs it
        from reloadls.proxy.settings import Settings  # noqa: PLC0415

        own = frozenset() if log is None else frozenset((os.path.abspath(log), os.path.realpath(log)))
        settings = Settings(
            debounce=debounce_ms / 1000, always=always, globs=tuple(watch or ()), keep_pull=keep_pull, own=own
        )
        options = ProxyOptions(command=tuple(command), settings=settings, reload=reload, log_file=log)
        if check or check_file is not None:
            from reloadls.proxy.check import check_main  # noqa: PLC0415

            return check_main(options, check_file)
        return proxy_main(options)

    return job
