"""What reaches the server, and when: the handshake, registrations under one id, spellings of URIs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from reloadls.protocol import to_uri
from reloadls.proxy.messages import Message, MessageStream
from reloadls.proxy.watching.spelling import Spelling, folder_paths
from tests.cli.running import until
from tests.proxy.between import WATCHED_FILES, Between, between

CREATED = 1


def got(both: Between) -> list[dict[str, Any]]:
    """All that the server got as notifications, in order."""
    return [message for message in both.client.received("test/got") if "method" in message]


async def test_a_registration_under_an_id_that_exists_adds_to_it(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py", id="one")
        await both.register("**/*.md", id="one")
        await both.register(id="one")
        both.write("a.py")
        both.write("a.md")
        await both.told(("a.py", CREATED), ("a.md", CREATED))
        await both.unregister("one")
        await both.register("**/*.txt", id="two")
        both.write("b.py")
        both.write("b.md")
        both.write("b.txt")
        await both.told(("b.txt", CREATED))


async def test_one_request_may_register_one_id_twice(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        entries = [
            {"id": "one", "method": WATCHED_FILES, "registerOptions": {"watchers": [{"globPattern": glob}]}}
            for glob in ("**/*.py", "**/*.md")
        ]
        await both.server_asks("client/registerCapability", {"registrations": entries})
        both.write("a.py")
        both.write("a.md")
        await both.told(("a.py", CREATED), ("a.md", CREATED))


async def test_a_refusal_of_the_client_removes_only_that_registration(tmp_path: Path) -> None:
    def refuse(params: Any) -> None:
        raise ValueError("no")

    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py", id="one")
        both.client.handlers["client/registerCapability"] = refuse
        entry = {"id": "one", "method": WATCHED_FILES, "registerOptions": {"watchers": [{"globPattern": "**/*.md"}]}}
        await both.server_asks("client/registerCapability", {"registrations": [entry, {"id": "o", "method": "x"}]})
        await both.register("**/*.txt", id="two")
        both.write("a.md")
        both.write("a.py")
        both.write("a.txt")
        await both.told(("a.py", CREATED), ("a.txt", CREATED))


async def test_changes_wait_for_initialized(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with between(tmp_path, "--log", os.fspath(log), "--watch", "**/*.py") as both:
        await both.initialize(initialized=False)
        await both.register("**/*.md")  # answered, since the server may wait for that
        both.write("a.py")
        await asyncio.to_thread(until, lambda: "created" in log.read_text(), "the change")
        both.write("b.md")
        both.client.notify("initialized", {})
        await both.told(("a.py", CREATED), ("b.md", CREATED))
        assert got(both)[0]["method"] == "initialized"


async def test_a_repeated_initialize_offers_watching_too(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "other").mkdir()
    async with between(tmp_path / "w") as both:
        for folder in (tmp_path / "other", tmp_path / "w"):
            seen = await both.initialize(folder=to_uri(os.fspath(folder)), initialized=False)
            assert seen["capabilities"]["workspace"]["didChangeWatchedFiles"]["dynamicRegistration"] is True
        both.client.notify("initialized", {})
        await both.register("**/*.py")
        both.write("../other/a.py")
        both.write("b.py")
        await both.told(("b.py", CREATED))


async def test_a_file_is_spelled_as_the_editor_spells_it(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py")
        opened = f"file://{quote(os.fspath(tmp_path))}/a+b@c.py"
        assert opened != to_uri(os.fspath(tmp_path / "a+b@c.py"))
        document = {"uri": opened, "languageId": "python", "version": 1, "text": ""}
        both.client.notify("textDocument/didOpen", {"textDocument": document})
        both.write("a+b@c.py")
        both.write("d+e.py")
        await both.told(("a+b@c.py", CREATED), ("d+e.py", CREATED))
        uris = {
            change["uri"]
            for message in got(both)
            if message["method"] == WATCHED_FILES
            for change in message["params"]["changes"]
        }
        assert uris == {opened, to_uri(os.fspath(tmp_path / "d+e.py"))}


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
@pytest.mark.parametrize(
    "removed",
    ["file:///{}/a%20b", "file:///{}/a b/", "file:/{}/a%20b", "file://localhost/{}/%61%20b/", "FILE:///{}/a b"],
)
async def test_two_spellings_of_a_folder_are_one(tmp_path: Path, removed: str) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "w").mkdir()
    async with between(tmp_path / "w") as both:
        await both.initialize()
        await both.register("**/*.py")

        def change(**event: Any) -> None:
            both.client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": []} | event})

        change(added=[{"uri": to_uri(os.fspath(tmp_path / "a b")), "name": "a"}])
        await both.register(id="empty")
        both.write("../a b/a.py")
        await both.told(("../a b/a.py", CREATED))
        change(removed=[{"uri": removed.format(os.fspath(tmp_path)[1:]), "name": "a"}])
        await both.register(id="empty")
        both.write("../a b/b.py")
        both.write("c.py")
        await both.told(("c.py", CREATED))


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
def test_folders_that_name_no_folder_here() -> None:
    unusable = ["vscode-remote://ssh/w", "untitled:w", "file://host/w", "w", "", "file:w", "file:///a%00b"]
    assert folder_paths([*unusable, "file:///w", "/w/", "file:/w", "file:///x/../w"]) == ["/w"]


def test_the_last_spelling_counts() -> None:
    spelling = Spelling()
    spelling.note("file:///w/a+b")
    assert spelling.of("/w/a+b") == "file:///w/a+b"
    spelling.note("file:///w/a%2Bb")
    spelling.note("untitled:1")
    assert spelling.of("/w/a+b") is None


@pytest.mark.parametrize("other", [b"X-Content-Length: 7", b"xcontent-length:7", b"X-Content-Length: none"])
@pytest.mark.parametrize("first", [True, False])
def test_another_header_whose_name_ends_like_it(other: bytes, first: bool) -> None:
    lines = [other, b"Content-Length: 2"] if first else [b"Content-Length: 2", other]
    raw = b"\r\n".join([*lines, b"", b"{}"])
    assert MessageStream().feed(raw) == [Message(raw, len(raw) - 2)]


PULLS = {"textDocument": {"diagnostic": {"dynamicRegistration": True}, "hover": {}}}
REFRESHES = PULLS | {"workspace": {"diagnostics": {"refreshSupport": True}}}
NO_REFRESH = PULLS | {"workspace": {"diagnostics": {"refreshSupport": False}}}
WATCHES = PULLS | {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}


@pytest.mark.parametrize(
    ("capabilities", "options", "pulls"),
    [
        (PULLS, (), False),
        (NO_REFRESH, (), False),
        (REFRESHES, (), True),
        (WATCHES, (), True),
        (WATCHES, ("--always",), False),
        (PULLS, ("--reload",), False),
        (PULLS, ("--keep-pull",), True),
    ],
)
async def test_a_client_that_cannot_refresh_gets_diagnostics_sent(
    tmp_path: Path, capabilities: dict[str, Any], options: tuple[str, ...], pulls: bool
) -> None:
    """The scripted server answers with its params: so what stands there is what it was offered, and what it offers."""
    async with between(tmp_path, *options) as both:
        params = {"rootUri": None, "capabilities": capabilities | {"diagnosticProvider": {"identifier": "x"}}}
        seen = await both.client.request("initialize", params)
        documents = seen["capabilities"]["textDocument"]
        assert documents["hover"] == {}
        assert ("diagnostic" in documents) is pulls
        assert ("publishDiagnostics" in documents) is not pulls
        assert ("diagnosticProvider" in seen["capabilities"]) is pulls
        asked = await both.client.request("test/echo", {"capabilities": {"diagnosticProvider": 1}})
        assert asked == {"capabilities": {"diagnosticProvider": 1}}
