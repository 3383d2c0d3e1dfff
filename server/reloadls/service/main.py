"""A whole service process, from its first line to its exit code."""

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
"""How long, in seconds, watching goes on for a client that may come back, where others may come, too."""
_EXIT_S: Final = 10.0
"""How long, in seconds, the process may take to end after a signal. Only a disk that hangs needs more."""
_log = logging.getLogger("reloadls")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How a service process serves."""

    transport: TransportName = "stdio"
    address: str = ""
    """`HOST:PORT` for `tcp` and `ws`, a path for `socket`, nothing for `stdio`."""
    token_file: str | None = None
    """Holds what clients show on `tcp` and `ws`; None: `default_token_file()`."""
    origins: tuple[str, ...] = ()
    """The web pages that may connect over `ws`."""
    drop_after: float = DROP_AFTER_S
    """Seconds after which a client on a socket that takes nothing of what waits for it is dropped."""
    state: bool | None = None
    """Whether what was told is remembered across restarts; None: on sockets, yes."""
    source: SourceName = "auto"
    """Where hints come from."""
    log_file: str | None = None
    """Where the log goes; None: standard error."""
    log_level: LogLevel = "warning"
    """What is logged at least."""


def serve_main(options: ServeOptions | None = None) -> int:
    """Serve until the client is gone (`stdio`) or a signal comes, and return the exit code.

    That is 0 after a signal, and for `stdio` after `shutdown`; 1 when the client there went without saying so. A
    second signal ends the process at once, and 10 seconds after the first one it ends whatever it waits for.

    Raises:
        ServeError: it can't be served in that way.
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
        # What is loaded by now stays: the garbage collector would look at all of it each time, for 50 ms.
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
    hub = WatchHub(linger=_LINGER_S if on_socket else 0.0, state_folder=state_folder() if keeps else None)
    return Host(hub, source=options.source)


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
    # A line of its own in one write, however the log is set: programs wait for it.
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
        _log.warning("the service has not ended within %g s of the signal: a disk that hangs, most likely", _EXIT_S)
        end_at_once(number)

    def on_signal(number: int) -> None:
        if draining.done():
            end_at_once(number)
        _log.info("%s: no more clients are taken, and what is in flight is finished", signal.Signals(number).name)
        draining.set_result(None)
        # On a thread: what does not end may be anything, closing the event loop included.
        last = threading.Timer(_EXIT_S, end_late, (number,))
        last.daemon = True
        last.start()
        ended.callback(last.cancel)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, on_signal, number)
        except NotImplementedError:  # Windows: Ctrl-C ends the loop by itself
            return


def _start_log(log_file: str | None, log_level: LogLevel) -> None:
    handler = logging.StreamHandler(sys.stderr) if log_file is None else logging.FileHandler(log_file, encoding="utf-8")
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _log.setLevel(log_level.upper())
