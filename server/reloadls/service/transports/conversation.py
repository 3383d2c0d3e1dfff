"""Run one client's conversation from the first byte to the last, over any transport."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from reloadls.protocol import SafeProtocol

__all__ = ["ClientStream", "converse", "resolve"]

_SETTLE_S: Final = 2.0
"""Seconds that requests in flight may take when the client or the process ends."""
_END_S: Final = 2.0
"""Seconds that a session may take to send its last status."""


class ClientStream(Protocol):
    """The transport of a conversation."""

    def is_closing(self) -> bool:
        """Return whether the stream is closing or closed."""

    def stop_reading(self) -> None:
        """Stop reading."""

    async def close_gracefully(self) -> None:
        """Send pending data, within a time limit, and close."""


async def converse(
    protocol: SafeProtocol,
    stream: ClientStream,
    *,
    ended: asyncio.Future[None],
    draining: asyncio.Future[None] | None = None,
    end: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Run a conversation until it ends.

    It ends with the client's `exit`, `protocol.stop(code)`, the end of input, or `draining`. In the last two cases
    requests in flight may take two more seconds.

    Args:
        protocol: the protocol, with its writer set.
        stream: the transport.
        ended: done when the client has sent its last byte, or disconnected.
        draining: done when the process shall end, which gives exit code 0; never cancelled here.
        end: ends the session; called on draining, while the client can still receive messages.

    Returns:
        The exit code.
    """
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    protocol.on_exit = lambda _code: resolve(over)
    if protocol.exit_code is not None:
        resolve(over)
    ending: asyncio.Future[None] | None = None
    try:
        await asyncio.wait({ended, over} | ({draining} if draining else set()), return_when=asyncio.FIRST_COMPLETED)
        if not over.done():
            # A script may close its end before it reads the replies.
            await protocol.settle(0 if stream.is_closing() else _SETTLE_S)
            if draining is not None and draining.done():
                if end is not None:
                    ending = asyncio.ensure_future(end())
                    await asyncio.wait({ending}, timeout=_END_S)
                protocol.stop(0)
            protocol.end_of_input()
    finally:
        stream.stop_reading()
        protocol.close()
        await stream.close_gracefully()
        if ending is not None:
            # It can't hang on the client any more: the stream is closed.
            await ending
    return protocol.exit_code or 0


def resolve(future: asyncio.Future[None]) -> None:
    """Set the result of `future`, if it is not done."""
    if not future.done():
        future.set_result(None)
