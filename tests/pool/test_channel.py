"""Messages between a pool and a worker: what was sent before the end of one side arrives."""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct

from reloadls.pool.workers.channel import Channel

from .support import settle


async def test_what_was_sent_before_a_reset_arrives() -> None:
    """A process that dies with messages that it has not read resets the connection."""
    ours, theirs = socket.socketpair()
    channel = await Channel.open(ours)
    channel.send("ping")
    for message in (("ending", "a"), ("ended", "a")):
        body = pickle.dumps(message)
        theirs.sendall(struct.pack("!I", len(body)) + body)
    theirs.close()
    transport = channel._writer.transport
    await settle(transport.is_closing)
    await asyncio.sleep(0)
    assert [await channel.receive() for _ in range(3)] == [("ending", "a"), ("ended", "a"), None]
    channel.close()
