"""The real server, against a dispatch server that speaks LiveKit's protocol for workers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import ref

import pytest
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobRequest

from reloadls.pool.livekit import host_sessions

from .dispatch import Dispatch, Worker, dispatching
from .hosted import running, until
from .model import Echo


class Rooms:
    """A server whose jobs last until they are told to end."""

    def __init__(self, server: Any, pool: Any, dispatch: Dispatch, worker: Worker) -> None:
        self.server = server
        self.dispatch = dispatch
        self.pool = pool
        self.worker = worker
        self.most = 0
        self.reasons: dict[str, str] = {}
        self.contexts: dict[str, Any] = {}

    async def serve(self, context: JobContext) -> None:
        self.contexts[context.job.id] = context
        self.most = max(self.most, len(self.server.active_jobs), self.pool.active)

        async def note(reason: str) -> None:
            self.reasons[context.job.id] = reason

        context.add_shutdown_callback(note)


@asynccontextmanager
async def rooms(max_sessions: int, *, on_request: Any = None, **options: Any) -> AsyncIterator[Rooms]:
    async with dispatching() as dispatch:
        server = AgentServer(ws_url=dispatch.url, port=0, host="127.0.0.1", shutdown_process_timeout=2)
        pool = host_sessions(server, max_sessions, **options)
        found: list[Rooms] = []

        async def serve(context: JobContext) -> None:
            await found[0].serve(context)

        server.rtc_session(serve, agent_name="rooms", on_request=on_request)
        async with running(server):
            found.append(Rooms(server, pool, dispatch, await dispatch.worker()))
            yield found[0]


async def test_a_job_from_its_offer_to_its_end() -> None:
    async with rooms(3) as found:
        worker = found.worker
        assert worker.registration.agent_name == "rooms"
        answer = await worker.offer("a")
        assert (answer.available, answer.participant_identity) == (True, "agent-a")
        assert found.pool.status.reserved == 1
        await worker.assign("a")
        await worker.until(lambda: ("a", "JS_RUNNING") in worker.jobs)
        assert (found.pool.active, found.pool.status.reserved, found.server.active_jobs[0].job.id) == (1, 0, "a")
        assert await worker.start("b")
        await worker.terminate("a")
        await worker.until(lambda: ("a", "JS_SUCCESS") in worker.jobs)
        assert [info.job.id for info in found.server.active_jobs] == ["b"]
        assert "a" in found.reasons
        found.contexts["b"].shutdown("done")
        await worker.until(lambda: ("b", "JS_SUCCESS") in worker.jobs)
        assert found.reasons["b"] == "done"
        assert (found.pool.active, found.pool.load) == (0, 0.0)


async def test_a_burst_of_offers_is_never_accepted_beyond_the_places() -> None:
    async with rooms(20) as found:
        worker = found.worker
        answers = await asyncio.gather(*(worker.offer(str(number)) for number in range(200)))
        accepted = [answer.job_id for answer in answers if answer.available]
        assert len(accepted) == 20
        assert found.pool.load == 1.0
        for id in accepted:
            await worker.assign(id)
        await worker.until(lambda: len(worker.jobs) == 20)
        assert not any(answer.terminate for answer in answers)
        for id in accepted[:5]:
            await worker.terminate(id)
        await worker.until(lambda: sum(status == "JS_SUCCESS" for _, status in worker.jobs) == 5)
        started = await asyncio.gather(*(worker.start(f"again-{number}") for number in range(200)))
        assert sum(started) == 5
        assert (found.most, found.pool.active) == (20, 20)
        await worker.until(lambda: any(status.load == 1.0 and status.status == 1 for status in worker.statuses))


async def test_a_place_whose_assignment_never_comes_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livekit.agents.worker.ASSIGNMENT_TIMEOUT", 0.2)
    async with rooms(1) as found:
        worker = found.worker
        assert (await worker.offer("lost")).available
        assert not (await worker.offer("b")).available
        await until(lambda: not found.pool.status.reserved)
        assert await worker.start("c")


async def test_a_request_function_that_hangs_holds_its_place_for_a_while_only() -> None:
    over = asyncio.Event()

    async def decide(request: JobRequest) -> None:
        if request.id == "hangs":
            await asyncio.Event().wait()
        if request.id == "no":
            await request.reject()
        elif request.id == "raises":
            raise ValueError("no")
        else:
            await request.accept(identity="me")
            await over.wait()

    async with rooms(1, on_request=decide, answer_timeout_s=0.2) as found:
        worker = found.worker
        hangs = asyncio.create_task(worker.offer("hangs"))
        assert not (await hangs).available
        assert (await worker.offer("no")).terminate
        assert not (await worker.offer("raises")).available
        answer = await worker.offer("b")
        assert (answer.available, answer.participant_identity) == (True, "me")
        await worker.assign("b")
        await worker.until(lambda: ("b", "JS_RUNNING") in worker.jobs)
        await worker.terminate("b")
        await worker.until(lambda: ("b", "JS_SUCCESS") in worker.jobs)
        assert await worker.start("c")
        over.set()


async def test_a_job_that_is_here_already_is_refused() -> None:
    async with rooms(3) as found:
        assert await found.worker.start("a")
        assert not (await found.worker.offer("a")).available
        assert found.pool.active == 1


async def test_jobs_outlive_their_connection_to_the_server() -> None:
    async with rooms(3) as found:
        assert await found.worker.start("a")
        await found.worker.socket.close()
        again = await found.dispatch.worker()
        await again.until(lambda: again.resumed == ["a"])
        assert found.pool.active == 1
        assert await again.start("b")
        await again.terminate("a")
        await again.until(lambda: ("a", "JS_SUCCESS") in again.jobs)


async def test_a_drain_waits_for_all_jobs_and_refuses_others() -> None:
    async with rooms(3) as found:
        worker = found.worker
        assert await worker.start("a")
        assert await worker.start("b")
        assert (await worker.offer("accepted")).available
        drains = [asyncio.create_task(found.server.drain()) for _ in range(3)]
        await worker.until(lambda: worker.statuses and worker.statuses[-1].status == 1)
        assert not (await worker.offer("c")).available
        await worker.assign("accepted")
        await worker.until(lambda: ("accepted", "JS_RUNNING") in worker.jobs)
        for id in ("a", "b", "accepted"):
            assert not any(drain.done() for drain in drains)
            await worker.terminate(id)
            await worker.until(lambda id=id: (id, "JS_SUCCESS") in worker.jobs)
        await asyncio.wait_for(asyncio.gather(*drains), 20)
        assert found.pool.state == "draining"


async def test_a_pool_that_drains_drains_and_ends_its_server() -> None:
    async with rooms(3) as found:
        worker = found.worker
        assert await worker.start("a")
        found.pool.begin_drain()
        await worker.until(lambda: worker.statuses and worker.statuses[-1].status == 1)
        assert not (await worker.offer("b")).available
        sigterm = asyncio.create_task(found.server.drain())
        await asyncio.sleep(0)
        await worker.terminate("a")
        await worker.until(lambda: ("a", "JS_SUCCESS") in worker.jobs)
        await asyncio.wait_for(sigterm, 20)
        await until(lambda: found.pool.state == "closed")


async def test_a_job_that_fails_harms_no_other_and_is_reported() -> None:
    async with rooms(5) as found:
        errors = {"raises": ValueError("no"), "exits": SystemExit(3), "interrupts": KeyboardInterrupt()}
        serve = found.serve

        async def fail(context: JobContext) -> None:
            await serve(context)
            if error := errors.get(context.job.id):
                raise error

        found.serve = fail  # type: ignore[method-assign]
        worker = found.worker
        assert await worker.start("good")
        for id in errors:
            assert (await worker.offer(id)).available
            await worker.assign(id)
            await worker.until(lambda id=id: (id, "JS_FAILED") in worker.jobs)
            assert found.reasons[id] == "job crashed"
        status = found.pool.status
        assert (status.failed, status.running) == (3, 1)
        await worker.terminate("good")
        await worker.until(lambda: ("good", "JS_SUCCESS") in worker.jobs)


async def test_ended_jobs_do_not_pile_up() -> None:
    async with rooms(5) as found:
        ended: list[Any] = []

        async def talk(context: JobContext) -> None:
            session = AgentSession(llm=Echo())
            await session.start(Agent(instructions="Be brief."))
            await session.run(user_input="hi")
            ended.extend(map(ref, (context, session)))

        found.serve = talk  # type: ignore[method-assign]
        worker = found.worker
        for number in range(16):
            id = str(number)
            assert await worker.start(id)
            await until(lambda: len(ended) == 2 * number + 2)  # noqa: B023 - it is called at once
            await worker.terminate(id)
            await worker.until(lambda: (id, "JS_SUCCESS") in worker.jobs)  # noqa: B023

        def left() -> int:
            gc.collect()
            return sum(each() is not None for each in ended)

        await until(lambda: left() <= len(ended) / 2)  # LiveKit's own timers hold the last ones for a while
