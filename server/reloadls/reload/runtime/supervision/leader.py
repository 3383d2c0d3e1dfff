"""Request restarts from a worker: the program's first process forwards them to the supervisor."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection
from typing import Final

from reloadls.reload.report import RESTART_CODES, ReloadReport
from reloadls.reload.runtime.endpoint.encode import Framer, frame
from reloadls.reload.runtime.endpoint.folder import targets_folder
from reloadls.reload.runtime.watching.follower import connect

__all__ = ["Leader"]

_log = logging.getLogger("reloadls.reload")

_ANSWER_S: Final = 2.0
_ID: Final = 1


class Leader:
    """A worker's connection to its supervisor. Every worker may request a restart; one restart replaces all.

    Args:
        pid: the program's first process.
        keep: the codes of notes that cause no restart.
    """

    def __init__(self, pid: int, keep: Collection[str]) -> None:
        self._pid = pid
        self._keep = tuple(keep)

    @property
    def leader_args(self) -> tuple[int, tuple[str, ...]]:
        """The arguments for the `Leader` of a spawned process."""
        return self._pid, self._keep

    def restarts_for(self, report: ReloadReport) -> bool:
        """Return whether a report makes the supervisor restart the program."""
        codes = RESTART_CODES.difference(self._keep)
        return report.status == "restartRequired" or any(note.code in codes for note in report.notes)

    def request_restart(self, report: ReloadReport | None) -> None:
        """Have the program restarted, with all its workers."""
        del report
        with contextlib.suppress(OSError, ValueError):  # it is already being replaced, or is ending
            connection = connect(self._pid, targets_folder())
            if connection is None:
                _log.warning("requesting a restart failed: process %d does not answer; restart it", self._pid)
                return
            with connection:
                connection.settimeout(_ANSWER_S)
                connection.sendall(frame({"jsonrpc": "2.0", "id": _ID, "method": "reload/restart"}))
                framer, end = Framer(), time.monotonic() + _ANSWER_S
                while time.monotonic() < end and (data := connection.recv(65536)):
                    if any(b'"id":1,' in body or b'"id": 1,' in body for body in framer.feed(data)):
                        return

    def cancel_restart(self) -> None:
        """Do nothing: the program's first process reports this itself."""
