"""Messages between a pool and a worker: what was sent before the end of one side arrives."""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct

import pytest

from reloadls.pool.workers.channel import Channel

from .support import settle


@pytest.mark.parametrize("writes", [False, True])
async def test_what_was_sent_before_a_reset_arrives(writes: bool) -> None:
    """A process that dies with messages that it has not read resets the connection; who writes notices it first."""
    ours, theirs = socket.socketpair()
    channel = await Channel.open(ours)
    channel.send("ping")
    for message in (("ending", "a"), ("ended", "a")):
        body = pickle.dumps(message)
        theirs.sendall(struct.pack("!I", len(body)) + body)
    theirs.close()
    if writes:
        channel.send("cancel", "a")
    else:
        await settle(channel._receiving.is_closing)
    await asyncio.sleep(0)
    assert [await channel.receive() for _ in range(3)] == [("ending", "a"), ("ended", "a"), None]
    await channel.finish()
    assert ours.fileno() == -1
