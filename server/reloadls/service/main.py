"""Run a service process: logging, signals, transport, exit code."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Final, Literal

from reloadls.base.choices import LogLevel, SourceName
from reloadls.base.logs import SafeFormatter
from reloadls.base.text import shown
from reloadls.service.host import Host
from reloadls.service.server import ReloadServer
from reloadls.service.transports import (
    Limits,
    default_token_file,
    listen,
    read_or_make_token,
    serve_clients,
    serve_stdio,
    strip_token,
)
from reloadls.watch.hub import WatchHub
from reloadls.watch.state.store import state_folder

__all__ = ["DROP_AFTER_S", "LogLevel", "ServeOptions", "SourceName", "TransportName", "serve_main"]

TransportName = Literal["stdio", "tcp", "ws", "socket"]

DROP_AFTER_S: Final = 60.0
_LINGER_S: Final = 600.0
"""Seconds that a channel without clients keeps watching on a socket transport, for clients that reconnect."""
_EXIT_S: Final = 10.0
"""Seconds that the process may take to exit after a signal. Only a hung disk takes longer."""
_log = logging.getLogger("reloadls")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Options of a service process."""

    transport: TransportName = "stdio"
    address: str = ""
    """`HOST:PORT` for `tcp` and `ws`, a path for `socket`, nothing for `stdio`."""
    token_file: str | None = None
    """The file with the token that clients send on `tcp` and `ws`; None: `default_token_file()`."""
    origins: tuple[str, ...] = ()
    """Origins of web pages that may connect over `ws`."""
    drop_after: float = DROP_AFTER_S
    """Seconds after which a socket client that reads none of its pending data is disconnected."""
    state: bool | None = None
    """Whether reported state is kept across restarts; None: on socket transports only."""
    source: SourceName = "auto"
    """How changes are detected."""
    log_file: str | None = None
    """The log file; None: standard error."""
    log_level: LogLevel = "warning"
    """The lowest level that is logged."""


def serve_main(options: ServeOptions | None = None) -> int:
    """Serve until the client disconnects (`stdio`) or a signal arrives.

    A second signal ends the process at once. Ten seconds after the first signal it exits in any case.

    Args:
        options: how to serve; None: the defaults.

    Returns:
        The exit code: 0 after a signal or after `shutdown`, 1 if the `stdio` client disconnected without `shutdown`.

    Raises:
        ServeError: the transport can't be set up.
        OSError: the log file can't be written.
    """
    options = options or ServeOptions()
    _start_log(options.log_file, options.log_level)
    with contextlib.ExitStack() as ended:
        return asyncio.run(_serve(options, ended))


async def _serve(options: ServeOptions, ended: contextlib.ExitStack) -> int:
    draining: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with contextlib.ExitStack() as left_behind:
        _drain_on_signals(draining, left_behind, ended)
        host = _host(options)
        # The loaded modules live as long as the process; without this, each collection scans them for 50 ms.
        gc.freeze()
        try:
            if options.transport == "stdio":
                return await _serve_stdio(ReloadServer(host), draining)
            await _serve_sockets(options, host, draining, left_behind)
            return 0
        finally:
            await host.close()


def _host(options: ServeOptions) -> Host:
    on_socket = options.transport != "stdio"
    keeps = on_socket if options.state is None else options.state
    folder = state_folder() if keeps else None
    hub = WatchHub(linger=_LINGER_S if on_socket else 0.0, state_folder=folder)
    return Host(hub, source=options.source, state_folder=folder)


async def _serve_stdio(server: ReloadServer, draining: asyncio.Future[None]) -> int:
    server.protocol.admit = strip_token
    try:
        return await serve_stdio(server, draining=draining, end=server.end)
    finally:
        await server.end()


async def _serve_sockets(
    options: ServeOptions,
    host: Host,
    draining: asyncio.Future[None],
    left_behind: contextlib.ExitStack,
) -> None:
    assert options.transport != "stdio"
    token = None
    if options.transport != "socket":
        token = read_or_make_token(options.token_file or default_token_file())
    listening = left_behind.enter_context(listen(options.transport, options.address))
    # One write, independent of the log level: programs wait for this line.
    sys.stderr.write(f"listening on {options.transport} {shown(listening.address)}\n")
    sys.stderr.flush()
    await serve_clients(
        listening.socket,
        lambda: ReloadServer(host, admitted=False),
        draining=draining,
        token=token,
        origins=options.origins if options.transport == "ws" else None,
        limits=Limits(drop_after=options.drop_after),
        on_exhausted=host.hub.end_idle_channels,
    )


def _drain_on_signals(
    draining: asyncio.Future[None], left_behind: contextlib.ExitStack, ended: contextlib.ExitStack
) -> None:
    def end_at_once(number: int) -> None:
        left_behind.close()
        os._exit(128 + number)

    def end_late(number: int) -> None:
        _log.warning("not finished %g s after the signal, probably because a disk hangs: exiting", _EXIT_S)
        end_at_once(number)

    def on_signal(number: int) -> None:
        if draining.done():
            end_at_once(number)
        _log.info("%s: accepting no more clients, finishing requests in flight", signal.Signals(number).name)
        draining.set_result(None)
        # On a thread: anything may hang, closing the event loop included.
        last = threading.Timer(_EXIT_S, end_late, (number,))
        last.daemon = True
        last.start()
        ended.callback(last.cancel)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, on_signal, number)
        except NotImplementedError:  # Windows: Ctrl-C ends the loop
            return


def _start_log(log_file: str | None, log_level: LogLevel) -> None:
    handler = logging.StreamHandler(sys.stderr) if log_file is None else logging.FileHandler(log_file, encoding="utf-8")
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _log.setLevel(log_level.upper())
