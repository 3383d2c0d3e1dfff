"""What git leaves out beside the .gitignore files of a tree: what is above it, info/exclude, core.excludesFile."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from reloadls.watch import FileWatcher
from reloadls.watch.flush import Pacing
from reloadls.watch.scope.git_config import configured
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.snapshot import Snapshot
from reloadls.watch.sources.choose import SourceName
from tests.support.fuse import mounted, needs_fuse
from tests.support.watching import SOURCES, piping

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


class Place(NamedTuple):
    home: Path
    top: Path

    def git(self, *arguments: str, at: str = ".") -> str:
        done = subprocess.run(["git", *arguments], cwd=self.top / at, check=True, capture_output=True, text=True)
        return done.stdout

    def left_out(self, name: str) -> bool:
        """What git says."""
        command = ["git", "check-ignore", "--quiet", "--no-index", name]
        return subprocess.run(command, cwd=self.top, check=False).returncode == 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    home, top = tmp_path / "home", tmp_path / "top"
    home.mkdir()
    (top / "pkg" / "sub").mkdir(parents=True)
    monkeypatch.setenv("HOME", os.fspath(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    place = Place(home, top)
    place.git("init", "--quiet", "--template=")
    for name in ("pkg/a.py", "pkg/b.log", "pkg/sub/c.log"):
        (top / name).write_text("1")
    return place


def write(name: str, text: str = "*.log\n") -> Callable[[Place], object]:
    def act(place: Place) -> None:
        path = place.home.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return act


def replace(name: str) -> Callable[[Place], object]:
    def act(place: Place) -> None:
        new = place.home.parent / "new"
        new.write_text("*.log\n")
        os.replace(new, place.home.parent / name)

    return act


def remove(name: str) -> Callable[[Place], object]:
    def act(place: Place) -> None:
        path = place.home.parent / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return act


def link(name: str, to: str) -> Callable[[Place], object]:
    def act(place: Place) -> None:
        path = place.home.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(place.home.parent / to)

    return act


def git(*arguments: str) -> Callable[[Place], object]:
    return lambda place: place.git(*arguments)


def steps(*acts: Callable[[Place], object]) -> Callable[[Place], object]:
    def act(place: Place) -> None:
        for one in acts:
            one(place)

    return act


def nothing(_place: Place) -> None:
    pass


# name → what is there at the start, and what is done then; git says after each what is left out.
CASES: dict[str, tuple[Callable[[Place], object], Callable[[Place], object]]] = {
    "above: made": (nothing, write("top/.gitignore")),
    "above: edited": (write("top/.gitignore", "*.py\n"), write("top/.gitignore", "*.log\n*.x\n")),
    "above: replaced": (write("top/.gitignore", "*.py\n"), replace("top/.gitignore")),
    "above: deleted": (write("top/.gitignore"), remove("top/.gitignore")),
    "above: a link is not followed": (write("rules"), link("top/.gitignore", "rules")),
    "above: taken back below": (write("top/.gitignore"), write("top/pkg/.gitignore", "!*.log\n")),
    "info/exclude: made with its folder": (nothing, write("top/.git/info/exclude")),
    "info/exclude: edited": (write("top/.git/info/exclude", "*.py\n"), write("top/.git/info/exclude")),
    "info/exclude: deleted": (write("top/.git/info/exclude"), remove("top/.git/info/exclude")),
    "info/exclude: a link is followed": (nothing, steps(write("rules"), link("top/.git/info/exclude", "rules"))),
    "info/exclude: where the link leads": (
        steps(write("rules", "*.py\n"), link("top/.git/info/exclude", "rules")),
        write("rules", "*.log\nand more\n"),
    ),
    "info/exclude: .gitignore counts more": (write("top/.git/info/exclude"), write("top/.gitignore", "!b.log\n")),
    "excludesFile: the default one, made": (nothing, write("home/.config/git/ignore")),
    "excludesFile: the default one, edited": (
        write("home/.config/git/ignore", "*.py\n"),
        write("home/.config/git/ignore", "*.log\n*.x\n"),
    ),
    "excludesFile: set in the repository": (
        write("home/mine"),
        lambda place: place.git("config", "core.excludesFile", os.fspath(place.home / "mine")),
    ),
    "excludesFile: set by the user": (write("home/mine"), git("config", "--global", "core.excludesFile", "~/mine")),
    "excludesFile: edited": (
        steps(write("home/mine", "*.py\n"), git("config", "--global", "core.excludesFile", "~/mine")),
        write("home/mine", "*.log\n# longer\n"),
    ),
    "excludesFile: included": (
        write("home/mine"),
        steps(
            write("home/more", "[core]\n\texcludesFile = ~/mine\n"), write("home/.gitconfig", "[include]\npath = more")
        ),
    ),
    "excludesFile: none": (write("home/.config/git/ignore"), git("config", "core.excludesFile", "")),
    "excludesFile: info/exclude counts more": (
        steps(write("home/mine"), git("config", "--global", "core.excludesFile", "~/mine")),
        write("top/.git/info/exclude", "!b.log\n"),
    ),
    "the repository is gone": (write("top/.gitignore"), remove("top/.git")),
}


async def check(place: Place, root: Path, source: SourceName, act: Callable[[Place], object]) -> None:
    """Before and after `act`, what is watched is what git does not leave out."""
    names = ("pkg/a.py", "pkg/b.log", "pkg/sub/c.log")
    in_repository = (place.top / ".git").exists

    def expected() -> list[str]:
        return [name for name in names if not in_repository() or not place.left_out(name)]

    pacing = Pacing(debounce=0.02, max_wait=0.2, poll_delay=0.02, use=source)
    async with piping([root], pacing=pacing) as (reported, pipeline):

        async def known() -> list[str]:
            files = await pipeline.files()
            return [name for name in names if os.fspath(place.top / name) in files]

        assert await known() == expected()
        act(place)
        await pipeline.sync()
        assert await known() == expected()
        assert not any(path.endswith((".log", ".py")) for path in reported.net()), (
            "what enters or leaves has not changed"
        )
        for name in names:
            with (place.top / name).open("a") as file:
                file.write("more")
        await pipeline.sync()
        changed = {os.path.relpath(path, place.top) for path, kind in reported.net().items() if kind == "modified"}
        assert changed & set(names) == set(expected())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES)
async def test_below_the_top_of_a_repository(place: Place, source: SourceName, case: str) -> None:
    before, act = CASES[case]
    before(place)
    await check(place, place.top / "pkg", source, act)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith(("above: deleted", "the repository"))])
async def test_at_the_top_of_a_repository(place: Place, source: SourceName, case: str) -> None:
    before, act = CASES[case]
    before(place)
    await check(place, place.top, source, act)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith(("info", "excludesFile"))])
async def test_a_repository_in_a_root(place: Place, source: SourceName, case: str) -> None:
    before, act = CASES[case]
    before(place)
    await check(place, place.top.parent, source, act)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_folder_that_becomes_a_repository(place: Place, source: SourceName) -> None:
    write("home/.config/git/ignore")(place)
    remove("top/.git")(place)
    await check(place, place.top, source, git("init", "--quiet", "--template="))


@pytest.mark.parametrize("source", SOURCES)
async def test_a_working_tree_beside_the_repository(place: Place, source: SourceName) -> None:
    place.git("-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty", "-m", "first")
    place.git("worktree", "add", "-q", "../other")
    other = Place(place.home, place.top.parent / "other")
    (other.top / "pkg" / "sub").mkdir(parents=True)
    for name in ("pkg/a.py", "pkg/b.log", "pkg/sub/c.log"):
        (other.top / name).write_text("1")
    await check(other, other.top / "pkg", source, write("top/.git/info/exclude"))


async def test_it_can_be_switched_off(place: Place) -> None:
    for name in ("top/.gitignore", "top/.git/info/exclude", "home/.config/git/ignore"):
        write(name)(place)
    snapshot = Snapshot(Scope([place.top / "pkg"], use_gitignore=False))
    snapshot.begin()
    assert os.fspath(place.top / "pkg" / "b.log") in set(snapshot.files())
    assert not any(path.startswith(os.fspath(place.home)) for path in snapshot.watch_set().folders)


@needs_fuse
@pytest.mark.parametrize("where", [".gitignore", "pkg/.gitignore", ".git/info/exclude"])
async def test_an_unreadable_path_is_reported_and_counts_once_it_is_readable(
    place: Place, tmp_path: Path, where: str
) -> None:
    shutil.move(place.top, tmp_path / "backing")
    with mounted(place.top, tmp_path / "backing") as fuse:
        write("top/" + where)(place)
        fuse.fail("EIO", "open", below="/" + where)
        pacing = Pacing(debounce=0.02, max_wait=0.2)
        async with piping([place.top / "pkg"], pacing=pacing) as (reported, pipeline):
            assert pipeline.status.state == "degraded"
            assert [problem.code for problem in pipeline.status.problems] == ["unreadable"]
            assert pipeline.status.problems[0].path == os.fspath(place.top / where)
            fuse.heal()
            await reported.until(lambda: reported.statuses and reported.statuses[-1].state == "watching")
            assert not any(path.endswith(".log") for path in await pipeline.files())
            fuse.fail("EIO", "open", below="/" + where)
            (fuse.backing / where).write_text("*.py\n*.log\n")
            (place.top / "pkg" / "d.log").write_text("1")
            await pipeline.sync()
            assert not any(path.endswith(".log") for path in await pipeline.files()), "its rules were forgotten"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("where", [".gitignore", "pkg/.gitignore", ".git/info/exclude"])
def test_a_pipe_is_not_waited_for(place: Place, where: str) -> None:
    (place.top / where).parent.mkdir(exist_ok=True)
    os.mkfifo(place.top / where)
    snapshot = Snapshot(Scope([place.top / "pkg"]))
    snapshot.begin()
    assert os.fspath(place.top / "pkg" / "b.log") in set(snapshot.files())


@pytest.mark.parametrize("where", [".gitignore", "pkg/.gitignore", "pkg/sub/.gitignore", ".git/info/exclude"])
async def test_a_line_that_is_too_long_is_named(place: Place, where: str) -> None:
    write("top/" + where, "*.log\n" + "a" * 5000 + "\n#" + "b" * 5000)(place)
    async with FileWatcher(lambda _: None, paths=[place.top / "pkg"]) as watcher:
        (problem,) = watcher.status.problems
        assert problem.code == "badPattern"
        assert problem.path == os.fspath(place.top / where)
        assert problem.message.endswith("ignored: line 2")
        assert watcher.status.state == "watching"


def test_a_line_that_was_too_long_is_forgotten(place: Place) -> None:
    write("top/pkg/.gitignore", "a" * 5000)(place)
    snapshot = Snapshot(Scope([place.top / "pkg"]))
    snapshot.begin()
    assert len(snapshot.status()[1]) == 1
    remove("top/pkg/.gitignore")(place)
    snapshot.reconcile([os.fspath(place.top / "pkg" / ".gitignore")])
    assert not snapshot.status()[1]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "config",
    [
        "[include]\n" + "path = config\npath = ../.git/config\n" * 1000,
        "\n" * 1_000_000,
        " " * 1_000_000,
        "[" * 1_000_000,
        "[a " * 300_000,
        '[a "' * 200_000,
        "[core]\nexcludesFile = " + "\\\n" * 400_000,
    ],
    ids=["includes itself", "empty lines", "spaces", "brackets", "sections", "quotes", "one long line"],
)
def test_settings_of_an_enemy_end(place: Place, config: str) -> None:
    write("top/.git/config", config)(place)
    snapshot = Snapshot(Scope([place.top / "pkg"]))
    snapshot.begin()
    assert os.fspath(place.top / "pkg" / "b.log") in set(snapshot.files())


@pytest.mark.parametrize(
    "text",
    [
        "[core]\nexcludesFile = plain\n",
        "[CORE] EXCLUDESFILE=plain",
        '[core]\n excludesfile = "a b" ; comment\n',
        "[core]\n excludesfile = a b   # comment\n",
        '[core]\n excludesfile = a "#" b\n',
        "[core]\n excludesfile = a\\\n  b\n",
        '[core]\n excludesfile = "a\\tb\\\\c\\"d"\n',
        "[core]\n excludesfile =\n",
        '[core "sub"]\n excludesfile = sub\n',
        "[core]\n bare = false\n; comment\n[user]\nname = x\n[core]\n excludesfile = second\n",
        "\ufeff[core]\r\n excludesfile = windows\r\n",
        "[core]excludesfile=x\n[core]\nexcludesfile=y",
    ],
)
def test_settings_are_read_as_git_reads_them(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.encode())
    command = ["git", "config", "--file", os.fspath(path), "--get-all", "--null", "core.excludesFile"]
    expected = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\0")[:-1]
    assert [value for name, value in configured(text) if name == "core.excludesfile"] == expected
