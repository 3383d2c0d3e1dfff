"""The program's connection to its supervisor, read by a thread. If either process ends, so does the other."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Collection

from reloadls.reload.report import RESTART_CODES, ModuleReport, ReloadReport
from reloadls.reload.runtime.own_threads import hide_own_threads

from .channel import Channel, Message
from .handover import Handover

__all__ = ["Link"]

_LOOK_S = 0.02
_SETTLE_S = 0.1
_PARENT_S = 1.0


class Link:
    """Messages between the program and its supervisor.

    Args:
        channel: the program's end.
        handover: its listening sockets.
        supervisor: the supervisor's pid.
        drain_s: how long the program may take to end, in seconds.
        keep: the codes of notes that cause no restart.
    """

    def __init__(
        self, channel: Channel, handover: Handover, supervisor: int, drain_s: float, *, keep: Collection[str] = ()
    ) -> None:
        self._channel = channel
        self._handover = handover
        self._supervisor = supervisor
        self._drain_s = drain_s
        self._keep = tuple(keep)
        self._codes = RESTART_CODES.difference(keep)
        self._pid = os.getpid()
        self._announce: Callable[[ReloadReport], None] = lambda _: None

    def begin(self, announce: Callable[[ReloadReport], None]) -> None:
        """Start receiving messages.

        Args:
            announce: publishes a report that is not the engine's.
        """
        self._announce = announce
        # Before the program runs: it may begin by closing all descriptors, including one of an import in progress.
        from reloadls.base.parent_death import die_with_parent  # noqa: PLC0415 - imports ctypes; only needed with a supervisor

        die_with_parent(self._supervisor)
        self._handover.install()
        hide_own_threads()
        threading.Thread(target=self._listen, name="reloadls-link", daemon=True).start()

    def request_restart(self, report: ReloadReport | None) -> None:
        """Have the program restarted; the report's modules are named in the next report."""
        modules = () if report is None else report.modules
        statuses = ("restartRequired", "skipped") if report and report.status == "restartRequired" else ("reloaded",)
        changed = [[each.name, each.path] for each in modules if each.status in statuses]
        self._channel.send({"type": "restart", "modules": changed})

    def restarts_for(self, report: ReloadReport) -> bool:
        """Return whether a report makes the supervisor restart the program."""
        wanted = report.status == "restartRequired" or any(note.code in self._codes for note in report.notes)
        return wanted and not self._channel.cut_off

    @property
    def leader_args(self) -> tuple[int, tuple[str, ...]]:
        """The arguments for a worker's `Leader`."""
        return self._pid, self._keep

    def ready(self) -> None:
        """Changes are applied from now on."""
        self._channel.send({"type": "ready"})

    def import_failed(self) -> None:
        """The program is ending because an import of its modules failed."""
        self._channel.send({"type": "importFailed"})

    def cancel_restart(self) -> None:
        """Cancel a requested restart: it is no longer needed."""
        self._channel.send({"type": "settled"})

    def _listen(self) -> None:
        while (messages := self._channel.receive()) is not None:
            for message, _ in messages:
                self._handle(message)
        while self._channel.cut_off and os.getppid() == self._supervisor:
            time.sleep(_PARENT_S)  # the program closed our descriptor: it can't be restarted, but continues
        self._end()

    def _handle(self, message: Message) -> None:
        match message["type"]:
            case "drain":
                self._handover.drain()
                handled = signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, None)
                self._channel.send({"type": "draining", "handled": handled})
                threading.Thread(target=self._until_drained, name="reloadls-drain", daemon=True).start()
            case "restarted":
                self._handover.drop_unclaimed()
                modules = [ModuleReport(name=name, path=path, status="reloaded") for name, path in message["modules"]]
                self._announce(_restarted(modules, message["durationMs"]))
            case "restartFailed":
                self._announce(_restart_failed(message["reason"]))

    def _until_drained(self) -> None:
        # A connection accepted a moment ago may not have been read yet, or is not visible from here.
        time.sleep(_SETTLE_S)
        while not self._handover.idle:
            time.sleep(_LOOK_S)
        self._channel.send({"type": "drained"})

    def _end(self) -> None:
        """Terminate the program: without its supervisor nothing else would."""
        if os.getpid() != self._pid:
            return
        os.kill(self._pid, signal.SIGTERM)
        time.sleep(self._drain_s)
        os.kill(self._pid, signal.SIGKILL)


def _restarted(modules: list[ModuleReport], duration_ms: float) -> ReloadReport:
    from reloadls.reload.runtime.live.reports import restarted_report  # noqa: PLC0415 - after the program's start

    return restarted_report(modules, duration_ms)


def _restart_failed(reason: str) -> ReloadReport:
    from reloadls.reload.runtime.live.reports import restart_failed_report  # noqa: PLC0415

    return restart_failed_report(reason)
