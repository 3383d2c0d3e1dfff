"""Pausing running programs: a program rests while anyone wants it to, and never longer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.service import ON_SOCKETS, TRANSPORTS, Service, Transport, pid_of, serving
from tests.support.targets import ScriptedTarget, runtime_folder, target_states, until_states

on_all = pytest.mark.parametrize("transport", TRANSPORTS)
on_sockets = pytest.mark.parametrize("transport", ON_SOCKETS)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        yield folder


def asked(target: ScriptedTarget) -> list[str]:
    """What a program was asked, in order."""
    return [event["asked"].partition("/")[2] for event in target.happened if "asked" in event]


def both_in_turn(target: ScriptedTarget) -> bool:
    return asked(target) == ["pause", "resume"]


@on_all
async def test_pause_and_resume_reach_the_programs(tmp_path: Path, runtime: Path, transport: Transport) -> None:
    async with (
        ScriptedTarget.start(runtime, tmp_path) as one,
        ScriptedTarget.start(runtime, tmp_path) as two,
        serving(tmp_path, transport=transport) as client,
    ):
        await until_states(client, {one.pid: "live", two.pid: "live"})
        paused = await client.request("reload/pause")
        assert (paused["state"], target_states(paused)) == ("paused", {one.pid: "paused", two.pid: "paused"})
        await until_states(client, {one.pid: "paused", two.pid: "paused"})
        assert await client.request("reload/pause") == paused
        resumed = await client.request("reload/resume")
        assert (resumed["state"], target_states(resumed)) == ("watching", {one.pid: "live", two.pid: "live"})
        await client.request("reload/resume")
        for each in (one, two):
            await each.until(partial(both_in_turn, each), "both in turn")


async def test_a_program_that_comes_meanwhile_is_paused_too(tmp_path: Path, runtime: Path) -> None:
    async with serving(tmp_path) as client:
        await client.request("reload/pause")
        async with ScriptedTarget.start(runtime, tmp_path) as target:
            await until_states(client, {target.pid: "paused"})
            await client.request("reload/resume")
            await until_states(client, {target.pid: "live"})


@on_sockets
async def test_it_goes_on_when_the_last_who_paused_it_has_resumed(
    tmp_path: Path, runtime: Path, transport: Transport
) -> None:
    async with (
        ScriptedTarget.start(runtime, tmp_path) as target,
        Service.start(transport) as service,
        service.session(tmp_path) as one,
        service.session(tmp_path) as two,
    ):
        await until_states(one, {target.pid: "live"})
        await until_states(two, {target.pid: "live"})
        await one.request("reload/pause")
        await until_states(two, {target.pid: "paused"})
        assert (await two.request("reload/status"))["state"] == "watching", "only the programs are shared"
        await two.request("reload/pause")
        status = await one.request("reload/resume")
        assert (status["state"], target_states(status)) == ("watching", {target.pid: "paused"})
        status = await two.request("reload/resume")
        assert target_states(status) == {target.pid: "live"}
        await target.until(lambda: asked(target) == ["pause", "resume"], "both in turn")


@on_sockets
@pytest.mark.parametrize("how", ["shutdown", "exit", "cut off"])
async def test_it_resumes_when_the_session_that_paused_it_ends(
    tmp_path: Path, runtime: Path, transport: Transport, how: str
) -> None:
    async with (
        ScriptedTarget.start(runtime, tmp_path) as target,
        Service.start(transport) as service,
        service.session(tmp_path) as other,
    ):
        async with service.session(tmp_path) as one:
            await until_states(one, {target.pid: "live"})
            await one.request("reload/pause")
            await until_states(other, {target.pid: "paused"})
            if how == "shutdown":
                await one.request("shutdown")
            elif how == "exit":
                one.notify("exit")
        await until_states(other, {target.pid: "live"})
        assert target.count("connected") == 1


@pytest.mark.parametrize("number", [9, 15])
async def test_it_continues_when_the_service_has_ended(tmp_path: Path, runtime: Path, number: int) -> None:
    """A pause belongs to the connection on which it was asked for, as locks do to their holder."""
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        await client.request("reload/pause")
        os.kill(pid_of(client), number)
        await target.until(lambda: target.has("lost"), "end of the connection")
        await target.until(lambda: target.last("paused") is False, "last word")
        wanted = ["pause"] if number == 9 else ["pause", "resume"]
        await target.until(lambda: asked(target) == wanted, " and ".join(wanted))


async def test_it_stays_paused_over_a_lost_connection(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        await client.request("reload/pause")
        await target.obey(disconnect=True)
        await target.until(lambda: asked(target) == ["pause", "pause"], "pause on the new connection")
        status = await client.request("reload/resume")
        assert target_states(status) == {target.pid: "live"}


async def test_a_client_that_changes_its_roots_resumes_the_programs_it_paused(tmp_path: Path, runtime: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    async with ScriptedTarget.start(runtime, one) as target, serving(one) as client:
        await until_states(client, {target.pid: "live"})
        await client.request("reload/pause")
        await client.request("reload/refreshPaths", {"paths": [os.fspath(two)]})
        await target.until(lambda: asked(target) == ["pause", "resume"], "resume")


async def test_a_program_that_does_not_answer_delays_no_other(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        target.freeze()
        assert (await client.request("reload/pause"))["state"] == "paused"
        assert (await client.request("reload/resume"))["state"] == "watching"
        target.thaw()
        await target.until(lambda: asked(target) == ["pause", "resume"], "both in turn")
        await target.until(lambda: target.last("paused") is False, "last word")
