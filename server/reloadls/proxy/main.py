"""Run a proxy process: server, streams, signals, exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reloadls.base.logs import SafeFormatter
from reloadls.base.text import shown
from reloadls.proxy.child import Child, StartError, end_like, start
from reloadls.proxy.pipes import Inlet, Outlet, open_both
from reloadls.proxy.session import ProxySession
from reloadls.proxy.settings import Settings

if TYPE_CHECKING:
    from reloadls.proxy.sidecar import ReloadSidecar

__all__ = ["NOT_STARTED", "ProxyOptions", "proxy_main", "run_proxy", "start_log"]

NOT_STARTED: Final = 127
_DRAIN_S: Final = 0.5
"""Seconds that the output of an exited server is still read, if another process holds it open."""
_FLUSH_S: Final = 10.0
"""Seconds that the editor may take to read the last messages."""
_DESERTED_S: Final = 3.0
"""Seconds that a server may keep running after the editor has closed, and after each signal."""
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_log = logging.getLogger("reloadls.proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """Options of a proxy process."""

    command: tuple[str, ...]
    settings: Settings = field(default_factory=Settings)
    reload: bool = False
    """Whether to offer `reload/*` of a reloadls service on the same connection."""
    log_file: str | None = None


def proxy_main(options: ProxyOptions) -> int:
    """Run the proxy until the server has exited.

    Args:
        options: the server's command and the proxy's settings.

    Returns:
        The server's exit code; 127 if it can't be started.
    """
    start_log(options.log_file)
    try:
        code = asyncio.run(run_proxy(options, *_claim_streams()))
    except StartError as refusal:
        sys.stderr.write(f"reloadls proxy: {shown(str(refusal))}\n")
        return NOT_STARTED
    return end_like(code)


async def run_proxy(options: ProxyOptions, source: int, sink: int) -> int:
    """Start the server, and pass messages between it and the editor until it has exited.

    Args:
        options: the server's command and the proxy's settings.
        source: the descriptor of the editor's bytes; closed at the end.
        sink: the descriptor for the server's bytes; closed at the end.

    Returns:
        The server's exit code; -N after signal N.

    Raises:
        StartError: the server can't be started.
    """
    child = await start(options.command)
    to_server, to_editor = Outlet(), Outlet()
    sidecar = await _start_sidecar(to_editor) if options.reload else None
    session = ProxySession(options.settings, to_server, to_editor, sidecar)
    from_editor = Inlet(session.from_editor, session.on_editor_closed)
    from_server = Inlet(session.from_server, session.on_server_closed)
    _connect_back_pressure(from_editor, to_server)
    _connect_back_pressure(from_server, to_editor)
    with _signals_to(child):
        to_server.open(child.stdin)
        open_both(from_editor, source, to_editor, sink)
        from_server.open(child.stdout)
        watchdog = asyncio.create_task(_end_deserted_server(child, from_editor, to_server, to_editor))
        code = await child.process.wait()
        watchdog.cancel()
        from_editor.close()
        await _within(from_server.ended, _DRAIN_S)
        if to_editor.full:
            await _within(from_server.ended, _FLUSH_S)
        from_server.close()
        to_editor.close()
        await session.stop()
        if sidecar is not None:
            await sidecar.stop()
        await _within(to_editor.lost, _FLUSH_S)
        to_editor.abort()
        to_server.abort()
    return code


async def _start_sidecar(to_editor: Outlet) -> ReloadSidecar:
    from reloadls.proxy.sidecar import ReloadSidecar  # noqa: PLC0415 - see the package's docstring

    return await ReloadSidecar.start(to_editor)


async def _end_deserted_server(child: Child, from_editor: Inlet, to_server: Outlet, to_editor: Outlet) -> None:
    """End a server that keeps running after the editor has closed both directions."""
    await to_editor.lost.wait()
    while not (await _within(from_editor.ended, _DESERTED_S) or to_server.full):
        pass
    for name in ("SIGTERM", "SIGKILL"):
        await asyncio.sleep(_DESERTED_S)
        _log.warning("the editor has closed, but the server is still running: sending %s", name)
        child.send_signal(getattr(signal, name, signal.SIGTERM))


def _connect_back_pressure(inlet: Inlet, outlet: Outlet) -> None:
    """Read `inlet` as fast as `outlet` is written, and close it when the reader of `outlet` has closed."""
    feed = inlet.feed

    def feed_and_pause(data: bytes) -> None:
        feed(data)
        if outlet.full:
            inlet.pause()

    inlet.feed = feed_and_pause
    outlet.on_room = inlet.resume
    outlet.on_lost = inlet.close


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Return whether `event` is set within `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


@contextlib.contextmanager
def _signals_to(child: Child) -> Iterator[None]:
    """Forward terminating signals to the server; the proxy exits when the server does."""
    loop = asyncio.get_running_loop()
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    handled = []
    for number in numbers:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, child.send_signal, number)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _claim_streams() -> tuple[int, int]:
    """Return copies of descriptors 0 and 1; from now on 0 is the null device and 1 is stderr."""
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return source, sink


class _NonBlockingStderr(logging.Handler):
    """Writes to standard error, dropping lines that would block: an editor may never read it."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError, ValueError):
            if os.name == "nt" or select.select([], [2], [], 0)[1]:
                os.write(2, line[-select.PIPE_BUF :] if os.name != "nt" else line)


def start_log(log_file: str | None) -> None:
    """Log warnings to standard error, or informational messages, too, to a file.

    Args:
        log_file: the file; None: standard error.
    """
    handler = _NonBlockingStderr() if log_file is None else logging.FileHandler(log_file, encoding="utf-8")
    handler.setFormatter(SafeFormatter("%(asctime)s reloadls proxy %(levelname)s: %(message)s"))
    logger = logging.getLogger("reloadls")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.WARNING if log_file is None else logging.INFO)
