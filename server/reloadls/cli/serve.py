"""`reloadls serve`: the service, for one client on the standard streams, or for any number on a socket."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .arguments import BadArgument, one_of, seconds

if TYPE_CHECKING:
    from reloadls.service.main import LogLevel, ServeOptions, SourceName, TransportName

__all__ = ["serve"]

_LEVELS: Final[tuple[LogLevel, ...]] = ("debug", "info", "warning", "error")
_SOURCES: Final[tuple[SourceName, ...]] = ("auto", "inotify", "watchfiles", "polling")


def serve(
    *,
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak over stdin and stdout; the default.")] = False,
    tcp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Take clients on this port; 0 is any free one.")
    ] = None,
    ws: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The same over WebSocket; needs reloadls[ws].")
    ] = None,
    socket: Annotated[str | None, typer.Option(metavar="PATH", help="Take clients on this Unix domain socket.")] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            metavar="F",
            help="What clients show on --tcp and --ws; made if missing.  [default: token in your state folder]",
        ),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Put a new token into that file; by itself, print it and end.")
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="A web page's origin that may use --ws; can be repeated."),
    ] = None,
    drop_after: Annotated[
        str,
        typer.Option(metavar="S", show_default=True, help="Drop a client on a socket that reads nothing for so long."),
    ] = "60",
    state: Annotated[
        bool | None,
        typer.Option(
            "--state/--no-state",
            show_default=False,
            help="Remember what was told across restarts.  [default: on for sockets, off for stdio]",
        ),
    ] = None,
    source: Annotated[
        str, typer.Option(metavar="SOURCE", show_default=True, help=f"Where hints come from: {', '.join(_SOURCES)}.")
    ] = "auto",
    log_file: Annotated[
        str | None, typer.Option(metavar="F", help="Append the log to this file.  [default: stderr]")
    ] = None,
    log_level: Annotated[
        str, typer.Option(metavar="LEVEL", show_default=True, help=f"How much to log: {', '.join(_LEVELS)}.")
    ] = "warning",
) -> Callable[[], int]:
    """Serve editors, agents and scripts.

    JSON-RPC as in the Language Server Protocol: on stdin and stdout for one client, or on a socket for any number
    of them, each with a session of its own. Over WebSocket each message is one text frame, without a header.

    A socket says on stderr where it listens. Only this machine is listened to. On --tcp and --ws a client
    shows the token: "initializationOptions": {"token": "…"} in its initialize request or, on --ws, the header
    "Authorization: Bearer …". On --socket it needs none, as only you can enter the socket's folder. A service that runs
    keeps its token until it ends, whatever --new-token does to the file.

    A signal (Ctrl-C, SIGTERM) ends it once requests in flight are answered; a second one at once.

    Examples:

    \b
      reloadls serve --stdio
      reloadls serve --stdio --log-file reloadls.log --log-level debug
      reloadls serve --socket ~/.reloadls/socket
      reloadls serve --tcp 127.0.0.1:0
      reloadls serve --ws localhost:7357 --token-file token --allow-origin http://localhost:3000
      reloadls serve --new-token
    """
    transport, address = _transport(stdio, {"tcp": tcp, "ws": ws, "socket": socket})
    alone = new_token and not (stdio or tcp or ws or socket)
    _check_company("tcp" if alone else transport, token_file, allow_origin or [], new_token=new_token)
    level = one_of("--log-level", log_level, _LEVELS)
    hints = one_of("--source", source, _SOURCES)
    patience = seconds("--drop-after", drop_after)
    if log_file is not None:
        _check_log_file(log_file)

    def job() -> int:
        if new_token:
            _renew_token(token_file, show=alone)
        if alone:
            return 0
        from reloadls.service.main import ServeOptions  # noqa: PLC0415 - only this command needs pygls

        return _run(
            ServeOptions(
                transport=transport,
                address=address,
                token_file=token_file,
                origins=tuple(allow_origin or ()),
                drop_after=patience,
                state=state,
                source=hints,
                log_file=log_file,
                log_level=level,
            )
        )

    return job


def _run(options: ServeOptions) -> int:
    from reloadls.service.main import serve_main  # noqa: PLC0415 - as above
    from reloadls.service.transports import CantServe  # noqa: PLC0415

    try:
        return serve_main(options)
    except CantServe as refusal:
        raise BadArgument(refusal.option, refusal.value, refusal.reason) from None


def _renew_token(token_file: str | None, *, show: bool) -> None:
    from reloadls.service.transports import CantServe, default_token_file, make_new_token  # noqa: PLC0415 - as above

    try:
        token = make_new_token(token_file or default_token_file())
    except CantServe as refusal:
        raise BadArgument(refusal.option, refusal.value, refusal.reason) from None
    if show:
        sys.stdout.write(f"{token}\n")


def _transport(stdio: bool, given: dict[TransportName, str | None]) -> tuple[TransportName, str]:
    chosen = [(name, value) for name, value in given.items() if value is not None]
    if stdio:
        chosen.insert(0, ("stdio", ""))
    if len(chosen) > 1:
        name, value = chosen[1]
        raise BadArgument(f"--{name}", value, f"does not go with --{chosen[0][0]}; give one of them")
    return chosen[0] if chosen else ("stdio", "")


def _check_company(transport: TransportName, token_file: str | None, origins: list[str], *, new_token: bool) -> None:
    if new_token and transport not in ("tcp", "ws"):
        raise BadArgument("--new-token", transport, "goes with --tcp or --ws; no token is needed elsewhere")
    if token_file is not None and transport not in ("tcp", "ws"):
        raise BadArgument("--token-file", token_file, "goes with --tcp or --ws; no token is needed elsewhere")
    for origin in origins:
        if transport != "ws":
            raise BadArgument("--allow-origin", origin, "goes with --ws")
        scheme, mark, host = origin.partition("://")
        if not (scheme and mark and host) or "/" in host:
            raise BadArgument("--allow-origin", origin, "must be an origin, such as http://localhost:3000")


def _check_log_file(path: str) -> None:
    try:
        with open(path, "ab"):
            pass
    except OSError as exc:
        raise BadArgument("--log-file", path, f"can't be written ({exc.strerror}); must be a file that can") from None
