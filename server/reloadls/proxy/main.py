"""A whole proxy process, from its first line to its exit code."""

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
from reloadls.proxy.duplex import open_both
from reloadls.proxy.pipes import Inlet, Outlet
from reloadls.proxy.session import ProxySession
from reloadls.proxy.settings import Settings

if TYPE_CHECKING:
    from reloadls.proxy.sidecar import ReloadSidecar

__all__ = ["NOT_STARTED", "ProxyOptions", "proxy_main", "run_proxy", "start_log"]

NOT_STARTED: Final = 127
_DRAIN_S: Final = 0.5
"""How long a dead server's output is read on, in seconds, if somebody else holds it open."""
_FLUSH_S: Final = 10.0
"""How long, in seconds, the editor is given to take the last messages."""
_DESERTED_S: Final = 3.0
"""How long, in seconds, a server may go on after the editor has gone; and then again after it was told to end."""
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_log = logging.getLogger("reloadls.proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """What to start, and how to stand in front of it."""

    command: tuple[str, ...]
    settings: Settings = field(default_factory=Settings)
    reload: bool = False
    """Whether the editor gets `reload/*` of our own service on the same connection."""
    log_file: str | None = None


def proxy_main(options: ProxyOptions) -> int:
    """Stand in front of the server until it has ended, and return its exit code; 127 if it can't be started."""
    start_log(options.log_file)
    try:
        with _own_streams() as (source, sink):
            code = asyncio.run(run_proxy(options, source, sink))
    except StartError as refusal:
        sys.stderr.write(f"reloadls proxy: {shown(str(refusal))}\n")
        return NOT_STARTED
    return end_like(code)


async def run_proxy(options: ProxyOptions, source: int, sink: int) -> int:
    """Start the server and stand between it and the editor until it has ended; return what asyncio calls its code.

    Args:
        options: what to start, and how.
        source, sink: descriptors from which the editor's bytes come, and to which the server's go; both are closed.

    Raises:
        StartError: it can't be started.
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
        await to_server.open(child.stdin)
        await open_both(from_editor, source, to_editor, sink)
        await from_server.open(child.stdout)
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
    """End a server that goes on though nobody hears it any more, nor says anything that it takes."""
    await to_editor.lost.wait()
    while not (await _within(from_editor.ended, _DESERTED_S) or to_server.full):
        pass
    for name in ("SIGTERM", "SIGKILL"):
        await asyncio.sleep(_DESERTED_S)
        _log.warning("the editor has gone, and the server goes on: %s", name)
        child.send_signal(getattr(signal, name, signal.SIGTERM))


def _connect_back_pressure(inlet: Inlet, outlet: Outlet) -> None:
    """`inlet` is read as fast as `outlet` takes it, and closed when nobody is there to take it."""
    feed = inlet.feed

    def feed_and_pause(data: bytes) -> None:
        feed(data)
        if outlet.full:
            inlet.pause()

    inlet.feed = feed_and_pause
    outlet.on_room = inlet.resume
    outlet.on_lost = inlet.close


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` comes within so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


@contextlib.contextmanager
def _signals_to(child: Child) -> Iterator[None]:
    """Meanwhile what would end us is passed on to the server, whose end is ours."""
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


@contextlib.contextmanager
def _own_streams() -> Iterator[tuple[int, int]]:
    """Give copies of descriptors 0 and 1; from now on 0 is the null device and 1 is stderr, which nothing harms."""
    source, sink = os.dup(0), os.dup(1)
    blocking = [os.get_blocking(fd) for fd in (0, 1)] if os.name != "nt" else []
    keep = [os.dup(fd) for fd in (0, 1)] if _shared() else []
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    try:
        yield source, sink
    finally:
        for fd, was in zip(keep, blocking, strict=False):
            with contextlib.suppress(OSError):
                os.set_blocking(fd, was)
            os.close(fd)


def _shared() -> bool:
    """Whether our streams are a terminal, which others go on using after us."""
    return os.name != "nt" and (os.isatty(0) or os.isatty(1))


class _NonBlockingStderr(logging.Handler):
    """Writes lines to standard error, but none that would have to wait: an editor may never read it."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError, ValueError):
            if os.name == "nt" or select.select([], [2], [], 0)[1]:
                os.write(2, line[-select.PIPE_BUF :] if os.name != "nt" else line)


def start_log(log_file: str | None) -> None:
    """Log warnings to standard error, or more to a file."""
    handler = _NonBlockingStderr() if log_file is None else logging.FileHandler(log_file, encoding="utf-8")
    handler.setFormatter(SafeFormatter("%(asctime)s reloadls proxy %(levelname)s: %(message)s"))
    logger = logging.getLogger("reloadls")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.WARNING if log_file is None else logging.INFO)
