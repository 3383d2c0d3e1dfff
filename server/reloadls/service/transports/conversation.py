"""One client's conversation, from its first byte to its last, whatever it travels on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from reloadls.protocol import SafeProtocol

__all__ = ["ClientStream", "converse", "resolve"]

_SETTLE_S: Final = 2.0
"""Seconds that requests in flight are given when the client or the process goes."""
_END_S: Final = 2.0
"""Seconds that a session is given to say that it has stopped."""


class ClientStream(Protocol):
    """What a conversation needs of its transport."""

    def is_closing(self) -> bool:
        """Return whether nothing is sent any more."""

    def stop_reading(self) -> None:
        """Take no more input."""

    async def close_gracefully(self) -> None:
        """Send what is still to be sent, within bounds, and close."""


async def converse(
    protocol: SafeProtocol,
    stream: ClientStream,
    *,
    ended: asyncio.Future[None],
    draining: asyncio.Future[None] | None = None,
    end: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """See a conversation through, and return its exit code.

    It is over with the client's `exit`, with `protocol.stop(code)`, with the end of input and with `draining`.
    At the latter two what is in flight is given two seconds.

    Args:
        protocol: has its writer already.
        stream: what it writes to.
        ended: done when the client sends nothing more, or is gone.
        draining: done when the process is to end; this does not cancel it. The code is 0 then.
        end: ends the session; called when draining, while the client can still be told.
    """
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    protocol.on_exit = lambda _code: resolve(over)
    if protocol.exit_code is not None:
        resolve(over)
    ending: asyncio.Future[None] | None = None
    try:
        await asyncio.wait({ended, over} | ({draining} if draining else set()), return_when=asyncio.FIRST_COMPLETED)
        if not over.done():
            # A script may close its end first and read the replies afterwards.
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
            # Whatever it was waiting for, as a client that doesn't read, is gone now.
            await ending
    return protocol.exit_code or 0


def resolve(future: asyncio.Future[None]) -> None:
    """Make `future` done, if it is not."""
    if not future.done():
        future.set_result(None)
