"""The runtime's thread: starts when the program is idle, and ends with the program."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from .endpoint.program_info import ProgramInfo
from .live.console import note_lines, print_line, report_line
from .live.pin import Pins, pins
from .own_threads import hide_own_threads
from .start.idle import Flag, wait_until_idle

if TYPE_CHECKING:
    from reloadls.reload.report import ReloadReport

    from .live.protocols import Reloader, Supervision
    from .live.safe_point import SafePoint
    from .live.updater import Updater
    from .requirements.sync import RequirementsSync

__all__ = ["Runtime"]

_TAKING_UP_S: Final = 0.003
"""How long it takes to apply a change of one module, in seconds."""
_END_S: Final = 0.5
"""How long the program's end may wait for the runtime, in seconds."""


class Runtime:
    """Watches files, applies changes and reports, from `start` until the program ends.

    Args:
        reloader: the engine; it commits with `safe_point.commit`.
        safe_point: where it commits.
        info: what to publish about the program.
        debounce_ms: quiet time after a change, in milliseconds.
        since: ignore changes before this time, in seconds since the epoch.
        quiet: print nothing on stderr.
        supervision: what can restart the program; None if nothing can.
        on_ready: called as soon as a change made from then on is applied.
        pinned: the pins that can hold changes back.
        leaders: the pids of the processes this one was forked or spawned from; one of them may watch for it.
        sync: installs requirements; None if nothing does.
    """

    def __init__(
        self,
        reloader: Reloader,
        safe_point: SafePoint,
        info: ProgramInfo,
        *,
        debounce_ms: float = 25,
        since: float | None = None,
        quiet: bool = False,
        supervision: Supervision | None = None,
        on_ready: Callable[[], None] = lambda: None,
        pinned: Pins = pins,
        leaders: Sequence[int] = (),
        sync: RequirementsSync | None = None,
    ) -> None:
        self._reloader = reloader
        self._safe_point = safe_point
        self._info = info
        self._debounce = debounce_ms / 1000
        self._since = time.time() if since is None else since
        self._quiet = quiet
        self._supervision = supervision
        self._on_ready = on_ready
        self._pins = pinned
        self._leaders = tuple(leaders)
        self._sync = sync
        self._folder = _folder()
        self._updater: Updater | None = None
        self._early_reports: list[ReloadReport] = []
        self._stop: Callable[[], object] | None = None
        self._close_loop: Callable[[], object] = lambda: None
        self._ending = Flag()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, at_once: bool = False) -> None:
        """Start a daemon thread. Idempotent.

        Args:
            at_once: don't wait until the program is idle.
        """
        if self._thread is None and not self._is_cooperative():
            args = (at_once,)
            self._thread = threading.Thread(target=self._run, args=args, name="reloadls-runtime", daemon=True)
            hide_own_threads()
            self._thread.start()
            atexit.register(self.stop)

    def stop(self) -> None:
        """Stop, and remove the socket and the advert. Idempotent; does nothing in a forked child."""
        self._ending.set()
        self._safe_point.end()
        updater, stop, thread = self._updater, self._stop, self._thread
        if updater is not None:
            updater.remove_files()
        if stop is not None:
            with contextlib.suppress(RuntimeError):
                stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_END_S)
        atexit.unregister(self.stop)

    def wait_until_ready(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until changes are applied; return whether they are."""
        return self._ready.wait(timeout)

    def announce(self, report: ReloadReport) -> None:
        """Publish a report that is not the engine's, now or as soon as clients can connect. Thread-safe."""
        if self._updater is None:
            self._early_reports.append(report)
        else:
            self._updater.announce(report)

    def forget(self) -> None:
        """In a forked child: close what belongs to the parent."""
        atexit.unregister(self.stop)
        self._safe_point.end()
        if self._updater is not None:
            self._updater.forget()
        self._close_loop()

    # -- on the thread

    def _run(self, at_once: bool) -> None:
        if (not at_once and not wait_until_idle(self._ending)) or self._is_cooperative():
            return
        try:
            from .start.own_loop import run  # noqa: PLC0415 - it imports asyncio

            run(self._work())
        except Exception as error:
            # The program may have replaced threads with gevent's meanwhile.
            if not self._ending.is_set() and not self._is_cooperative():
                print_line("reloadls", f"hot reload stopped: {type(error).__name__}: {error}", quiet=self._quiet)

    def _is_cooperative(self) -> bool:
        """Return whether gevent has replaced threads with cooperative ones; if so, print a line."""
        if not (_is_gevents(threading.Lock) or _is_being_patched()):
            return False
        text = f"gevent has replaced threads in process {os.getpid()}, so hot reload is off there"
        if (
            self._thread is not None
        ):  # gevent changed the thread's id; without this entry it could not end without an error
            vars(threading)["_active"].setdefault(threading.get_ident(), self._thread)
        print_line(
            "reloadls", f"{text}; for development, start it with threads (gunicorn: -k gthread)", quiet=self._quiet
        )
        return True

    async def _work(self) -> None:
        from reloadls.watch.flush import Pacing  # noqa: PLC0415

        from .live.updater import Updater  # noqa: PLC0415
        from .start.own_loop import CancelledError, canceller, descriptor_closer  # noqa: PLC0415

        pacing = Pacing(self._debounce, max(0.5, 4 * self._debounce), lead=_TAKING_UP_S)
        updater = Updater(
            self._reloader,
            self._safe_point,
            self._info,
            pacing,
            on_report=self._print_report,
            supervision=self._supervision,
            pinned=self._pins,
            since=self._since,
            quiet=self._quiet,
            leaders=self._leaders,
            sync=self._sync,
        )
        self._safe_point.configure({threading.get_ident()}, updater.on_busy, updater.on_wait)
        self._stop = canceller()
        self._close_loop = descriptor_closer()
        self._updater = updater
        if self._ending.is_set():
            return
        with contextlib.suppress(CancelledError):
            await updater.run(self._is_ready)

    def _is_ready(self) -> None:
        assert self._updater is not None
        early, self._early_reports = self._early_reports, []
        for report in early:
            self._updater.announce(report)
        self._ready.set()
        self._on_ready()

    def _print_report(self, report: ReloadReport) -> None:
        print_line(*report_line(report, self._folder, supervised=self._supervision is not None), quiet=self._quiet)
        for line in note_lines(report, self._folder):
            print_line("", line, quiet=self._quiet)


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep  # it was deleted


def _is_being_patched() -> bool:
    """Return whether gevent has begun to replace threads; it starts with `_thread`."""
    return "_thread" in getattr(sys.modules.get("gevent.monkey"), "saved", ())


def _is_gevents(kind: object) -> bool:
    return str(getattr(kind, "__module__", "")).partition(".")[0] == "gevent"
