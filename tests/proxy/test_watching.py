"""What the server registers for is watched, and nothing else is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reloadls.protocol import to_uri
from tests.proxy.between import WATCHED_FILES, between

CREATED, CHANGED, DELETED = 1, 2, 3
HEAVY = {"pygls", "lsprotocol", "cattrs", "attrs", "sqlite3"}
"""What only `--reload` needs, in a process of its own: it takes a third of a second and twenty megabytes."""
OFFERS = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}


async def test_the_server_sees_a_client_that_watches_and_all_else_unchanged(tmp_path: Path) -> None:
    capabilities = {
        "workspace": {"applyEdit": True, "didChangeWatchedFiles": {"dynamicRegistration": False}},
        "x": [1.5],
    }
    async with between(tmp_path) as both:
        seen = await both.initialize(capabilities)
        offered = {"dynamicRegistration": True, "relativePatternSupport": True}
        assert seen["capabilities"] == {"workspace": {"applyEdit": True, "didChangeWatchedFiles": offered}, "x": [1.5]}
        assert seen["rootUri"] == to_uri(os.fspath(tmp_path))


@pytest.mark.parametrize("options", [(), ("--always",)])
async def test_a_client_that_watches_is_left_alone_unless_always(tmp_path: Path, options: tuple[str, ...]) -> None:
    async with between(tmp_path, *options) as both:
        seen = await both.initialize(OFFERS)
        assert ("relativePatternSupport" in str(seen)) == bool(options)
        asked: list[Any] = []
        both.client.handlers["client/registerCapability"] = asked.append
        await both.register("**/*.py")
        assert bool(asked) != bool(options)


async def test_changes_are_reported_once_with_their_kind(tmp_path: Path) -> None:
    (tmp_path / "old.py").touch()
    (tmp_path / "gone.py").touch()
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py")
        both.write("old.py", "1")
        both.write("deep/er/new.py")
        both.write("other.txt")
        (tmp_path / "gone.py").unlink()
        await both.told(("old.py", CHANGED), ("deep/er/new.py", CREATED), ("gone.py", DELETED))


async def test_each_form_of_a_glob(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "w").mkdir()
    uri = to_uri(os.fspath(tmp_path / "in"))
    async with between(tmp_path / "w") as both:
        await both.initialize()
        await both.register(
            f"{tmp_path}/abs/*.toml",
            {"globPattern": {"baseUri": uri, "pattern": "**/*.js"}},
            {"globPattern": {"baseUri": {"uri": uri, "name": "in"}, "pattern": "*.md"}},
            "one.txt",
        )
        both.write("../abs/a.toml")
        both.write("../abs/deep/no.toml")
        both.write("../in/x/a.js")
        both.write("../in/a.md")
        both.write("../in/x/no.md")
        both.write("one.txt")
        both.write("x/no/one.txt")
        await both.told(("../abs/a.toml", 1), ("../in/x/a.js", 1), ("../in/a.md", 1), ("one.txt", 1))


async def test_a_workspace_whose_name_reads_like_a_glob(tmp_path: Path) -> None:
    (workspace := tmp_path / "[a] {b,c}").mkdir()
    (tmp_path / "one.toml").touch()
    async with between(workspace) as both:
        await both.initialize()
        await both.register(
            f"{workspace}/**/*.py",
            f"{to_uri(os.fspath(workspace))}/*.sbt",
            {"globPattern": {"baseUri": to_uri(os.fspath(tmp_path / "one.toml")), "pattern": "*"}},
            "../**/*.js",
        )
        both.write("src/a.py")
        both.write("a.sbt")
        both.write("../one.toml")
        both.write("../no.js")
        both.write("a.js")
        await both.told(("src/a.py", 1), ("a.sbt", 1), ("../one.toml", 2), ("a.js", 1))


async def test_the_user_is_warned_once_of_a_watcher_that_can_match_nothing(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("../other/**", "**/*.py")
        shown = await both.client.wait_for("window/showMessage", lambda _: True)
        assert shown["type"] == 2 and "../other/**" in shown["message"]
        await both.unregister()
        await both.register("../other/**", "**/*.md", id="w2")
        await both.register("[z-a]", "untitled:/x", id="w3")
        shown = await both.client.wait_for("window/showMessage", lambda _: True)
        assert "[z-a]" in shown["message"] and "and 1 more" in shown["message"]
        both.write("a.md")
        await both.told(("a.md", CREATED))
        assert "../other" not in str(both.client.received("window/showMessage")[1:])


async def test_the_kinds_mask(tmp_path: Path) -> None:
    names = ["c", "m", "d", "all"]
    for name in names:
        (tmp_path / f"there.{name}").touch()
    async with between(tmp_path) as both:
        await both.initialize()
        kinds = {"c": 1, "m": 2, "d": 4, "all": None}
        await both.register(*({"globPattern": f"**/*.{name}", "kind": kind} for name, kind in kinds.items()))
        for name in names:
            both.write(f"new.{name}")
        await both.told(("new.c", CREATED), ("new.all", CREATED))
        for name in names:
            both.write(f"there.{name}", "changed")
        await both.told(("there.m", CHANGED), ("there.all", CHANGED))
        for name in names:
            (tmp_path / f"there.{name}").unlink()
        await both.told(("there.d", DELETED), ("there.all", DELETED))


async def test_a_second_registration_reports_no_existing_files(tmp_path: Path) -> None:
    for name in ("a.py", "a.js"):
        (tmp_path / name).touch()
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py")
        await both.register("**/*.js", id="w2")
        both.write("a.js", "1")
        await both.told(("a.js", CHANGED))
        await both.unregister("w2")
        both.write("a.js", "2")
        both.write("b.py")
        await both.told(("b.py", CREATED))
        await both.unregister()
        both.write("c.py")
        await both.register("**/*.md", id="w3")
        both.write("d.md")
        await both.told(("d.md", CREATED))


async def test_excluded_folders_are_watched_if_a_glob_names_them(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.ts", "**/node_modules/*/package.json", f"{tmp_path}/.venv/lib/**/*.py", "**/*.pyc")
        both.write("node_modules/left/index.ts")
        both.write("__pycache__/no.ts")
        both.write(".venv/no.ts")
        both.write("node_modules/left/package.json")
        both.write(".venv/lib/a.py")
        both.write("b.pyc")
        both.write("c.ts")
        both.write("node_modules/later.ts")
        await both.told(
            ("node_modules/left/index.ts", 1), ("node_modules/later.ts", 1),  # it is watched now, so it counts
            ("node_modules/left/package.json", 1), (".venv/lib/a.py", 1), ("b.pyc", 1), ("c.ts", 1),
        )  # fmt: skip


async def test_node_modules_is_not_watched_for_a_glob_that_merely_reaches_there(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.ts")
        both.write("node_modules/left/index.ts")
        both.write("a.ts")
        await both.told(("a.ts", CREATED))


async def test_a_mixed_request_is_split(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        asked: list[Any] = []

        def see(params: Any) -> str:
            asked.append(params)
            return "seen"

        both.client.handlers["client/registerCapability"] = see
        files = {"id": "f", "method": WATCHED_FILES, "registerOptions": {"watchers": [{"globPattern": "**/*.py"}]}}
        other = {"id": "o", "method": "textDocument/formatting", "registerOptions": {"a": [1]}}
        answer = await both.server_asks("client/registerCapability", {"registrations": [files, other]})
        assert answer["result"] == "seen"
        assert asked == [{"registrations": [other]}]
        await both.register(id="empty")  # answered once the one before is watched
        both.write("a.py")
        await both.told(("a.py", CREATED))


async def test_what_the_client_refuses_of_a_mixed_request_is_not_watched(tmp_path: Path) -> None:
    def refuse(params: Any) -> None:
        raise ValueError("no")

    async with between(tmp_path) as both:
        await both.initialize()
        both.client.handlers["client/registerCapability"] = refuse
        files = {"id": "f", "method": WATCHED_FILES, "registerOptions": {"watchers": [{"globPattern": "**/*.py"}]}}
        answer = await both.server_asks(
            "client/registerCapability", {"registrations": [files, {"id": "o", "method": "x"}]}
        )
        assert answer["error"]["message"] == "no"
        await both.register("**/*.md")
        both.write("a.py")
        both.write("a.md")
        await both.told(("a.md", CREATED))


async def test_a_change_that_the_editor_reports_is_not_sent_twice(tmp_path: Path) -> None:
    async with between(tmp_path, "--debounce-ms", "300") as both:
        await both.initialize()
        await both.register("**/*.py")
        uri = to_uri(os.fspath(both.write("a.py")))
        both.client.notify(WATCHED_FILES, {"changes": [{"uri": uri, "type": CREATED}]})
        await both.told(("a.py", CREATED))
        both.write("b.py")
        await both.told(("b.py", CREATED))  # and nothing of a.py was told with it
        both.client.notify(WATCHED_FILES, {"changes": [{"uri": to_uri(str(tmp_path / "b.py")), "type": CREATED}]})
        both.client.notify(WATCHED_FILES, {"changes": [{"uri": to_uri(str(tmp_path / "c.txt")), "type": CREATED}]})
        await both.told(("c.txt", CREATED))


async def test_a_second_change_is_sent_although_the_editor_reported_the_first(tmp_path: Path) -> None:
    async with between(tmp_path, "--debounce-ms", "300") as both:
        await both.initialize()
        await both.register("**/*.py")
        path = both.write("a.py")
        both.client.notify(WATCHED_FILES, {"changes": [{"uri": to_uri(os.fspath(path)), "type": CREATED}]})
        await both.told(("a.py", CREATED))
        both.write("a.py", "more")
        await both.told(("a.py", CREATED))  # created, and changed after that, within one window


async def test_other_folders(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    async with between(tmp_path / "w") as both:
        await both.initialize()
        await both.register("**/*.py")
        added = {"uri": to_uri(os.fspath(tmp_path / "second")), "name": "s"}
        both.client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [added], "removed": []}})
        await both.register(id="empty")
        both.write("../second/a.py")
        await both.told(("../second/a.py", CREATED))


async def test_a_storm_comes_in_chunks(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for number in range(7000):
        (tmp_path / "made" / f"{number}.py").touch()
    (tmp_path / "w").mkdir()
    async with between(tmp_path / "w") as both:
        await both.initialize()
        await both.register("**/*.py")
        (tmp_path / "made").rename(tmp_path / "w" / "made")
        seen: list[str] = []
        sizes = []
        while len(seen) < 7000:
            got = await both.client.wait_for("test/got", lambda message: message.get("method") == WATCHED_FILES)
            seen += [change["uri"] for change in got["params"]["changes"]]
            sizes.append(len(got["params"]["changes"]))
        assert len(set(seen)) == 7000 and max(sizes) == 5000


async def test_watchers_that_make_no_sense_do_not_keep_others_out(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register(
            {"globPattern": 5}, {"kind": 7}, {"globPattern": {"pattern": "x"}}, "/**", "{{{[", "[z-a]", "**/*.py",
            {"globPattern": {"baseUri": "http://x/", "pattern": "**"}}, {"globPattern": "**/*.py", "kind": "all"},
        )  # fmt: skip
        both.write("a.py")
        await both.told(("a.py", CREATED))


@pytest.mark.parametrize("capabilities", [{}, OFFERS])
async def test_a_glob_without_a_registration(tmp_path: Path, capabilities: Any) -> None:
    async with between(tmp_path, "--watch", "**/*.{yml,yaml}") as both:
        await both.initialize(capabilities)
        await both.register(id="empty")
        both.write("a.yaml")
        await both.told(("a.yaml", CREATED))


async def test_our_own_log_is_not_reported(tmp_path: Path) -> None:
    """Each line about it would be a change, and so another line."""
    (tmp_path / "log").touch()
    (tmp_path / "link").symlink_to("log")
    async with between(tmp_path, "--log", "link") as both:
        await both.initialize()
        await both.register("**")
        both.write("a.py")
        await both.told(("a.py", CREATED))
        both.write("b.py")
        await both.told(("b.py", CREATED))
        assert len((tmp_path / "log").read_text().splitlines()) == 3


async def test_after_shutdown_nothing_is_sent_but_everything_is_answered(tmp_path: Path) -> None:
    async with between(tmp_path) as both, between(tmp_path) as other:
        for each in (both, other):
            await each.initialize()
            await each.register("**/*.py")
        await both.client.request("shutdown")
        for name in ("a.py", "b.py", "c.py"):  # the other one says when each was found
            both.write(name)
            await other.told((name, CREATED))
        await both.unregister()
        await both.register("**/*.md", id="w2")
        assert not [got for got in both.client.received("test/got") if got.get("method") == WATCHED_FILES]


def test_what_is_loaded_is_no_more_than_what_is_needed() -> None:
    program = (
        "import sys, reloadls.cli.app, reloadls.proxy.main, reloadls.proxy.watching.watcher, reloadls.protocol\n"
        f"print(*({HEAVY!r} & set(sys.modules)))\n"
        "from reloadls.protocol import *\n"
        f"print(*sorted({HEAVY!r} - set(sys.modules) - {{'sqlite3'}}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n\n"
