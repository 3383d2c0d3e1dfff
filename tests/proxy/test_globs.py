"""The glob grammar, by its own examples and by what editors and servers make of it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from reloadls.protocol import to_uri
from reloadls.proxy.watching.globs import alternatives, expression, literal_folders
from reloadls.proxy.watching.registrations import RegisteredWatches, read_watchers


def matches(pattern: str, path: str) -> bool:
    return re.fullmatch(expression(pattern), path, re.DOTALL) is not None


# pattern, what it matches, what it does not
TABLE = [
    # The specification's own.
    ("**/*.{ts,js}", "a.ts b/c.js a/b/c/d.ts", "a.tsx a/b.py ts a.ts/b"),
    ("example.[0-9]", "example.0 example.1 example.9", "example.a example. example.10"),
    ("example.[!0-9]", "example.a example.b example._", "example.0 example./ example.aa"),
    # One name.
    ("*", "a .hidden a.b", "a/b /a"),
    ("*.py", "a.py .py", "a/b.py a.pyc a_py"),
    ("a?c", "abc a.c", "ac abbc a/c"),
    ("a*c", "ac abc abbc", "a/c abcd"),
    # Many names.
    ("**", "a a/b a/b/c", ""),
    ("**/*", "a a/b a/b/c", ""),
    ("**/a", "a b/a c/b/a", "ab ba c/ba a/b"),
    ("a/**", "a a/b a/b/c", "b/a ab"),
    ("a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb a/bx"),
    ("a/**/*.py", "a/x.py a/b/x.py", "x.py b/a/x.py"),
    ("**/a/**", "a a/b x/a x/a/b/c", "xa/b"),
    ("/**/x", "/x /a/x", "x"),
    ("a**b", "ab axb", "a/b"),
    ("**.py", "a.py", "a/b.py"),
    # Choices.
    ("{a,b}", "a b", "ab c {a,b}"),
    ("{a,b}/c", "a/c b/c", "c"),
    ("{**/a,b}", "a x/a b", "x/b"),
    ("{a,b{c,d}}e", "ae bce bde", "be abce"),
    ("a{,b}", "a ab", "b"),
    ("{[,],a}", ", a", "b"),
    ("**/{package.json,*.lock}", "package.json x/package.json y/z.lock", "xpackage.json"),
    ("{one}", "one", "{one}"),
    # Classes.
    ("[a-c]x", "ax bx cx", "dx Ax x"),
    ("[a-cx-z]", "a z", "m"),
    ("[-a]", "- a", "b"),
    ("[a-]", "- a", "b"),
    ("[]a]", "] a", "b"),
    ("[!]a]", "b", "] a"),
    ("[^a]", "b", "a"),
    ("[.]", ".", "a"),
    ("[\\]", "\\", "a"),
    ("[z-a]", "", "a z -"),
    ("a[+-0]b", "a+b a.b a0b", "a/b a1b"),
    # What is not special, or not closed.
    ("a.b+c(d)|e^$", "a.b+c(d)|e^$", "axb+c(d)|e^$"),
    ("[a", "[a", "a"),
    ("{a,b", "{a,b", "a"),
    ("a}b]", "a}b]", "ab"),
    ("[a/b]", "[a/b]", "a"),
    ("\\*", "\\ \\x", "* x"),
    ("ä/*.ö", "ä/x.ö", "a/x.o"),
]


@pytest.mark.parametrize(("pattern", "yes", "no"), TABLE)
def test_matching(pattern: str, yes: str, no: str) -> None:
    for path in yes.split(" ") if yes else []:
        assert matches(pattern, path), path
        assert any(matches(choice, path) for choice in alternatives(pattern)), path
    for path in no.split(" ") if no else []:
        assert not matches(pattern, path), path
        assert not any(matches(choice, path) for choice in alternatives(pattern)), path


def test_names_with_newlines_and_bytes_that_are_not_utf_8() -> None:
    assert matches("**/*.py", "a\n/b\udcff.py")
    assert matches("?", "\n")


@pytest.mark.parametrize(
    ("pattern", "literal", "rest"),
    [
        ("/a/b/**/*.py", "/a/b", "**/*.py"),
        ("/a/b.toml", "/a/b.toml", ""),
        ("**/*", "", "**/*"),
        ("src/*.py", "src", "*.py"),
        ("/*.py", "/", "*.py"),
        ("a/b[c]/d", "a", "b[c]/d"),
    ],
)
def test_literal_folders(pattern: str, literal: str, rest: str) -> None:
    assert literal_folders(pattern) == (literal, rest)


def test_too_many_choices_stay_together() -> None:
    began = time.monotonic()
    pattern = "{a,b}" * 40
    assert alternatives(pattern) == [pattern]
    assert matches(pattern, "ab" * 20)
    assert time.monotonic() - began < 5


def watch(*patterns: Any, folders: tuple[str, ...] = ("/w",)) -> RegisteredWatches:
    globs, problems = read_watchers([{"globPattern": pattern} for pattern in patterns], folders)
    assert not problems
    return RegisteredWatches(globs)


# patterns, roots of trees, roots of single folders
ROOTS = [
    (["**/*.py"], ["/w"], []),
    (["**/*.py", "src/**/*.js", "/w/deep/er/**"], ["/w"], []),
    (["/a/**/*.py", "/a/b/**", "/ab/**"], ["/a", "/ab"], []),
    (["/home/me/.pylintrc"], ["/home/me/.pylintrc"], []),
    (["/home/me/*.toml", "/w/**"], ["/w"], ["/home/me"]),
    (["pyproject.toml"], ["/w/pyproject.toml"], []),
    (["{/a/**/*.py,/b/*.js}"], ["/a"], ["/b"]),
    (["*.py", "**/x"], ["/w"], []),
    (["**/*.ts", "/w/node_modules/x/**"], ["/w", "/w/node_modules/x"], []),
    (["**/*.ts", "node_modules/x/index.ts"], ["/w", "/w/node_modules/x/index.ts"], []),
    (["**/node_modules/*/package.json", "/w/node_modules/x/**"], ["/w"], []),
    (["src/../lib/**", "/w/./x//y/**"], ["/w/lib", "/w/x/y"], []),
    (["./src/**"], ["/w/src"], []),
]


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
@pytest.mark.parametrize(("patterns", "trees", "single"), ROOTS)
def test_roots(patterns: list[str], trees: list[str], single: list[str]) -> None:
    scopes = watch(*patterns).scopes
    found = {"*/" in scope.exclude: sorted(scope.roots) for scope in scopes}
    assert found.get(False, []) == trees
    assert found.get(True, []) == single


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
def test_excluded_names_are_included_only_for_globs_that_name_them() -> None:
    def back(*patterns: str) -> tuple[str, ...]:
        return watch(*patterns).scopes[0].exclude

    assert back("**/*.ts", "**") == ()
    assert back("**/node_modules/*/package.json") == ("!node_modules/",)
    assert back("**/*.pyc") == ("!*.pyc",)
    assert back("**/{.git,.venv}/**/x") == ("!.git/", "!.venv/")
    assert back("**/.git/HEAD") == ("!.git/",)


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
def test_only_names_that_can_match_are_looked_at() -> None:
    assert watch("**/*.py", "**/*.{js,ts}").scopes[0].include == ("*.py", "*.js", "*.ts")
    assert watch("**/*.py", "**").scopes[0].include == ()
    assert watch("**/*.py", "**/#[!a]b").scopes[0].include == ("*.py", "\\#[^a]b")


@pytest.mark.parametrize("pattern", ["/**", "/*.py", "**/x"])
def test_a_whole_file_system_is_refused(pattern: str) -> None:
    globs, problems = read_watchers([{"globPattern": pattern}], ["/"])
    assert not globs and "whole file system" in problems[0]


def test_no_folder_no_watching() -> None:
    assert read_watchers([{"globPattern": "**/*.py"}], []) == ([], [])


def test_kinds_are_joined() -> None:
    globs, _ = read_watchers([{"globPattern": "**/*.py", "kind": 1}, {"globPattern": "**/a.*", "kind": 4}], ["/w"])
    watches = RegisteredWatches(globs)
    assert [watches.wants("/w/a.py", kind) for kind in ("created", "modified", "deleted")] == [True, False, True]
    assert not watches.wants("/w/b.py", "deleted")
    assert not watches.wants("/elsewhere/a.py", "created")


def wanted(glob: Any, *paths: str, folders: tuple[str, ...] = ("/w",)) -> list[str]:
    """Of `paths`, those that `glob` is told of; nothing of it is passed over."""
    watches = watch(glob, folders=folders)
    assert all(any(root == path or path.startswith(f"{root}/") for root in watches.roots) for path in paths[:1])
    return [path for path in paths if watches.wants(path, "modified")]


def based(base: Any, pattern: str) -> dict[str, Any]:
    return {"baseUri": base, "pattern": pattern}


# glob, a path that it means, paths that it does not
PLACES: list[tuple[Any, str, str]] = [
    ("file:///w/*.sbt", "/w/a.sbt", "/w/b/a.sbt /w/file:///w/a.sbt"),
    ("file:/w/*.sbt", "/w/a.sbt", "/w/b/a.sbt"),
    ("file://localhost/w/**/*.sbt", "/w/b/a.sbt", "/w/b/a.sb"),
    ("FILE:///w//project/./*.{sbt,scala}", "/w/project/a.scala", "/w/project/b/a.scala"),
    ("file:///w/a%20b/%5Bx%5D/*.py", "/w/a b/[x]/a.py", "/w/a b/x/a.py"),
    ("file:///w/**/%5Bx%5D%2A.py", "/w/b/[x]*.py", "/w/b/xa.py /w/b/[x]a.py"),
    ("file:///w/**/%7Ba%2Cb%7D.py", "/w/b/{a,b}.py", "/w/b/a.py"),
    ("{file:///w/*.sbt,file:///w/x/*.py}", "/w/x/a.py", "/w/a.py"),
    ("{file:///w/*.sbt,**/*.py}", "/w/x/a.py", "/w/x/a.sbt"),
    ("file:///opt/x%5B1%5D/**", "/opt/x[1]/a", "/opt/x1/a"),
    (based("file:///w/a%20b/", "*.py"), "/w/a b/a.py", "/w/a b/c/a.py"),
    (based({"uri": "file:///opt/[x]/", "name": "x"}, "**/*.py"), "/opt/[x]/b/a.py", "/opt/x/a.py"),
    (based("/opt/{a,b}", "**/*.py"), "/opt/{a,b}/a.py", "/opt/a/a.py"),
    ({"base": "/opt", "pattern": "*.py"}, "/opt/a.py", "/opt/b/a.py"),
    (based("file:///w", "/w/*.py"), "/w/a.py", "/w/w/a.py"),
    (based("file:///w", "/src/*.py"), "/w/src/a.py", "/src/a.py"),
    (based("file:///w", "file:///w/*.py"), "/w/a.py", "/w/b/a.py"),
    (based("file:///w/src", "../lib/*.py"), "/w/lib/a.py", "/w/src/lib/a.py"),
    (based("file:///", "w/*.py"), "/w/a.py", "/a.py"),
    ("/opt/lib/**/*.py", "/opt/lib/a/b.py", "/w/a.py"),
    ("/opt/*.toml", "/opt/a.toml", "/opt/b/a.toml"),
    ("**/a/../*.py", "/w/x/b.py", "/w/x/a/../b.txt"),
]


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
@pytest.mark.parametrize(("glob", "yes", "no"), PLACES)
def test_places(glob: Any, yes: str, no: str) -> None:
    assert wanted(glob, yes, *no.split(" ")) == [yes]


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
@pytest.mark.parametrize("name", ["w[x]", "[w]", "{a,b}", "w*", "w?", "{", "]", "a b", "%41"])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_workspace_in_front_of_a_glob_stands_for_itself(name: str, end: str) -> None:
    folder = f"/home/me/{name}"
    folders = (folder + end,)
    for start in (folder, folder + "/", to_uri(folder), f"file://{folder}".replace("%", "%25")):
        glob = f"{start}/src/**/*.{{py,pyi}}"
        assert wanted(glob, f"{folder}/src/a/b.py", "/home/me/wx/src/a.py", folders=folders) == [f"{folder}/src/a/b.py"]
        assert watch(glob, folders=folders).roots == [f"{folder}/src"]
    assert watch(f"{folder}/**", folders=folders).roots == [folder]
    assert watch(f"{folder}/a.toml", folders=folders).roots == [f"{folder}/a.toml"]


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
@pytest.mark.parametrize(
    ("glob", "roots"),
    [
        ("../**", ["/x/w"]),
        ("../*/src/**", ["/x/w/src"]),
        ("../../**/*.py", ["/x/w"]),
        ("/**", ["/x/w"]),
        ("/x/**/*.py", ["/x/w"]),
        ("/x/*/src/*.py", ["/x/w/src"]),
        ("/x/{w,v}/**", ["/x/v", "/x/w"]),
        ("file:///x/**/a", ["/x/w"]),
        ("../v/**", ["/x/v"]),
        ("../w/**", ["/x/w"]),
        (based("file:///x", "**/*.py"), ["/x"]),
        (based("file:///x/w/src", "../../**/*.py"), ["/x/w"]),
        (based("file:///x/other", "../**/*.py"), ["/x/other", "/x/w"]),
        (based("file:///x/other", "**/*.py"), ["/x/other"]),
    ],
)
def test_no_tree_above_the_workspace_is_watched_but_for_a_base_there(glob: Any, roots: list[str]) -> None:
    folders = ("/x/w", "/x/v") if "v" in str(glob) else ("/x/w",)
    globs, _ = read_watchers([{"globPattern": glob}], folders)
    assert sorted(RegisteredWatches(globs).roots) == roots


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
def test_what_is_watched_of_a_tree_above_the_workspace_matches_as_before() -> None:
    paths = ["/x/w/src/a.py", "/x/w/src/b/a.py", "/x/w/a.py", "/x/w/src/a.js"]
    folders = ("/x/w",)
    assert wanted("/x/**/src/*.py", *paths, folders=folders) == paths[:1]
    assert wanted("/**/w/**/*.py", *paths, folders=folders) == paths[:3]
    assert wanted("/x/w/../w/*.py", *paths[2:], folders=folders) == [paths[2]]


NOTHING: list[Any] = [
    "", "/", ".", "../other/**", "../../*", "../other.toml", "/w/../other/**", "file:///w/../other/**", "/[v]/x/**",
    "/{home,opt}/x", "**/*/../x", "[z-a]", "**/*.[]", "http://x/**", "vscode-remote://x/w/**", "file://host/w/**",
    "untitled:/x", "C:/w/**", "c:\\w\\**", based("file:///w/src", "../../x/**"), based("untitled:x", "**"),
    based("file:///opt/x", "../y/**"), based("file:///opt", "file:///w/*.py"), based("file:///", "**"), based(5, "**"),
    based("", "**"), "a\ud800/*.py", based("/\ud800", "*"),
]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
@pytest.mark.parametrize("glob", NOTHING)
def test_a_watcher_that_can_match_nothing_is_a_problem_and_not_watched(glob: Any) -> None:
    globs, problems = read_watchers([{"globPattern": glob}, {"globPattern": "**/*.py"}], ["/w"])
    if glob in ("**/*.[]", "/{home,opt}/x"):  # these mean something
        assert not problems and len(globs) > 1
    else:
        assert len(problems) == 1 and RegisteredWatches(globs).roots == ["/w"]


def test_a_watcher_of_no_kind_is_a_problem() -> None:
    globs, problems = read_watchers([{"globPattern": "**", "kind": 0}], ["/w"])
    assert not globs and "its kind is none of" in problems[0]


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
def test_of_choices_those_that_can_match_are_watched() -> None:
    globs, problems = read_watchers([{"globPattern": "{/w/**/*.py,../other/**}"}], ["/w"])
    assert RegisteredWatches(globs).roots == ["/w"] and "it can match nothing in the workspace" in problems[0]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("**", True), ("*", True), ("**/*", True), ("", True), ("a.toml", True), ("*.toml", True), ("src/**", False)],
)
def test_a_base_that_is_a_file(tmp_path: Path, pattern: str, told: bool) -> None:
    folder, file = os.fspath(tmp_path / "w"), os.fspath(tmp_path / "[a] b" / "a.toml")
    os.makedirs(folder)
    os.makedirs(os.path.dirname(file))
    for path in (to_uri(file), to_uri(file) + "/", file):
        Path(file).touch()
        globs, problems = read_watchers([{"globPattern": based(path, pattern)}], [folder])
        assert RegisteredWatches(globs).roots == ([file] if told else []) and bool(problems) != told
        assert RegisteredWatches(globs).wants(file, "modified") == told
        os.unlink(file)
        globs, _ = read_watchers([{"globPattern": based(path, pattern)}], [folder])
        assert RegisteredWatches(globs).wants(file, "created") == (told and "a" not in pattern and "t" not in pattern)


def test_a_folder_on_disk_that_reads_like_a_pattern(tmp_path: Path) -> None:
    """A part of the workspace, or a workspace by another of its names, in front of a glob."""
    (tmp_path / "real[x]" / "[slug]").mkdir(parents=True)
    (tmp_path / "link{x}").symlink_to("real[x]")
    real, link = os.fspath(tmp_path / "real[x]"), os.fspath(tmp_path / "link{x}")
    for folder in (real, link):
        for path in (real, link):
            glob = f"{path}/[slug]/*.ts"
            paths = [f"{path}/[slug]/a.ts", f"{path}/[slug]/b/a.ts"]
            assert wanted(glob, *paths, folders=(folder,)) == paths[:1]
    assert wanted("[slug]/*.ts", f"{real}/[slug]/a.ts", f"{real}/s/a.ts", folders=(real,)) != []
    assert wanted("[slug]/*.ts", f"{real}/s/a.ts", folders=(real,)) != []


def test_a_glob_that_names_a_folder_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for glob in ("src", f"{tmp_path}/src", f"{tmp_path}", based(to_uri(os.fspath(tmp_path)), "")):
        globs, problems = read_watchers([{"globPattern": glob}], [os.fspath(tmp_path)])
        assert not globs and "it can match nothing" in problems[0]


def test_a_glob_with_a_nul_matches_nothing_and_leaves_others_alone(tmp_path: Path) -> None:
    """To look for such a name fails, and would fail for all that is watched together."""
    folder = os.fspath(tmp_path)
    uri = to_uri(folder)
    odd = (
        "\0",
        f"{folder}/\0/**",
        f"{uri}/%00*.py",
        "**/\0",
        based(uri, "\0/*"),
        based(f"{uri}/%00", "*"),
        based(f"{folder}\0", "*"),
    )
    for glob in odd:
        globs, problems = read_watchers([{"globPattern": glob}, {"globPattern": "**/*.py"}], [folder])
        assert [each.pattern for each in globs] == ["**/*.py"], glob
        assert len(problems) == 1 and "NUL" in problems[0]
    globs, problems = read_watchers([{"globPattern": "{a,\0}"}], [folder])
    assert [each.base for each in globs] == [f"{folder}/a"] and len(problems) == 1


def test_many_wildcards_above_the_workspace_take_no_time() -> None:
    folder = "/x" * 500
    began = time.monotonic()
    read_watchers([{"globPattern": "/x/" + "**/*/" * 300 + "b"}], [folder])
    assert time.monotonic() - began < 5
