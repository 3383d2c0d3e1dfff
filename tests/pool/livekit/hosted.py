"""A server whose jobs are sessions, without a dispatch server: jobs are simulated, and talk as they are asked to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents import AgentServer, AgentSession, JobContext

from reloadls.pool.livekit import host_sessions

from .model import Echo


class Call:
    """One job, and its conversation."""

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self.name = name
        self.make = make
        self.model = Echo()
        self.context: Any = None
        self.session: Any = None
        self.agent: Any = None
        self._asked: asyncio.Queue[Any] = asyncio.Queue()

    async def say(self, text: str) -> str:
        """What the agent answers."""
        said: list[str] = await self.do(lambda: self._run(text))
        return " / ".join(said)

    async def do(self, work: Callable[[], Any]) -> Any:
        """Have the job's entrypoint do something."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait((work, done))
        return await asyncio.wait_for(done, 60)

    def hang_up(self) -> None:
        """Have the entrypoint return."""
        self._asked.put_nowait(None)

    async def _run(self, text: str) -> list[str]:
        result = await self.session.run(user_input=text)
        messages = [each.item for each in result.events if each.type == "message"]
        return [item.text_content for item in messages if item.role == "assistant"]

    async def serve(self, context: Any) -> None:
        """The entrypoint."""
        self.context = context
        self.session = AgentSession(llm=self.model)
        self.agent = self.make()
        await self.session.start(self.agent)
        while (asked := await self._asked.get()) is not None:
            work, done = asked
            try:
                done.set_result(await work())
            except Exception as error:
                done.set_exception(error)


class Hosted:
    """A running server.

    Attributes:
        server: LiveKit's.
        pool: what hosts its jobs.
    """

    def __init__(self, server: Any, pool: Any) -> None:
        self.server = server
        self.pool = pool
        self.calls: dict[str, Call] = {}

    async def call(self, name: str, make: Callable[[], Any]) -> Call:
        """Start a job whose agent is what `make()` returns; its room has the name."""
        found = self.calls[name] = Call(name, make)
        await self.server.simulate_job(name, fake_job=True, agent_identity=name)
        await found.do(lambda: asyncio.sleep(0))
        return found

    async def serve(self, context: JobContext) -> None:
        """The entrypoint of all jobs."""
        await self.calls[context.job.room.name].serve(context)


@asynccontextmanager
async def hosted(
    max_sessions: int = 50, *, server: Any = None, on_session_end: Any = None, **options: Any
) -> AsyncIterator[Hosted]:
    """A server that runs, unregistered."""
    server = AgentServer(port=0, host="127.0.0.1") if server is None else server
    pool = host_sessions(server, max_sessions, **options)
    found = Hosted(server, pool)
    server.rtc_session(found.serve, agent_name="waiter", on_session_end=on_session_end)
    async with running(server, unregistered=True):
        try:
            yield found
        finally:
            for call in found.calls.values():
                call.hang_up()


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(server: Any, *, unregistered: bool = False) -> AsyncIterator[None]:
    """Run a server, and close it at the end."""
    started = asyncio.Event()
    server.once("worker_started", started.set)
    work = asyncio.create_task(server.run(unregistered=unregistered))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([work, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if work.done():
        work.result()
    try:
        yield
    finally:
        await server.aclose()
        await asyncio.wait_for(work, 60)
