"""Report a long scan to the client with `$/progress`."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from lsprotocol import types

__all__ = ["ScanProgress"]

_log = logging.getLogger(__name__)
_DELAY_S = 0.5
"""Seconds before the first report: shorter scans are not reported."""
_INTERVAL_S = 0.5
"""Seconds between two reports."""


class _Peer(Protocol):
    def notify(self, method: str, params: types.ProgressParams) -> None: ...

    def send_request(self, method: str, params: types.WorkDoneProgressCreateParams) -> Future[object]: ...


class ScanProgress:
    """Reports a scan with ``$/progress``, from half a second after its start.

    Args:
        peer: the connection to the client.
        scanned: returns the number of files scanned so far.
    """

    def __init__(self, peer: _Peer, scanned: Callable[[], int]) -> None:
        self._peer = peer
        self._scanned = scanned
        self._task: asyncio.Task[None] | None = None
        self._token: str | None = None
        """The token of the progress that the client shows; None if it shows none."""

    def on_scan(self, begins: bool) -> None:
        """Start or end the report.

        Args:
            begins: True when a scan starts, False when it has ended.
        """
        if begins and self._task is None:
            self._task = asyncio.create_task(self._run(), name="reloadls-progress")
        elif not begins and self._task is not None:
            self._task.cancel()
            self._task = None
            shown, self._token = self._token, None
            if shown is not None:
                self._report(shown, types.WorkDoneProgressEnd(message=self._message()))

    async def _run(self) -> None:
        await asyncio.sleep(_DELAY_S)
        token = f"reloadls-scan-{secrets.token_hex(4)}"
        create = types.WorkDoneProgressCreateParams(token=token)
        try:
            await asyncio.wrap_future(self._peer.send_request(types.WINDOW_WORK_DONE_PROGRESS_CREATE, create))
        except Exception as error:
            _log.info("the client refused progress: %s", error)
            return
        self._token = token
        self._report(token, types.WorkDoneProgressBegin(title="Reading files", message=self._message()))
        while True:
            await asyncio.sleep(_INTERVAL_S)
            self._report(token, types.WorkDoneProgressReport(message=self._message()))

    def _message(self) -> str:
        return f"{self._scanned():,} files"

    def _report(
        self,
        token: str,
        value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd,
    ) -> None:
        self._peer.notify(types.PROGRESS, types.ProgressParams(token=token, value=value))
