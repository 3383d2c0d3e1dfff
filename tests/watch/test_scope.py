"""Which paths count."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.scope.patterns import Patterns, check_pattern
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.snapshot import Snapshot


def check(tmp_path: Path, files: str, expected: str, *, roots: tuple[str, ...] = ("",), **scope: Any) -> None:
    """Of `files`, those count that are `expected`."""
    for name in files.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    snapshot = Snapshot(Scope([tmp_path / root for root in roots], **scope))
    snapshot.begin()
    found = sorted(str(Path(path).relative_to(tmp_path)) for path in snapshot.files())
    assert found == sorted(expected.split())


@pytest.mark.parametrize(
    ("files", "scope", "expected"),
    [
        ("a.py b.txt", {}, "a.py b.txt"),
        # include
        ("a.py b.txt c/d.py c/e", {"include": ["*.py"]}, "a.py c/d.py"),
        ("a.py c/d.py c/e/f.py", {"include": ["c/"]}, "c/d.py c/e/f.py"),
        ("a.py c/d.py c/e/f.py", {"include": ["/c/*"]}, "c/d.py c/e/f.py"),
        ("a.py c/a.py", {"include": ["/a.py"]}, "a.py"),
        ("a.py b.py", {"include": ["*.py", "!b.py"]}, "a.py"),
        ("c/a c/d/b", {"include": ["c/", "!c/d/"]}, "c/a"),
        ("c/a c/d/b", {"include": ["c/", "!c/d/", "b"]}, "c/a c/d/b"),
        ("a.py b.py", {"include": []}, "a.py b.py"),
        ("src/a.ts src/b.js x.ts", {"include": ["src/**/*.ts"]}, "src/a.ts"),
        # exclude
        ("a.py b.txt c/d.txt", {"exclude": ["*.txt"]}, "a.py"),
        ("a/x b/x c/a/x", {"exclude": ["/a/"]}, "b/x c/a/x"),
        ("a/x b/x c/a/x", {"exclude": ["a/"]}, "b/x"),
        ("a/x a/y", {"exclude": ["a/*", "!a/y"]}, "a/y"),
        ("a.py b.py", {"include": ["*.py"], "exclude": ["b.py"]}, "a.py"),
        # built in, and taken back
        ("a.py __pycache__/a.pyc a.pyc .git/HEAD node_modules/x/y .venv/z", {}, "a.py"),
        ("a~ .a.swp .#a #a# .subl1a2.tmp a___jb_tmp___ .DS_Store", {}, ""),
        ("a.pyc node_modules/x/y", {"exclude": ["!node_modules/"]}, "node_modules/x/y"),
        ("a~ b~", {"exclude": ["!*~", "b~"]}, "a~"),
        ("sub/.git/HEAD sub/a", {}, "sub/a"),
        # names that only look like those
        ("git/a venvs/b a.swa1 .github/x pycache/y", {}, "git/a venvs/b a.swa1 .github/x pycache/y"),
        ("4913 d/4913/a subl1.tmp", {}, "4913 d/4913/a subl1.tmp"),
    ],
)
def test_patterns_choose(files: str, scope: dict[str, Any], expected: str, tmp_path: Path) -> None:
    check(tmp_path, files, expected, **scope)


@pytest.mark.parametrize(
    ("gitignore", "scope", "expected"),
    [
        ("*.log", {}, ".gitignore a.py"),
        ("*.log", {"use_gitignore": False}, ".gitignore a.log a.py"),
        ("*.log", {"exclude": ["!a.log"]}, ".gitignore a.log a.py"),
        ("!a.log\n", {"exclude": ["a.log"]}, ".gitignore a.py"),
        ("*", {}, ""),
        ("*", {"include": ["*.py"]}, ""),
    ],
)
def test_exclude_wins_over_gitignore(gitignore: str, scope: dict[str, Any], expected: str, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(gitignore)
    check(tmp_path, "a.py a.log", expected, **scope)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"exclude": ["{}/one/a"]}, "one/b one/c/a two/a two/b two/one/a"),
        ({"exclude": ["{}/one/c/"]}, "one/a one/b two/a two/b two/one/a"),
        ({"exclude": ["{}/one/*", "!{}/one/b"]}, "one/b two/a two/b two/one/a"),
        ({"exclude": ["{}/one"]}, "one/a one/b one/c/a two/a two/b two/one/a"),  # a root counts
        ({"exclude": ["{}/on"]}, "one/a one/b one/c/a two/a two/b two/one/a"),
        ({"exclude": ["/one/a"]}, "one/a one/b one/c/a two/a two/b"),  # relative to each root, as before
        ({"include": ["{}/two/b"]}, "two/b"),
    ],
)
def test_an_absolute_path_is_taken_for_its_own_root_alone(scope: Any, expected: str, tmp_path: Path) -> None:
    scope = {name: [line.format(tmp_path) for line in lines] for name, lines in scope.items()}
    check(tmp_path, "one/a one/b one/c/a two/a two/b two/one/a", expected, roots=("one", "two"), **scope)


def test_gitignores_above_a_root_count_within_its_repository(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.outside")
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / ".git").mkdir()
    (repository / ".gitignore").write_text("*.log")
    check(
        tmp_path, "repository/sub/a.log repository/sub/a.outside", "repository/sub/a.outside", roots=("repository/sub",)
    )


def test_gitignores_above_a_root_do_not_count_outside_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log")
    found = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=tmp_path, capture_output=True, check=False)
    if found.returncode == 0:
        pytest.skip("the temporary folder lies in a repository")
    check(tmp_path, "sub/a.log", "sub/a.log", roots=("sub",))


@pytest.mark.parametrize(
    ("root", "scope", "expected"),
    [
        ("node_modules", {}, "node_modules/a.py"),
        ("node_modules/a.py", {}, "node_modules/a.py"),
        ("a.pyc", {}, "a.pyc"),
        ("a.pyc", {"exclude": ["*.pyc"]}, ""),
        ("a.pyc", {"include": ["*.py"]}, ""),
        ("a.pyc", {"include": ["*.pyc"]}, "a.pyc"),
        ("ignored.log", {}, "ignored.log"),
        ("ignored", {}, "ignored/a"),
    ],
)
def test_a_root_counts_whatever_the_patterns_say_of_its_name(
    root: str, scope: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    (tmp_path / ".gitignore").write_text("ignored*")
    check(tmp_path, "node_modules/a.py a.pyc ignored.log ignored/a", expected, roots=(root,), **scope)


def test_roots_are_absolute_normal_and_each_once(tmp_path: Path) -> None:
    assert Scope([tmp_path, f"{tmp_path}/", f"{tmp_path}/a/..", "x/./y"]).roots == (
        str(tmp_path),
        str(Path.cwd() / "x/y"),
    )


@pytest.mark.parametrize("line", ["a", "*.py", "!x", "# c", "", "[z-a]", "[[:alpha:]]", "a/**/b", "\\#", " "])
def test_a_good_pattern(line: str) -> None:
    assert check_pattern(line) is None


@pytest.mark.parametrize("line", ["!", "a\0b", "/", "[a-", "[", "[]"])
def test_a_bad_pattern_is_explained_and_ignored(line: str) -> None:
    if line == "/":
        assert not Patterns([line]).verdict("a", "a", True)
        return
    assert check_pattern(line)
    if "\0" not in line:
        assert Patterns([line, "b"]).verdict("b", "b", False) is True


def test_patterns_are_values() -> None:
    assert Patterns(["a"]) == Patterns(["a"]) and hash(Patterns(["a"])) == hash(Patterns(["a"]))
    assert Patterns(["a"]) != Patterns(["b"])
    assert not Patterns([]) and not Patterns(["# only a comment", ""])
