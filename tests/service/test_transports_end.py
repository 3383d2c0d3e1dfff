"""How a process with clients ends: what is in flight is finished, everybody is told, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.clients import RecordingClient, RpcError
from tests.support.peers import ProcessPeer
from tests.support.service import ON_SOCKETS, TRANSPORTS, Service, Transport, hello

# A service with a request that is in flight for as long as a file is there.
HOLDING = """
import asyncio, os, sys
import reloadls.service.server as module
from reloadls.cli import main

def register(server, register=module.register):
    register(server)

    @server.feature("test/hold")
    async def hold(params):
        server.protocol.send_raw("test/held")
        while os.path.exists(params["path"]):
            await asyncio.sleep(0.005)
        return "done"

module.register = register
sys.exit(main(["serve", *sys.argv[1:]]))
"""
HOLD = (sys.executable, "-c", HOLDING)

over_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@contextlib.asynccontextmanager
async def holding(transport: Transport, folder: Path) -> AsyncIterator[tuple[ProcessPeer, RecordingClient]]:
    """The process, and a client of it."""
    if transport == "stdio":
        async with RecordingClient.start(*HOLD, "--log-level", "info") as client:
            await client.initialize(hello([folder], {}))
            await client.wait_for("reload/didChangeStatus")
            assert isinstance(client.peer, ProcessPeer)
            yield client.peer, client
        return
    async with (
        Service.start(transport, "--log-level", "info", command=HOLD) as service,
        service.session(folder) as held,
    ):
        yield service.process, held


async def hold(client: RecordingClient, path: Path) -> asyncio.Future[str]:
    """A request that is in flight until `path` is gone."""
    path.touch()
    _, reply = client.start_request("test/hold", {"path": os.fspath(path)})
    await client.wait_for("test/held")
    return reply


@over_every_transport
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_in_flight_is_finished(tmp_path: Path, transport: Transport, number: signal.Signals) -> None:
    async with holding(transport, tmp_path) as (process, client):
        reply = await hold(client, tmp_path / "hold")
        os.kill(process.pid, number)
        await process.wait_for_stderr("accepting no more clients")
        (tmp_path / "hold").unlink()
        assert await process.wait() == 0
        await client.wait_until(reply.done, "a reply")
        assert reply.result() == "done"
        assert client.received("reload/didChangeStatus")[-1]["state"] == "stopped"
        assert "Traceback" not in process.stderr


@over_every_transport
async def test_what_does_not_finish_is_answered_as_cancelled(tmp_path: Path, transport: Transport) -> None:
    async with holding(transport, tmp_path) as (process, client):
        reply = await hold(client, tmp_path / "hold")
        os.kill(process.pid, signal.SIGTERM)
        assert await process.wait() == 0
        await client.wait_until(reply.done, "a reply")
        error = reply.exception()
        assert isinstance(error, RpcError) and error.code == -32800


@over_every_transport
async def test_a_second_signal_ends_it_at_once(tmp_path: Path, transport: Transport) -> None:
    async with holding(transport, tmp_path) as (process, client):
        await hold(client, tmp_path / "hold")
        os.kill(process.pid, signal.SIGTERM)
        await process.wait_for_stderr("accepting no more clients")
        os.kill(process.pid, signal.SIGTERM)
        assert await process.wait() == 128 + signal.SIGTERM


@pytest.mark.parametrize("transport", ON_SOCKETS)
async def test_no_client_is_accepted_any_more_and_all_are_notified(tmp_path: Path, transport: Transport) -> None:
    async with Service.start(transport, "--log-level", "info", command=HOLD) as service:
        async with service.session(tmp_path) as one, service.session(tmp_path) as two:
            await hold(one, tmp_path / "hold")
            os.kill(service.process.pid, signal.SIGTERM)
            await two.peer.wait()
            with pytest.raises(OSError):
                await service.streams()
            (tmp_path / "hold").unlink()
            await one.peer.wait()
            for client in (one, two):
                await client.wait_for("reload/didChangeStatus", lambda status: status["state"] == "stopped")
        assert await service.process.wait() == 0
        assert transport != "socket" or not os.path.lexists(service.address)


@pytest.mark.parametrize("transport", ON_SOCKETS)
async def test_a_client_that_reads_nothing_delays_only_itself(tmp_path: Path, transport: Transport) -> None:
    async with Service.start(transport, command=HOLD) as service:
        writers = [(await service.streams())[1] for _ in range(3)]
        for writer in writers:
            writer.write(b"Content-Length: 2\r\n\r\n{}" * 5)
        os.kill(service.process.pid, signal.SIGTERM)
        assert await service.process.wait() == 0
        for writer in writers:
            writer.transport.abort()


@over_every_transport
async def test_it_ends_after_a_signal_whatever_it_waits_for(tmp_path: Path, transport: Transport) -> None:
    """Here closing the state file, which never returns, and everything else that is bounded is not."""
    program = """
import sys, time
import reloadls.service.main, reloadls.watch.hub, reloadls.base.worker_thread
from reloadls.cli import main
from reloadls.watch.state.keeper import StateKeeper
reloadls.service.main._EXIT_S = 0.3
reloadls.watch.hub._CLOSE_S = reloadls.base.worker_thread._STOP_S = 3600
StateKeeper._close = lambda self: time.sleep(3600)
sys.exit(main(["serve", "--state", *sys.argv[1:]]))
"""
    command = (sys.executable, "-c", program)
    if transport == "stdio":
        async with RecordingClient.start(*command) as client:
            await client.initialize(hello([tmp_path], {}))
            await client.wait_for("reload/didChangeStatus")
            assert isinstance(client.peer, ProcessPeer)
            os.kill(client.peer.pid, signal.SIGTERM)
            assert await client.peer.wait() == 128 + signal.SIGTERM
            assert "not finished 0.3 s after the signal" in client.peer.stderr
        return
    async with Service.start(transport, command=command) as service, service.session(tmp_path):
        os.kill(service.process.pid, signal.SIGTERM)
        assert await service.process.wait() == 128 + signal.SIGTERM
