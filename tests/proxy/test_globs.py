"""The glob grammar, by its own examples and by what editors and servers make of it."""

from __future__ import annotations

import os
import re
import time
from typing import Any

import pytest

from reloadls.proxy.globs import alternatives, expression, literal_folders
from reloadls.proxy.interest import Interest, read_watchers


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


def watch(*patterns: Any, folders: tuple[str, ...] = ("/w",)) -> Interest:
    globs, problems = read_watchers([{"globPattern": pattern} for pattern in patterns], folders)
    assert not problems
    return Interest(globs)


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
    (["../other/**"], ["/other"], []),
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
def test_what_the_core_leaves_out_is_taken_back_only_for_whoever_names_it() -> None:
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
    interest = Interest(globs)
    assert [interest.wants("/w/a.py", kind) for kind in ("created", "modified", "deleted")] == [True, False, True]
    assert not interest.wants("/w/b.py", "deleted")
    assert not interest.wants("/elsewhere/a.py", "created")
