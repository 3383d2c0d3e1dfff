"""A job's life is LiveKit's: setup once, context, log fields, callbacks, the end of the session."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from livekit.agents import Agent, AgentServer, JobExecutorType, get_job_context
from livekit.agents.inference_runner import _InferenceRunner
from livekit.agents.utils import http_context

from reloadls.pool import DuplicateSession, PoolFull, SetupFailed, current_session

from .hosted import hosted, running, until
from .runner import Upper


def simple() -> Any:
    return Agent(instructions="Be brief.")


async def test_setup_runs_once_and_a_job_keeps_what_it_puts_into_userdata_to_itself() -> None:
    processes: list[Any] = []

    def warm_up(process: Any) -> None:
        process.userdata["model"] = object()
        processes.append(process)

    server = AgentServer(port=0, host="127.0.0.1", setup_fnc=warm_up, num_idle_processes=4)
    async with hosted(server=server) as found:
        calls = [await found.call(name, simple) for name in ("a", "b")]
        first, second = (call.context.proc for call in calls)
        assert len(processes) == 1
        assert first.userdata["model"] is second.userdata["model"] is processes[0].userdata["model"]
        first.userdata["own"] = 1
        assert "own" not in second.userdata
        assert first.executor_type is JobExecutorType.THREAD


async def test_setup_that_raises_or_is_late_fails_the_start_with_its_cause() -> None:
    def fail(process: Any) -> None:
        raise ValueError("no model")

    server = AgentServer(port=0, host="127.0.0.1", setup_fnc=fail)
    with pytest.raises(SetupFailed, match="ValueError: no model"):
        async with hosted(server=server):
            pass
    over = threading.Event()
    server = AgentServer(port=0, host="127.0.0.1", setup_fnc=lambda process: over.wait(20))
    with pytest.raises(SetupFailed, match=r"not done within 0\.1 s"):
        async with hosted(server=server, setup_timeout_s=0.1):
            pass
    over.set()


async def test_a_job_has_its_own_context() -> None:
    async with hosted() as found:
        calls = [await found.call(name, simple) for name in ("a", "b")]

        async def look() -> Any:
            session = current_session()
            assert session is not None
            return get_job_context().job.room.name, session.id, http_context.http_session()

        seen = [await call.do(look) for call in calls]
        assert [each[0] for each in seen] == ["a", "b"]
        assert [each[1] for each in seen] == [call.context.job.id for call in calls]
        assert seen[0][2] is not seen[1][2]
        calls[0].context.shutdown()
        calls[0].hang_up()
        await found.server._proc_pool.get_by_job_id(seen[0][1]).join()
        assert seen[0][2].closed
        assert not seen[1][2].closed


async def test_log_records_of_a_job_have_its_fields() -> None:
    records: list[Any] = []

    class Records(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Records()
    logging.getLogger().addHandler(handler)
    try:
        async with hosted() as found:
            calls = [await found.call(name, simple) for name in ("a", "b")]

            async def log(call: Any) -> None:
                call.context.log_context_fields = {"user": call.name}
                logging.getLogger("program").warning("from %s", call.name)

            for call in calls:
                await call.do(lambda call=call: log(call))  # type: ignore[misc]
            logging.getLogger("program").warning("from outside")
            own = {record.getMessage(): record for record in records if record.name == "program"}
            for call in calls:
                record = own[f"from {call.name}"]
                found_fields = (record.job_id, record.room, record.user)
                assert found_fields == (call.context.job.id, call.name, call.name)
            assert not hasattr(own["from outside"], "job_id")
        assert not handler.filters
    finally:
        logging.getLogger().removeHandler(handler)


async def test_the_end_of_a_job_runs_what_was_registered_for_it_in_order() -> None:
    done: list[str] = []

    async def session_end(context: Any) -> None:
        done.append(f"session end of {context.job.room.name}")

    server = AgentServer(port=0, host="127.0.0.1")
    async with hosted(server=server, on_session_end=session_end) as found:
        call = await found.call("a", simple)
        executor = server._proc_pool.get_by_job_id(call.context.job.id)

        async def shut_down(reason: str) -> None:
            done.append(f"shut down: {reason}")

        call.context.add_shutdown_callback(shut_down)
        call.session.on("close", lambda event: done.append("session closed"))
        call.context.shutdown("bye")
        call.hang_up()
        await executor.join()
        assert done == ["session closed", "session end of a", "shut down: bye"]
        assert server.active_jobs == []
        assert found.pool.status.succeeded == 1


async def test_a_simulated_job_needs_a_place_too_and_ids_are_unique() -> None:
    async with hosted(1) as found:
        call = await found.call("a", simple)
        with pytest.raises(PoolFull, match="all 1 places are taken"):
            await found.server.simulate_job("b", fake_job=True)
        info = call.context._info
        call.hang_up()
        call.context.shutdown()
        await found.server._proc_pool.get_by_job_id(info.job.id).join()
    async with hosted(2) as found:
        call = await found.call("a", simple)
        with pytest.raises(DuplicateSession):
            await found.server._proc_pool.launch_job(call.context._info)
        assert len(found.server._proc_pool.processes) == 1


async def test_a_cancelled_session_shuts_down_as_a_job_does() -> None:
    async with hosted() as found:
        call = await found.call("a", simple)
        done: list[str] = []

        async def shut_down(reason: str) -> None:
            done.append(reason)

        call.context.add_shutdown_callback(shut_down)
        executor = found.server._proc_pool.get_by_job_id(call.context.job.id)
        executor.handle.cancel()
        call.hang_up()
        assert await executor.handle.wait() == "cancelled"
        await executor.join()
        assert done == ["the session was cancelled"]


async def test_a_job_that_does_not_end_in_time_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    server = AgentServer(port=0, host="127.0.0.1", shutdown_process_timeout=0.1)
    async with hosted(server=server) as found:
        call = await found.call("a", simple)

        async def hang(reason: str) -> None:
            await asyncio.Event().wait()

        call.context.add_shutdown_callback(hang)
        call.hang_up()
        executor = server._proc_pool.get_by_job_id(call.context.job.id)
        await asyncio.wait_for(executor.aclose(), 20)
        assert "job did not end in time; it is cancelled" in caplog.messages
        assert server.active_jobs == []


async def test_local_models_are_asked_through_the_server() -> None:
    async with hosted() as found:
        call = await found.call("a", simple)
        with pytest.raises(RuntimeError, match="no inference executor"):
            await call.do(lambda: call.context.inference_executor.do_inference("upper", b"data"))
    _InferenceRunner.register_runner(Upper)
    try:
        async with hosted() as found:
            call = await found.call("a", simple)
            infer = call.context.inference_executor.do_inference
            assert await call.do(lambda: infer("upper", b"data")) == b"DATA"
            with pytest.raises(RuntimeError, match="no data"):
                await call.do(lambda: infer("upper", b""))
    finally:
        del _InferenceRunner.registered_runners["upper"]


async def test_a_load_function_of_the_program_counts_too() -> None:
    server = AgentServer(port=0, host="127.0.0.1", load_fnc=lambda: 0.4, load_threshold=0.8)
    async with hosted(4, server=server) as found:
        await server._refresh_worker_load()
        assert (server._get_effective_load(), server._is_available()) == (0.5, True)
        for name in "abc":
            await found.call(name, simple)
        assert server._get_effective_load() == 0.75
        await found.call("d", simple)
        assert (server._get_effective_load(), server._is_available()) == (1.0, False)


async def test_other_servers_are_left_alone() -> None:
    other = AgentServer(port=0, host="127.0.0.1", job_executor_type=JobExecutorType.THREAD, num_idle_processes=0)
    said: list[str] = []

    async def serve(context: Any) -> None:
        said.append(context.job.room.name)
        assert current_session() is None
        context.shutdown()

    other.rtc_session(serve, agent_name="other")
    async with hosted(1) as found, running(other, unregistered=True):
        assert type(other) is AgentServer
        assert isinstance(found.server, AgentServer)
        assert type(found.server).__name__ == "AgentServer"
        await found.call("a", simple)
        await other.simulate_job("theirs", fake_job=True)
        await until(lambda: said)
        assert type(other._proc_pool).__name__ == "ProcPool"


async def test_many_jobs_end_though_nobody_reads_what_the_server_reports() -> None:
    async with hosted(80) as found:
        for number in range(80):
            await found.call(str(number), simple)
        assert len(found.server.active_jobs) == 80
    assert found.pool.status.succeeded == 80
