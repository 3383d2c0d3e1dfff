"""A JSON-RPC client, small and by hand: it starts the service and notes when each message came."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, Self

from reloadls.wire.framing import Frame, Framer, frame

__all__ = ["DemoClient", "ServiceFailed"]

_END_S: Final = 3.0
_TIMEOUT_S: Final = 30.0


class ServiceFailed(Exception):
    """The service ended, was silent for too long, or answered with an error."""


class DemoClient:
    """A client of `reloadls serve --stdio`, which it starts and ends.

    Args:
        on_notification: called with method, params, and the time of arrival in seconds since the epoch.
        folder: the service's working directory.
        log: where its standard error goes: on the terminal it would disturb what is shown there.
    """

    def __init__(self, on_notification: Callable[[str, Any, float], None], folder: str, log: BinaryIO) -> None:
        self._on_notification = on_notification
        self._folder = folder
        self._log = log
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._framer = Framer()

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "reloadls", "serve", "--stdio"),
            stdin=pipe,
            stdout=pipe,
            stderr=self._log,
            cwd=self._folder,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the demo, which then ends the service
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the service in the regular way, and if it doesn't, by force."""
        with contextlib.suppress(ServiceFailed, OSError, TimeoutError):
            async with asyncio.timeout(_END_S):
                await self.request("shutdown")
                self.notify("exit")
                await self._process.wait()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await self._reading

    async def request(self, method: str, params: object = None) -> Any:
        """Send a request and return its result.

        Raises:
            ServiceFailed: it got none.
        """
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        self._send({"id": number, "method": method}, params)
        if self._reading.done():
            self._fail_all()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await reply
        except TimeoutError:
            raise ServiceFailed(f"no answer to {method} within {_TIMEOUT_S:.0f} s") from None

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self._send({"method": method}, params)

    def _send(self, message: Mapping[str, object], params: object) -> None:
        full = {"jsonrpc": "2.0", **message} | ({} if params is None else {"params": params})
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, RuntimeError):
            self._process.stdin.write(frame(json.dumps(full).encode()))

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(1 << 18):
            at = time.time()
            for event in self._framer.feed(data):
                if isinstance(event, Frame):
                    self._take(json.loads(event.body), at)
        self._fail_all()

    def _take(self, message: dict[str, Any], at: float) -> None:
        if "method" not in message:
            self._settle(message)
        elif "id" in message:  # nothing that the service asks of a client matters here
            self._send({"id": message["id"], "result": None}, None)
        else:
            self._on_notification(message["method"], message.get("params"), at)

    def _settle(self, message: dict[str, Any]) -> None:
        reply = self._replies.pop(message.get("id", 0), None)
        if reply is None or reply.done():
            return
        if "error" in message:
            reply.set_exception(ServiceFailed(str(message["error"].get("message"))))
        else:
            reply.set_result(message.get("result"))

    def _fail_all(self) -> None:
        replies, self._replies = self._replies, {}
        for reply in replies.values():
            if not reply.done():
                reply.set_exception(ServiceFailed("the service ended"))


def _environment() -> dict[str, str]:
    """Ours, in which this very package is found from any folder."""
    import reloadls  # noqa: PLC0415 - for where it lies

    assert reloadls.__file__ is not None
    here = os.path.dirname(os.path.dirname(os.path.abspath(reloadls.__file__)))
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))}
