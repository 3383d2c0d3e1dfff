"""`reloadls serve`: the service, for one client on the standard streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .arguments import BadArgument, one_of

if TYPE_CHECKING:
    from reloadls.service.main import LogLevel

__all__ = ["serve"]

_LEVELS: Final[tuple[LogLevel, ...]] = ("debug", "info", "warning", "error")


def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak over stdin and stdout; the default.")] = False,
    log_file: Annotated[
        str | None, typer.Option(metavar="F", help="Append the log to this file.  [default: stderr]")
    ] = None,
    log_level: Annotated[
        str, typer.Option(metavar="LEVEL", show_default=True, help=f"How much to log: {', '.join(_LEVELS)}.")
    ] = "warning",
) -> Callable[[], int]:
    """Serve an editor, an agent or a script.

    JSON-RPC, framed as in the Language Server Protocol, on stdin and stdout.

    Examples:

    \b
      reloadls serve --stdio
      reloadls serve --stdio --log-file reloadls.log --log-level debug
    """
    del stdio  # the only transport so far
    level = one_of("--log-level", log_level, _LEVELS)
    if log_file is not None:
        _check_log_file(log_file)

    def job() -> int:
        from reloadls.service.main import serve_stdio_main  # noqa: PLC0415 - only this command needs pygls

        return serve_stdio_main(log_file=log_file, log_level=level)

    return job


def _check_log_file(path: str) -> None:
    try:
        with open(path, "ab"):
            pass
    except OSError as exc:
        raise BadArgument("--log-file", path, f"can't be written ({exc.strerror}); must be a file that can") from None
