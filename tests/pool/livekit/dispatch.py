"""A dispatch server for LiveKit's workers: their protocol over WebSocket, with LiveKit's own messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import WSMsgType, web
from livekit.protocol import agent, models


class Worker:
    """One connection of a worker that has registered.

    Attributes:
        registration: what it registered with.
        statuses: its reports about itself.
        jobs: (job id, status) of each report about a job.
        resumed: the ids of the jobs that it said it still runs.
    """

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.registration: Any = None
        self.statuses: list[Any] = []
        self.jobs: list[tuple[str, str]] = []
        self.resumed: list[str] = []
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._changed = asyncio.Condition()

    async def offer(self, id: str) -> Any:
        """Ask whether it takes a job, and return its answer."""
        self._answers[id] = asyncio.get_running_loop().create_future()
        job = agent.Job(id=id, room=models.Room(name=f"room-{id}", sid=f"RM_{id}"), type=agent.JobType.JT_ROOM)
        await self._send(availability=agent.AvailabilityRequest(job=job))
        return await asyncio.wait_for(self._answers[id], 60)

    async def assign(self, id: str) -> None:
        """Assign a job that it takes."""
        job = agent.Job(id=id, room=models.Room(name=f"room-{id}", sid=f"RM_{id}"))
        await self._send(assignment=agent.JobAssignment(job=job, token="token"))

    async def start(self, id: str) -> bool:
        """Offer a job, and assign it if it is taken; returns whether it was, once it runs."""
        if not (await self.offer(id)).available:
            return False
        await self.assign(id)
        await self.until(lambda: (id, "JS_RUNNING") in self.jobs)
        return True

    async def terminate(self, id: str) -> None:
        """End a job."""
        await self._send(termination=agent.JobTermination(job_id=id))

    async def until(self, holds: Any) -> None:
        """Wait until something holds after one of its messages."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(holds)

    async def _send(self, **message: Any) -> None:
        await self.socket.send_bytes(agent.ServerMessage(**message).SerializeToString())

    async def take(self, data: bytes) -> None:
        """Note a message."""
        message = agent.WorkerMessage.FromString(data)
        match message.WhichOneof("message"):
            case "register":
                self.registration = message.register
                await self._send(register=agent.RegisterWorkerResponse(worker_id="AW_test"))
            case "availability":
                answer = self._answers[message.availability.job_id]
                if not answer.done():
                    answer.set_result(message.availability)
            case "update_worker":
                self.statuses.append(message.update_worker)
            case "update_job":
                job = message.update_job
                self.jobs.append((job.job_id, agent.JobStatus.Name(job.status)))
            case "migrate_job":
                self.resumed.extend(message.migrate_job.job_ids)
        async with self._changed:
            self._changed.notify_all()


class Dispatch:
    """The server, and the workers that have connected."""

    def __init__(self) -> None:
        self.url = ""
        self._workers: asyncio.Queue[Worker] = asyncio.Queue()

    async def worker(self) -> Worker:
        """The next worker that registers."""
        return await asyncio.wait_for(self._workers.get(), 30)

    async def serve(self, request: Any) -> Any:
        """One connection."""
        assert request.headers["Authorization"].startswith("Bearer ")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        worker = Worker(socket)
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                new = worker.registration is None
                await worker.take(message.data)
                if new:
                    self._workers.put_nowait(worker)
        return socket


@asynccontextmanager
async def dispatching() -> AsyncIterator[Dispatch]:
    """A dispatch server on loopback."""
    dispatch = Dispatch()
    application = web.Application()
    application.router.add_get("/agent", dispatch.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    dispatch.url = f"ws://{host}:{port}"
    try:
        yield dispatch
    finally:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(runner.cleanup(), 5)
