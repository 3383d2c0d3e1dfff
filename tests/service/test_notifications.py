"""What a client of the service is told, and what it can ask."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reloadls.protocol import from_uri, to_uri
from tests.support.clients import RecordingClient, RpcError
from tests.support.service import SERVE, TRANSPORTS, Picture, Service, Transport, hello, serving

Json = dict[str, Any]
over_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


def changes(batch: Json) -> dict[str, str]:
    """Name → type."""
    return {os.path.basename(from_uri(change["uri"])): change["type"] for change in batch["changes"]}


def uri(path: Path) -> str:
    return to_uri(os.fspath(path))


async def told(client: RecordingClient) -> list[Json]:
    """Every batch up to now."""
    await client.request("reload/sync")
    return client.received("reload/didChange")


async def refused(client: RecordingClient, method: str, params: object = None) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await client.request(method, params)
    return caught.value


class TestChanges:
    @over_every_transport
    async def test_a_change_comes_as_both_notifications_with_the_same_files(
        self, tmp_path: Path, transport: Transport
    ) -> None:
        async with serving(tmp_path, debounceMs=20, transport=transport) as client:
            (tmp_path / "a.py").write_text("1")
            (tmp_path / "b c.py").write_text("1")
            batch = await client.wait_for("reload/didChange")
            files = await client.wait_for("workspace/didChangeWatchedFiles")
            assert changes(batch) == {"a.py": "created", "b c.py": "created"}
            assert [change["uri"] for change in files["changes"]] == [change["uri"] for change in batch["changes"]]
            assert {change["type"] for change in files["changes"]} == {1}
            assert batch["cause"] == "watch"
            assert "partial" not in batch
            assert batch["at"].endswith("Z")

    async def test_a_renamed_file_comes_with_its_old_uri(self, tmp_path: Path) -> None:
        (tmp_path / "old.py").write_text("1")
        async with serving(tmp_path, debounceMs=20) as client:
            clock = (await client.request("reload/sync"))["clock"]
            (tmp_path / "old.py").rename(tmp_path / "new ä.py")
            batch = (await told(client))[-1]
            expected = [
                {"uri": uri(tmp_path / "new ä.py"), "type": "created", "renamedFrom": uri(tmp_path / "old.py")},
                {"uri": uri(tmp_path / "old.py"), "type": "deleted"},
            ]
            assert sorted(batch["changes"], key=lambda change: str(change["type"])) == expected
            since = await client.request("reload/since", {"clock": clock})
            assert sorted(since["changes"], key=lambda change: str(change["type"])) == expected

    @over_every_transport
    async def test_the_clock_chains(self, tmp_path: Path, transport: Transport) -> None:
        async with serving(tmp_path, debounceMs=20, transport=transport) as client:
            for number in range(3):
                (tmp_path / "a").write_text(str(number))
                await client.request("reload/sync")
            batches = client.received("reload/didChange")
            assert [changes(batch) for batch in batches] == [{"a": "created"}, {"a": "modified"}, {"a": "modified"}]
            assert [batch["since"] for batch in batches[1:]] == [batch["clock"] for batch in batches[:-1]]

    async def test_watched_files_can_be_left_out(self, tmp_path: Path) -> None:
        async with serving(tmp_path, debounceMs=20, watchedFiles=False) as client:
            (tmp_path / "a").touch()
            assert [changes(batch) for batch in await told(client)] == [{"a": "created"}]
            assert client.received("workspace/didChangeWatchedFiles") == []

    @over_every_transport
    async def test_a_large_batch_comes_in_parts(self, tmp_path: Path, transport: Transport) -> None:
        async with serving(tmp_path, debounceMs=20, transport=transport) as client:
            await client.request("reload/pause")
            for number in range(12_000):
                (tmp_path / f"f{number}").touch()
            await client.request("reload/resume")
            parts = client.received("reload/didChange")
            assert [len(part["changes"]) for part in parts] == [5000, 5000, 2000]
            assert [part.get("partial", False) for part in parts] == [True, True, False]
            assert len({part["clock"] for part in parts}) == 1
            assert len(client.received("workspace/didChangeWatchedFiles")) == 3

    async def test_a_save_reported_by_the_editor_is_compared_at_once(self, tmp_path: Path) -> None:
        async with serving(tmp_path, debounceMs=60_000) as client:
            (tmp_path / "a.py").write_text("1")
            client.notify("textDocument/didSave", {"textDocument": {"uri": uri(tmp_path / "a.py")}})
            batch = await client.wait_for("reload/didChange")
            assert (batch["cause"], changes(batch)) == ("save", {"a.py": "created"})

    @pytest.mark.parametrize(
        ("method", "params"),
        [
            ("workspace/didChangeWatchedFiles", {"changes": [{"uri": "URI", "type": 1}]}),
            ("workspace/didCreateFiles", {"files": [{"uri": "URI"}]}),
            ("workspace/didDeleteFiles", {"files": [{"uri": "URI"}]}),
            ("workspace/didRenameFiles", {"files": [{"oldUri": "URI", "newUri": "file:///nowhere"}]}),
        ],
    )
    async def test_file_notifications_of_the_client_are_hints(self, tmp_path: Path, method: str, params: Json) -> None:
        # Polling this rarely gives no hint of its own within the test.
        async with serving(tmp_path, debounceMs=20, forcePolling=True, pollDelayMs=60_000) as client:
            (tmp_path / "a").touch()
            text = json.dumps(params).replace("URI", uri(tmp_path / "a"))
            client.notify(method, json.loads(text))
            assert changes(await client.wait_for("reload/didChange")) == {"a": "created"}

    async def test_a_hint_that_is_not_a_file_is_ignored(self, tmp_path: Path) -> None:
        async with serving(tmp_path, debounceMs=20) as client:
            client.notify("textDocument/didSave", {"textDocument": {"uri": "untitled:Untitled-1"}})
            client.notify("textDocument/didSave", {"textDocument": {"uri": "file:///outside/of/it"}})
            (tmp_path / "a").touch()
            assert [changes(batch) for batch in await told(client)] == [{"a": "created"}]


class TestSince:
    async def test_everything_without_a_clock(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        async with serving(tmp_path) as client:
            answer = await client.request("reload/since")
            assert answer["fresh"] is True
            assert changes(answer) == {"a": "created"}

    @over_every_transport
    async def test_net_changes_with_one(self, tmp_path: Path, transport: Transport) -> None:
        (tmp_path / "a").touch()
        (tmp_path / "b").touch()
        async with serving(tmp_path, debounceMs=20, transport=transport) as client:
            clock = (await client.request("reload/sync"))["clock"]
            (tmp_path / "passing").touch()
            await client.request("reload/sync")
            (tmp_path / "passing").unlink()
            (tmp_path / "a").write_text("new")
            (tmp_path / "b").unlink()
            now = (await client.request("reload/sync"))["clock"]
            answer = await client.request("reload/since", {"clock": clock})
            assert answer["clock"] == now
            assert answer["fresh"] is False
            assert changes(answer) == {"a": "modified", "b": "deleted"}
            assert (await client.request("reload/since", {"clock": now}))["changes"] == []

    @pytest.mark.parametrize("clock", ["", "c:", "c:00000000:0", "nonsense", "c:x:99999999999999999999"])
    async def test_everything_with_a_clock_that_is_not_known(self, tmp_path: Path, clock: str) -> None:
        (tmp_path / "a").touch()
        async with serving(tmp_path) as client:
            answer = await client.request("reload/since", {"clock": clock})
            assert (answer["fresh"], changes(answer)) == (True, {"a": "created"})

    async def test_a_scope_that_has_changed_makes_old_clocks_unknown(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a").touch()
        async with serving(tmp_path / "in") as client:
            clock = (await client.request("reload/sync"))["clock"]
            await client.request("reload/refreshPaths", {"paths": [uri(tmp_path)]})
            assert client.received("reload/didChange") == []
            assert (await client.request("reload/since", {"clock": clock}))["fresh"] is True


class TestRefreshPaths:
    @over_every_transport
    async def test_reports_which_roots_came_and_went(self, tmp_path: Path, transport: Transport) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.mkdir()
        two.mkdir()
        (two / "b").touch()
        async with serving(one, debounceMs=20, transport=transport) as client:
            answer = await client.request("reload/refreshPaths", {"paths": [uri(two)]})
            assert (answer["added"], answer["removed"]) == ([uri(two)], [uri(one)])
            assert [(root["uri"], root["files"]) for root in answer["roots"]] == [(uri(two), 1)]
            assert client.received("reload/didChange") == []
            (one / "unseen").touch()
            (two / "b").write_text("2")
            assert [changes(batch) for batch in await told(client)] == [{"b": "modified"}]

    async def test_no_change_made_before_the_switch_is_lost(self, tmp_path: Path) -> None:
        other = tmp_path / "other"
        root = tmp_path / "root"
        other.mkdir()
        root.mkdir()
        async with serving(root, debounceMs=60_000) as client:
            for number in range(20):
                (root / f"f{number}").touch()
                paths = [uri(root)] if number % 2 else [uri(root), uri(other)]
                await client.request("reload/refreshPaths", {"paths": paths})
            # A file that is looked at within a clock tick of its making may be told again, as modified.
            told = [item for batch in client.received("reload/didChange") for item in changes(batch).items()]
            assert [name for name, kind in told if kind == "created"] == [f"f{number}" for number in range(20)]

    async def test_relative_paths_are_below_the_first_folder(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        async with serving(tmp_path) as client:
            answer = await client.request("reload/refreshPaths", {"paths": ["sub"]})
            assert [root["uri"] for root in answer["roots"]] == [uri(tmp_path / "sub")]

    async def test_a_missing_path_is_a_state_and_is_watched_once_it_exists(self, tmp_path: Path) -> None:
        async with serving(tmp_path / "later", debounceMs=20) as client:
            status = await client.request("reload/status")
            assert [root["state"] for root in status["roots"]] == ["missing"]
            assert [problem["code"] for problem in status["problems"]] == ["missingPath"]
            assert "does not exist" in status["problems"][0]["message"]
            (tmp_path / "later").mkdir()
            (tmp_path / "later" / "a").touch()
            assert changes(await client.wait_for("reload/didChange")) == {"a": "created"}
            status = await client.wait_for(
                "reload/didChangeStatus", lambda status: status["roots"][0]["state"] == "watching"
            )
            assert status["problems"] == []


class TestPause:
    @over_every_transport
    async def test_what_happened_comes_as_one_batch_after_resume(self, tmp_path: Path, transport: Transport) -> None:
        async with serving(tmp_path, debounceMs=20, transport=transport) as client:
            assert (await client.request("reload/pause"))["state"] == "paused"
            for number in range(3):
                (tmp_path / f"f{number}").touch()
            (tmp_path / "f0").unlink()
            error = await refused(client, "reload/sync")
            assert (error.code, "resume" in error.message) == (-32803, True)
            assert client.received("reload/didChange") == []
            assert (await client.request("reload/resume"))["state"] == "watching"
            assert [changes(batch) for batch in client.received("reload/didChange")] == [
                {"f1": "created", "f2": "created"}
            ]
            states = [status["state"] for status in client.received("reload/didChangeStatus")]
            assert states[:3] == ["watching", "paused", "watching"]

    async def test_nothing_is_sent_meanwhile_whatever_the_client_changes(self, tmp_path: Path) -> None:
        async with (
            Service.start("tcp") as service,
            service.session(tmp_path, debounceMs=20) as one,
            service.session(tmp_path, debounceMs=20) as other,
        ):
            await one.request("reload/pause")
            for number in range(3):
                (tmp_path / f"f{number}").touch()
                (tmp_path / "passing").touch() if number == 0 else (tmp_path / "passing").unlink(missing_ok=True)
                await other.request("reload/sync")  # it shares the watching, and has been sent all that there is
                settings = {"reloadls": {"debounceMs": 21 + number}}
                one.notify("workspace/didChangeConfiguration", {"settings": settings})
                assert (await one.request("reload/status"))["state"] == "paused"
                while (await one.request("reload/status"))["debounceMs"] != 21 + number:
                    pass
            assert one.received("reload/didChange") == []
            assert one.received("workspace/didChangeWatchedFiles") == []
            await one.request("reload/resume")
            assert [changes(batch) for batch in one.received("reload/didChange")] == [
                {"f0": "created", "f1": "created", "f2": "created"}
            ]
            (tmp_path / "after").touch()
            await one.request("reload/sync")
            assert changes(one.received("reload/didChange")[-1]) == {"after": "created"}

    async def test_twice_is_once(self, tmp_path: Path) -> None:
        async with serving(tmp_path, debounceMs=20) as client:
            await client.request("reload/resume")
            await client.request("reload/pause")
            await client.request("reload/pause")
            await client.request("reload/resume")
            (tmp_path / "a").touch()
            assert [changes(batch) for batch in await told(client)] == [{"a": "created"}]


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "value", "says"),
        [
            ("debounceMs", "fast", "integer from 1 to 60000"),
            ("debounceMs", 0, "integer from 1 to 60000"),
            ("debounceMs", True, "integer from 1 to 60000"),
            ("maxWaitMs", 10, "at least debounceMs"),
            ("pollDelayMs", 49, "integer from 50 to 60000"),
            ("paths", "src", "array of strings"),
            ("paths", [""], "not empty"),
            ("paths", ["http://example.org/x"], "paths"),
            ("include", [1], "strings"),
            ("exclude", ["a\\"], "gitignore pattern"),
            ("useGitignore", "yes", "true or false"),
            ("forcePolling", 1, "true or false"),
            ("watchedFiles", "no", "true or false"),
            ("debounce", 5, "debounceMs"),
        ],
    )
    async def test_a_bad_option_is_reported_and_does_not_stop_the_server(
        self, tmp_path: Path, option: str, value: object, says: str
    ) -> None:
        options: dict[str, Any] = {option: value}
        async with serving(tmp_path, **options) as client:
            shown = await client.wait_for("window/showMessage")
            assert shown["type"] == 1
            assert option in shown["message"]
            assert says in shown["message"]
            status = await client.request("reload/status")
            assert [problem["code"] for problem in status["problems"]][:1] == ["badOption"]
            (tmp_path / "a").touch()
            await client.request("reload/sync")
            assert status["state"] == "watching"

    @over_every_transport
    async def test_half_a_character_in_a_path_is_a_problem_of_that_path(
        self, tmp_path: Path, transport: Transport
    ) -> None:
        (tmp_path / "good").mkdir()
        async with serving(tmp_path, paths=["\ud800", "good"], debounceMs=20, transport=transport) as client:
            status = await client.request("reload/status")
            assert status["state"] == "watching" and len(status["roots"]) == 1
            assert "without lone surrogates" in status["problems"][0]["message"]
            for path in ("\ud800", f"{tmp_path}/a\udbff"):
                assert "paths[1]" in str(await refused(client, "reload/refreshPaths", {"paths": ["good", path]}))
                settings = {"reloadls": {"paths": ["good", path]}}
                client.notify("workspace/didChangeConfiguration", {"settings": settings})
            event = {"added": [{"uri": "/\ud800", "name": "x"}], "removed": []}
            client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
            (tmp_path / "good" / "a").touch()
            await client.request("reload/sync")
            assert [changes(batch) for batch in await told(client)] == [{"a": "created"}]

    async def test_a_pattern_that_is_too_long_is_refused_by_name(self, tmp_path: Path) -> None:
        async with serving(tmp_path, exclude=["a" * 100_000, "*.log"]) as client:
            (problem,) = (await client.request("reload/status"))["problems"]
            assert problem["code"] == "badPattern"
            assert "exclude" in problem["message"] and "longer than 4096" in problem["message"]
            assert len(problem["message"]) < 500

    async def test_include_exclude_and_gitignore(self, tmp_path: Path) -> None:
        (tmp_path / ".gitignore").write_text("ignored.py\n")
        async with serving(tmp_path, debounceMs=20, include=["*.py"], exclude=["/out/"]) as client:
            (tmp_path / "out").mkdir()
            for name in ("a.py", "a.txt", "ignored.py", "out/b.py"):
                (tmp_path / name).touch()
            assert [changes(batch) for batch in await told(client)] == [{"a.py": "created"}]

    @over_every_transport
    async def test_a_changed_configuration_takes_effect(self, tmp_path: Path, transport: Transport) -> None:
        (tmp_path / "a.py").touch()
        async with serving(tmp_path, debounceMs=20, transport=transport) as client:
            settings = {"reloadls": {"include": ["*.txt"], "debounceMs": 30}}
            client.notify("workspace/didChangeConfiguration", {"settings": settings})
            await client.wait_for(
                "reload/didChangeStatus",
                lambda status: (status["debounceMs"], status["roots"][0]["files"]) == (30, 0),
            )
            (tmp_path / "a.py").write_text("1")
            (tmp_path / "b.txt").touch()
            assert [changes(batch) for batch in await told(client)] == [{"b.txt": "created"}]

    async def test_it_is_pulled_from_a_client_that_can_be_asked(self, tmp_path: Path) -> None:
        async with RecordingClient.start(*SERVE) as client:
            client.handlers["workspace/configuration"] = lambda params: [{"debounceMs": 77}]
            await client.initialize(hello([tmp_path], {}, {"workspace": {"configuration": True}}))
            await client.wait_for("reload/didChangeStatus", lambda status: status["debounceMs"] == 77)

    @over_every_transport
    async def test_workspace_folders_come_and_go(self, tmp_path: Path, transport: Transport) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.mkdir()
        two.mkdir()
        async with serving(one, debounceMs=20, transport=transport) as client:
            event = {"added": [{"uri": uri(two), "name": "two"}], "removed": [{"uri": uri(one), "name": "one"}]}
            client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
            await client.wait_for(
                "reload/didChangeStatus", lambda status: [root["uri"] for root in status["roots"]] == [uri(two)]
            )
            (one / "a").touch()
            (two / "b").touch()
            assert [changes(batch) for batch in await told(client)] == [{"b": "created"}]


class TestRequests:
    async def test_initialize_announces_the_capabilities(self, tmp_path: Path) -> None:
        async with RecordingClient.start(*SERVE) as client:
            capabilities = (await client.initialize(hello([tmp_path], {})))["capabilities"]
            reload = capabilities["experimental"]["reload"]
            assert reload["version"] == 1
            assert "reload/sync" in reload["requests"]
            assert "reload/didChange" in reload["notifications"]
            assert "reloadls.refreshPaths" in capabilities["executeCommandProvider"]["commands"]
            assert capabilities["textDocumentSync"] == {"openClose": False, "change": 0, "save": {"includeText": False}}

    @pytest.mark.parametrize(
        ("method", "params", "field"),
        [
            ("reload/sync", {"timeoutMs": "soon"}, "timeoutMs"),
            ("reload/sync", {"timeoutMs": -1}, "timeoutMs"),
            ("reload/sync", {"timeout": 1}, "timeout"),
            ("reload/sync", [1], ""),
            ("reload/since", {"clock": 5}, "clock"),
            ("reload/refreshPaths", {"paths": "src"}, "paths"),
            ("reload/refreshPaths", {"paths": [""]}, "paths[0]"),
            ("reload/refreshPaths", {"paths": ["a", "b\0"]}, "paths[1]"),
            ("reload/trigger", {"uris": ["http://x"]}, "uris[0]"),
            ("reload/status", {"verbose": True}, "verbose"),
        ],
    )
    @pytest.mark.parametrize("as_command", [False, True], ids=["request", "command"])
    async def test_bad_params_name_the_field(
        self, tmp_path: Path, method: str, params: object, field: str, as_command: bool
    ) -> None:
        async with serving(tmp_path) as client:
            if as_command:
                command = {"command": method.replace("reload/", "reloadls."), "arguments": [params]}
                error = await refused(client, "workspace/executeCommand", command)
            else:
                error = await refused(client, method, params)
            assert error.code == -32602
            assert error.data["field"] == field
            assert error.data["reason"]
            await client.request("reload/sync")

    async def test_every_request_is_a_command_too(self, tmp_path: Path) -> None:
        async with serving(tmp_path) as client:
            for name in ("status", "refreshPaths", "sync", "since", "pause", "resume", "trigger"):
                assert await client.request("workspace/executeCommand", {"command": f"reloadls.{name}"}) is not None

    async def test_a_sync_that_times_out_reports_it(self, tmp_path: Path) -> None:
        async with serving(tmp_path) as client:
            error = await refused(client, "reload/sync", {"timeoutMs": 0})
            assert (error.code, "0 ms" in error.message) == (-32803, True)
            await client.request("reload/sync")

    async def test_a_cancelled_sync_loses_nothing(self, tmp_path: Path) -> None:
        async with serving(tmp_path, debounceMs=60_000) as client:
            picture = Picture(client)
            await picture.read()
            for number in range(30):
                (tmp_path / f"f{number}").touch()
                request, reply = client.start_request("reload/sync")
                client.notify("$/cancelRequest", {"id": request})
                await client.wait_until(reply.done, "a reply")
                assert reply.exception() is None or isinstance(reply.exception(), RpcError)
            await client.request("reload/sync")
            picture.apply()
            assert len(picture.files) == 30

    async def test_requests_before_initialized_say_what_is_missing(self, tmp_path: Path) -> None:
        async with RecordingClient.start(*SERVE) as client:
            await client.request("initialize", hello([tmp_path], {}))
            assert (await client.request("reload/status"))["state"] == "starting"
            error = await refused(client, "reload/sync")
            assert (error.code, "initialized" in error.message) == (-32803, True)
