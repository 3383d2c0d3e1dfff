"""`reloadls serve`: run the service for one client on stdio, or for any number on a socket."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from reloadls.base.choices import LogLevel, SourceName

from .arguments import bad_argument, seconds, writable_file

if TYPE_CHECKING:
    from reloadls.service.main import ServeOptions, TransportName

__all__ = ["serve"]


def serve(
    *,
    stdio: Annotated[bool, typer.Option("--stdio", help="Serve one client on stdin and stdout; the default.")] = False,
    tcp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Listen on this port of loopback; 0 is any free port.")
    ] = None,
    ws: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The same over WebSocket; needs reloadls[ws].")
    ] = None,
    socket: Annotated[str | None, typer.Option(metavar="PATH", help="Listen on this Unix domain socket.")] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            metavar="F",
            help="The token for --tcp and --ws; created if missing.  [default: 'token' in your state folder]",
        ),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Write a new token to that file; without a transport, print it.")
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Accept web pages of this origin on --ws; repeatable."),
    ] = None,
    drop_after: Annotated[
        float,
        typer.Option(metavar="S", parser=seconds, help="Disconnect a socket client that reads nothing for S seconds."),
    ] = 60.0,
    state: Annotated[
        bool | None,
        typer.Option(
            "--state/--no-state",
            show_default=False,
            help="Keep what was reported across restarts.  [default: on for sockets, off for stdio]",
        ),
    ] = None,
    source: Annotated[SourceName, typer.Option(help="How changes are detected.")] = "auto",
    log_file: Annotated[
        str | None,
        typer.Option(metavar="F", parser=writable_file, help="Append the log to this file.  [default: stderr]"),
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="The lowest level that is logged.")] = "warning",
) -> Callable[[], int]:
    """Serve editors, agents and scripts.

    JSON-RPC as in the Language Server Protocol: on stdin and stdout for one client, or on a socket for any number
    of them, each with a session of its own. Over WebSocket each message is one text frame, without a header.

    A socket prints its address to stderr. Listens on loopback only. On --tcp and --ws a client sends the token:
    "initializationOptions": {"token": "…"} in its initialize request or, on --ws, the header "Authorization: Bearer …".
    On --socket it needs none, since only you can enter the socket's folder. A running service keeps its token, whatever
    --new-token writes to the file.

    A signal (Ctrl-C, SIGTERM) ends the service once requests in flight are answered; a second one ends it at once.

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
    _check_combination("tcp" if alone else transport, token_file, allow_origin or [], new_token=new_token)

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
                drop_after=drop_after,
                state=state,
                source=source,
                log_file=log_file,
                log_level=log_level,
            )
        )

    return job


def _run(options: ServeOptions) -> int:
    from reloadls.service.main import serve_main  # noqa: PLC0415 - as above
    from reloadls.service.transports import ServeError  # noqa: PLC0415

    try:
        return serve_main(options)
    except ServeError as refusal:
        raise bad_argument(refusal.option, refusal.value, refusal.reason) from None


def _renew_token(token_file: str | None, *, show: bool) -> None:
    from reloadls.service.transports import ServeError, default_token_file, make_new_token  # noqa: PLC0415 - as above

    try:
        token = make_new_token(token_file or default_token_file())
    except ServeError as refusal:
        raise bad_argument(refusal.option, refusal.value, refusal.reason) from None
    if show:
        sys.stdout.write(f"{token}\n")


def _transport(stdio: bool, given: dict[TransportName, str | None]) -> tuple[TransportName, str]:
    chosen = [(name, value) for name, value in given.items() if value is not None]
    if stdio:
        chosen.insert(0, ("stdio", ""))
    if len(chosen) > 1:
        name, value = chosen[1]
        raise bad_argument(f"--{name}", value, f"can't be combined with --{chosen[0][0]}; give one of them.")
    return chosen[0] if chosen else ("stdio", "")


def _check_combination(
    transport: TransportName, token_file: str | None, origins: list[str], *, new_token: bool
) -> None:
    if new_token and transport not in ("tcp", "ws"):
        raise bad_argument("--new-token", transport, "is for --tcp or --ws; other transports need no token.")
    if token_file is not None and transport not in ("tcp", "ws"):
        raise bad_argument("--token-file", token_file, "is for --tcp or --ws; other transports need no token.")
    for origin in origins:
        if transport != "ws":
            raise bad_argument("--allow-origin", origin, "is for --ws.")
        scheme, mark, host = origin.partition("://")
        if not (scheme and mark and host) or "/" in host:
            raise bad_argument("--allow-origin", origin, "is not an origin, such as http://localhost:3000.")
