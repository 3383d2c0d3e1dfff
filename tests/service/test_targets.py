"""Programs that reload themselves, as the clients of a service see them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from reloadls.protocol import to_uri
from tests.support.service import ON_SOCKETS, TRANSPORTS, Service, Transport, serving
from tests.support.targets import (
    ScriptedTarget,
    failure,
    made_targets_folder,
    runtime_folder,
    shown,
    until_shown,
    until_states,
)

on_all = pytest.mark.parametrize("transport", TRANSPORTS)
on_sockets = pytest.mark.parametrize("transport", ON_SOCKETS)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        yield folder


def module(path: Path, status: str = "reloaded", **more: Any) -> dict[str, Any]:
    return {"name": path.stem, "uri": to_uri(os.fspath(path)), "status": status, "changed": [], **more}


# -- coming and going ----------------------------------------------------------------------------------------


@on_all
async def test_programs_are_found_as_they_come_and_go(tmp_path: Path, runtime: Path, transport: Transport) -> None:
    async with (
        ScriptedTarget.start(runtime, tmp_path, name="early.py") as early,
        serving(tmp_path, transport=transport) as client,
    ):
        await until_states(client, {early.pid: "live"})
        async with ScriptedTarget.start(runtime, tmp_path / "sub") as late:
            status = await until_states(client, {early.pid: "live", late.pid: "live"})
            assert [target["name"] for target in status["targets"]] == ["early.py", "app.py"]
            assert await client.request("reload/status") == status
        await until_states(client, {early.pid: "live"})
        await early.end()
        await until_states(client, {})


async def test_the_folder_need_not_exist(tmp_path: Path, runtime: Path) -> None:
    async with serving(tmp_path) as client:
        assert await client.request("reload/trigger") == []
        assert list(runtime.iterdir()) == []
        async with ScriptedTarget.start(runtime, tmp_path) as target:
            await until_states(client, {target.pid: "live"})
        await until_states(client, {})
        assert client.peer.stderr == ""


async def test_the_files_of_a_killed_program_are_removed(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        await target.reports(**failure(tmp_path / "a.py"))
        await until_shown(client, tmp_path / "a.py")
        target.kill()
        await until_states(client, {})
        await until_shown(client)
        assert await client.request("reload/trigger") == []
        assert await client.shutdown() == 0
        assert list(made_targets_folder(runtime).iterdir()) == []


async def test_what_a_dead_program_left_behind_is_removed(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        target.kill()
        await target.process.wait()
    left = sorted(path.suffix for path in made_targets_folder(runtime).iterdir())
    assert left == [".json", ".sock"]
    async with serving(tmp_path) as client:
        assert await client.request("reload/trigger") == []
        assert await client.shutdown() == 0
    assert list(made_targets_folder(runtime).iterdir()) == []


async def test_a_program_that_starts_and_ends_without_clients_does_not_disturb_the_service(
    tmp_path: Path, runtime: Path
) -> None:
    async with serving(tmp_path) as client, ScriptedTarget.start(runtime, tmp_path) as target:
        await until_states(client, {target.pid: "live"})
        for _ in range(5):
            async with ScriptedTarget.start(runtime, tmp_path):
                pass
        reports = await client.request("reload/trigger")
        assert [report["target"] for report in reports] == [target.id]
        assert client.peer.stderr == ""


async def test_fifty_programs_at_once(tmp_path: Path, runtime: Path) -> None:
    async with serving(tmp_path) as client, AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(ScriptedTarget.start(runtime, tmp_path)) for _ in range(50)]
        await until_states(client, {target.pid: "live" for target in targets})
        reports = await client.request("reload/trigger", {"uris": [to_uri(os.fspath(tmp_path / "a.py"))]})
        assert {report["target"] for report in reports} == {target.id for target in targets}
        for target in targets:
            target.kill()
        await until_states(client, {})
        assert client.peer.stderr == ""


# -- whom a program concerns ---------------------------------------------------------------------------------


@on_sockets
async def test_a_session_sees_only_the_programs_of_its_roots(
    tmp_path: Path, runtime: Path, transport: Transport
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    (two / "deep").mkdir(parents=True)
    async with (
        Service.start(transport) as service,
        service.session(one) as first,
        service.session(two / "deep") as second,
        ScriptedTarget.start(runtime, one / "src") as inside,
        ScriptedTarget.start(runtime, two) as around,
        ScriptedTarget.start(runtime, tmp_path / "on") as beside,
    ):
        await until_states(first, {inside.pid: "live"})
        await until_states(second, {around.pid: "live"})
        await inside.reports(**failure(one / "src" / "a.py"))
        await around.reports(modules=[module(two / "b.py")])
        assert (await first.wait_for("reload/didReload"))["target"] == inside.id
        assert (await second.wait_for("reload/didReload"))["target"] == around.id
        await until_shown(first, one / "src" / "a.py")
        assert shown(second) == {}
        assert [report["target"] for report in await second.request("reload/trigger")] == [around.id]
        assert beside.count("connected") == 0
        for client, target in ((first, inside), (second, around)):
            assert {report["target"] for report in client.received("reload/didReload")} == {target.id}


async def test_a_session_that_turns_to_other_roots_sees_other_programs(tmp_path: Path, runtime: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    async with (
        ScriptedTarget.start(runtime, one) as first,
        ScriptedTarget.start(runtime, two) as second,
        serving(one) as client,
    ):
        await until_states(client, {first.pid: "live"})
        await first.reports(**failure(one / "a.py"))
        await until_shown(client, one / "a.py")
        await client.request("reload/refreshPaths", {"paths": [os.fspath(two)]})
        await until_states(client, {second.pid: "live"})
        await until_shown(client)
        await first.until(lambda: first.has("lost"), "end of the connection")
        assert [report["target"] for report in await client.request("reload/trigger")] == [second.id]


async def test_a_program_is_found_by_another_name_of_its_folder(tmp_path: Path, runtime: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    async with ScriptedTarget.start(runtime, real) as target, serving(link) as client:
        await until_states(client, {target.pid: "live"})


@on_sockets
async def test_one_connection_serves_all_sessions(tmp_path: Path, runtime: Path, transport: Transport) -> None:
    async with (
        ScriptedTarget.start(runtime, tmp_path) as target,
        Service.start(transport) as service,
        service.session(tmp_path) as first,
        service.session(tmp_path) as second,
    ):
        await asyncio.gather(*(until_states(client, {target.pid: "live"}) for client in (first, second)))
        await target.reports(modules=[module(tmp_path / "a.py")])
        told = [await client.wait_for("reload/didReload") for client in (first, second)]
        assert told[0] == told[1]
        assert target.count("connected") == 1


# -- what is told --------------------------------------------------------------------------------------------


@on_all
async def test_a_report_is_passed_on_and_its_failure_shown(tmp_path: Path, runtime: Path, transport: Transport) -> None:
    path = tmp_path / "ä b.py"
    async with (
        ScriptedTarget.start(runtime, tmp_path) as target,
        serving(tmp_path, transport=transport) as client,
    ):
        await until_states(client, {target.pid: "live"})
        await target.reports(**failure(path, line=11), clock="t:7")
        report = await client.wait_for("reload/didReload")
        assert (report["target"], report["status"], report["clock"]) == (target.id, "failed", "t:7")
        status = await until_states(client, {target.pid: "failed"})
        assert status["targets"][0]["lastReport"] == report
        await until_shown(client, path)
        assert shown(client)[to_uri(os.fspath(path))] == [
            {
                "range": {"start": {"line": 11, "character": 4}, "end": {"line": 11, "character": 9}},
                "severity": 1,
                "code": "SyntaxError",
                "source": "reloadls",
                "message": "invalid syntax",
            }
        ]
        await target.reports(modules=[module(path)])
        await until_shown(client)
        await until_states(client, {target.pid: "live"})


async def test_a_uri_is_spelled_as_in_the_batches(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        plain = f"file://{tmp_path}/a+(b).py"
        await target.reports(status="reloaded", modules=[{**module(tmp_path / "x"), "uri": plain}])
        report = await client.wait_for("reload/didReload")
        assert report["modules"][0]["uri"] == to_uri(f"{tmp_path}/a+(b).py") != plain


async def test_a_failure_from_before_the_client_is_shown(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        await target.reports(**failure(tmp_path / "a.py"))
        async with serving(tmp_path) as client:
            await until_shown(client, tmp_path / "a.py")
            assert client.received("reload/didReload") == []


async def test_a_report_made_while_the_connection_was_lost_is_passed_on(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        target.order(disconnect=True)
        await target.reports(modules=[module(tmp_path / "a.py")], clock="t:2")
        await target.reports(modules=[module(tmp_path / "a.py")], clock="t:3")
        await client.wait_for("reload/didReload", lambda report: report["clock"] == "t:3")
        assert len(client.received("reload/didReload")) <= 2


async def test_a_failure_is_resolved_when_the_edit_is_reverted(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        await target.reports(**failure(tmp_path / "a.py"))
        await until_shown(client, tmp_path / "a.py")
        await target.reports(status="unchanged")
        await until_shown(client)


async def test_what_still_waits_after_a_success_stays(tmp_path: Path, runtime: Path) -> None:
    path, other = tmp_path / "a.py", tmp_path / "b.py"
    waits = module(path, "rolledBack", reason="as before: SyntaxError: invalid syntax")
    async with ScriptedTarget.start(runtime, tmp_path) as target:
        async with serving(tmp_path) as client:
            await until_states(client, {target.pid: "live"})
            await target.reports(**failure(path, line=11))
            await until_shown(client, path)
            await target.reports(modules=[module(other), waits])
            await until_states(client, {target.pid: "live"})
            (still,) = shown(client)[to_uri(os.fspath(path))]
            assert (still["range"]["start"]["line"], still["message"]) == (11, "invalid syntax")
        async with serving(tmp_path) as client:
            await until_shown(client, path)
            (still,) = shown(client)[to_uri(os.fspath(path))]
            assert (still["severity"], still["message"]) == (1, waits["reason"])
            await target.reports(modules=[module(path)])
            await until_shown(client)


async def test_failures_of_several_programs_are_shown_together(tmp_path: Path, runtime: Path) -> None:
    path = tmp_path / "a.py"
    async with (
        ScriptedTarget.start(runtime, tmp_path) as one,
        ScriptedTarget.start(runtime, tmp_path) as two,
        serving(tmp_path) as client,
    ):
        await until_states(client, {one.pid: "live", two.pid: "live"})
        await one.reports(**failure(path))
        await two.reports(**failure(path))
        await until_states(client, {one.pid: "failed", two.pid: "failed"})
        assert len(shown(client)[to_uri(os.fspath(path))]) == 1, "workers of one program say the same"
        await two.reports(**failure(path, message="something else"))
        await client.wait_until(lambda: len(shown(client)[to_uri(os.fspath(path))]) == 2, "both failures")
        await two.reports(modules=[module(path)])
        await client.wait_until(lambda: len(shown(client)[to_uri(os.fspath(path))]) == 1, "one failure")
        await one.end()
        await until_shown(client)


async def test_what_needs_a_restart_is_a_warning_with_its_reason(tmp_path: Path, runtime: Path) -> None:
    path, other = tmp_path / "a.py", tmp_path / "b.py"
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        reason = "User has other __slots__"
        await target.reports(status="restartRequired", modules=[module(path, "restartRequired", reason=reason)])
        await until_shown(client, path)
        (warning,) = shown(client)[to_uri(os.fspath(path))]
        assert (warning["severity"], warning["code"]) == (2, "restartRequired")
        assert warning["message"] == f"restart app.py to apply this change: {reason}"
        await target.reports(modules=[module(other), module(path, "restartRequired", reason=f"as before: {reason}")])
        await until_states(client, {target.pid: "live"})
        assert shown(client)[to_uri(os.fspath(path))] == [warning], "still to be restarted"
        await target.reports(status="restarted")
        await until_shown(client)


@on_all
async def test_nothing_is_shown_any_more_after_shutdown(tmp_path: Path, runtime: Path, transport: Transport) -> None:
    async with (
        ScriptedTarget.start(runtime, tmp_path) as target,
        serving(tmp_path, transport=transport) as client,
    ):
        await target.reports(**failure(tmp_path / "a.py"))
        await until_shown(client, tmp_path / "a.py")
        await client.request("shutdown")
        assert shown(client) == {}
        last = client.received("reload/didChangeStatus")[-1]
        assert (last["state"], last["targets"]) == ("stopped", [])
        await target.until(lambda: target.has("lost"), "end of the connection")


# -- what is asked -------------------------------------------------------------------------------------------


@on_all
async def test_a_trigger_reaches_every_program_and_returns_what_they_did(
    tmp_path: Path, runtime: Path, transport: Transport
) -> None:
    uris = [to_uri(os.fspath(tmp_path / name)) for name in ("a.py", "b c.py")]
    async with (
        ScriptedTarget.start(runtime, tmp_path) as one,
        ScriptedTarget.start(runtime, tmp_path) as two,
        serving(tmp_path, transport=transport) as client,
    ):
        reports = await client.request("reload/trigger", {"uris": uris})
        assert [report["target"] for report in reports] == [one.id, two.id]
        for report in reports:
            assert [module["uri"] for module in report["modules"]] == uris
        for target in (one, two):
            assert await target.was_asked("reload/trigger") == {"uris": uris}
        await client.request(
            "reload/trigger", {"uris": [f"file:{tmp_path}/b c.py", f"FILE://localhost{tmp_path}/a.py"]}
        )
        assert await one.was_asked("reload/trigger", times=2) == {"uris": uris[::-1]}
        assert await client.request("reload/trigger")
        assert await one.was_asked("reload/trigger", times=3) in (None, {})
        command = {"command": "reloadls.trigger", "arguments": [{"uris": uris[:1]}]}
        assert len(await client.request("workspace/executeCommand", command)) == 2


async def test_one_that_does_not_answer_is_reported_as_failed(tmp_path: Path, runtime: Path) -> None:
    async with (
        ScriptedTarget.start(runtime, tmp_path) as good,
        ScriptedTarget.start(runtime, tmp_path, name="stuck.py") as stuck,
        serving(tmp_path) as client,
    ):
        await until_states(client, {good.pid: "live", stuck.pid: "live"})
        stuck.freeze()
        _, reply = client.start_request("reload/trigger")
        assert (await client.request("reload/status"))["state"] == "watching"
        await client.wait_until(reply.done, "answer", 20)
        ok, failed = reply.result()
        assert (ok["target"], ok["status"]) == (good.id, "reloaded")
        assert (failed["target"], failed["status"], failed["error"]["type"]) == (stuck.id, "failed", "NoAnswer")
        assert "stuck.py" in failed["error"]["message"] and "10 s" in failed["error"]["message"]
        assert failed["durationMs"] >= 9_000
        stuck.thaw()
        await client.wait_for("reload/didReload", lambda report: report["target"] == stuck.id)
        assert {report["status"] for report in await client.request("reload/trigger")} == {"reloaded"}


async def test_one_that_dies_before_it_answers_is_reported_as_failed(tmp_path: Path, runtime: Path) -> None:
    async with ScriptedTarget.start(runtime, tmp_path) as target, serving(tmp_path) as client:
        await until_states(client, {target.pid: "live"})
        await target.obey(silent=True)
        _, reply = client.start_request("reload/trigger")
        await target.until(lambda: target.has("asked", "reload/trigger"), "request")
        target.kill()
        await client.wait_until(reply.done, "answer")
        (report,) = reply.result()
        assert (report["target"], report["error"]["type"]) == (target.id, "NoAnswer")
        await until_states(client, {})


async def test_an_answer_that_can_not_be_is_reported_as_failed(tmp_path: Path, runtime: Path) -> None:
    answers = {"reload/trigger": [{"target": "someone"}]}
    async with ScriptedTarget.start(runtime, tmp_path, answers=answers) as target, serving(tmp_path) as client:
        (report,) = await client.request("reload/trigger")
        assert (report["target"], report["status"]) == (target.id, "failed")
        assert "invalid response" in report["error"]["message"]
