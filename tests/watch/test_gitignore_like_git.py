"""Git itself is the judge of what .gitignore files leave out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.snapshot import Snapshot

# Left out: git takes a slash in brackets for a slash.
_NAMES = [
    "a", "b", "ab", "c.py", "d", "x y", "*", "#x", "!x", "new\nline", " lead", "trail ", "[", "\\", "B", ".", "é",
    "a\t", "日", "\udcff", "aabab", "c.tar.py",
]  # fmt: skip
_SEGMENTS = [
    "a", "b", "ab", "c.py", "d", "B", "*", "**", "?", "??", "*.py", "a*", "*b", "a**b", "[ab]", "[!a]", "[^a]", "[a-c]",
    "[]a]", "[!]]", "[[:alpha:]]", "x y", "x\\ y", "é", "\\*", "\\a", "\\\\", "\\[", "#x", "!x", "*\n", " lead",
    "trail\\ ", "trail ", "..", "[*]", "[\\a]", "[a\\]]", "a**", "**b", "***", "*a*b", "*a*a*b", "?*?", "[à-ü]", "[é]?",
    "*é", "a\t", "\\", "*.tar.py", "*.", "*.*", "[", "a[b",
]  # fmt: skip

_lines = st.builds(
    lambda before, segments, after: before + "/".join(segments) + after,
    st.sampled_from(["", "", "", "!", "/", "!/", "**/", "!**/", "\\!", "#", "\\#", " ", "//"]),
    st.lists(st.sampled_from(_SEGMENTS), min_size=1, max_size=3),
    st.sampled_from(["", "", "", "/", "/**", "/*", " ", "  ", "\\ ", "\r", "/**/", "//"]),
)
_gitignores = st.lists(_lines, max_size=5).map("\n".join)
_files = st.lists(
    st.lists(st.sampled_from([name for name in _NAMES if name != "."]), min_size=1, max_size=3).map("/".join),
    min_size=1,
    max_size=12,
    unique=True,
)
_trees = st.dictionaries(st.sampled_from(["", "a", "d", "a/b"]), _gitignores, min_size=1, max_size=3)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("no git here")
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "--quiet", "--template=")
    return root


def git(root: Path, *arguments: str) -> bytes:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *arguments], cwd=root, env=environment, check=True, capture_output=True).stdout


def check(root: Path, files: list[str], gitignores: dict[str, str]) -> None:
    """What the snapshot of a tree holds is what git lists of it."""
    for entry in root.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in files:
        path = root / name
        if not any(parent.is_file() for parent in path.parents) and not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("1")
    for folder, text in gitignores.items():
        if not any(parent.is_file() for parent in [root / folder, *(root / folder).parents]):
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / ".gitignore").write_bytes(os.fsencode(text))
    listed = git(root, "ls-files", "-z", "--others", "--exclude-standard")
    expected = {os.fsdecode(name) for name in listed.split(b"\0") if name}
    for part in ("", *(folder for folder in gitignores if (root / folder).is_dir())):
        snapshot = Snapshot(Scope([root / part]))
        snapshot.begin()
        found = {os.path.relpath(path, root) for path in snapshot.files()}
        inside = {name for name in expected if not part or name.startswith(part + "/")}
        if not part or inside:  # a root counts even if it is left out itself
            assert found == inside, f"below {part!r}"


_ALL = [f"{a}/{b}" for a in ("a", "b", "d") for b in ("a", "ab", "c.py", "x y", "é")] + [
    "a/b/a",
    "a/b/c.py",
    "a/b/new\nline",
]


@pytest.mark.parametrize(
    "gitignores",
    [
        {"": "a/"},
        {"": "/a"},
        {"": "a/a"},
        {"": "*.py\n!c.py"},
        {"": "*.py", "a": "!c.py"},
        {"": "a/*\n!a/b/\n"},
        {"": "a/\n!a/b/"},
        {"": "**/c.py"},
        {"": "a/**"},
        {"": "a/**/c.py"},
        {"": "/*\n!/a\n/a/*\n!/a/b"},
        {"": "x y"},
        {"": "é"},
        {"": "?"},
        {"": "a/?\n"},
        {"": "??"},
        {"": "[!a]"},
        {"": "a/[!b]"},
        {"": "[é]"},
        {"": "a/b\t"},
        {"": "//a"},
        {"": "a**/a"},
        {"": "a/**b/a"},
        {"": "/**************** Build files ****************/"},
        {"": "*a*a*a*a*a*a*a*b\n" + "**/" * 30 + "c.py"},
        {"": "x" * 5000 + "\na/a"},
        {"": "[z-a]"},
        {"": "a/b/**/"},
        {"": "x\\ y"},
        {"": "new?line"},
        {"": "new*"},
        {"": "[a-c]"},
        {"": "[!a]*"},
        {"": "# a\n\\#x\n"},
        {"": "\ufeffa/"},
        {"a": "/b"},
        {"a/b": "*\n!c.py"},
        {"": "*", "a": "!*"},
        {"": "*\n!*/\n!*.py"},
        {"": "a/b/c.py\r\nd/\r\n"},
        {"": "d/ "},
        {"": "A"},
        {"": "["},
        {"": "[a-"},
        {"": "a[a-\n*.py"},
        {"": "a/b/**"},
        {"": "**"},
        {"": "/"},
        {"": "!a\na\n!a"},
        {"": "*/c.py"},
        {"": "**/b/*"},
    ],
    ids=repr,
)
def test_known_patterns(repository: Path, gitignores: dict[str, str]) -> None:
    check(repository, _ALL, gitignores)


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(_files, _trees)
@example(["a/b/a", "a/c.py"], {"": "!a\n*.py", "a": "b/"})
def test_any_patterns(repository: Path, files: list[str], gitignores: dict[str, str]) -> None:
    check(repository, files, gitignores)
