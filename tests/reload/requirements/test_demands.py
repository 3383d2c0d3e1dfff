"""What counts as a change of demands, which file and line caused a failure, and what is hidden of an output."""

# ruff: noqa: E501 - output of programs

from __future__ import annotations

from pathlib import Path

import pytest

from reloadls.reload.runtime.requirements.demands import Demand, parse_requirements
from reloadls.reload.runtime.requirements.files import demands_of, difference, is_requirement_file, read_files
from reloadls.reload.runtime.requirements.lock_files import as_requirements, parser_of
from reloadls.reload.runtime.requirements.output import cause, reason, redacted

_ROOT = "/p"


def _keys(text: str, name: str = "requirements.txt") -> list[str]:
    parser = parser_of(name) or parse_requirements
    return sorted(each.key for each in parser(text, name) if isinstance(each, Demand))


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("foo==1.0\nbar", "# hi\nbar\n\n  Foo == 1.0   # there\n", "requirements.txt"),
        ("foo[b,A]>=1,<2", "foo [a, b] <2, >=1", "requirements.txt"),
        ("a_b.c; python_version<'3'", 'A-B-C ; python_version < "3"', "requirements.txt"),
        (
            "x==1 --hash=sha256:a --hash=sha256:b",
            "x==1 \\\n  --hash=sha256:b \\\n  --hash=sha256:a",
            "requirements.txt",
        ),
        ("foo (>=1)", "foo>=1", "requirements.txt"),
        ("foo", "foo\r\n", "requirements.txt"),
        (
            "[project]\ndependencies = ['foo>=1']",
            "# hi\n[project]\nname='x'\ndependencies=[\n 'Foo >= 1',\n]",
            "pyproject.toml",
        ),
        ("[[package]]\nname='a'\nversion='1'", "version = 1\n[[package]]\nversion = '1' # c\nname = 'a'", "uv.lock"),
    ],
)
def test_formatting_is_no_change(before: str, after: str, name: str) -> None:
    assert _keys(before, name) == _keys(after, name)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("foo", "foo==1"),
        ("foo==1", "foo==1.0"),
        ("foo", "foo[a]"),
        ("foo", "foo; python_version < '3'"),
        ("foo; python_version < '3'", "foo; python_version <= '3'"),
        ("foo --hash=sha256:a", "foo --hash=sha256:b"),
        ("-e .", "-e ./x"),
        ("--index-url https://a", "--index-url https://b"),
        ("foo @ https://a/x.whl", "foo @ https://a/y.whl"),
    ],
)
def test_a_demand_that_differs_is_a_change(before: str, after: str) -> None:
    assert _keys(before) != _keys(after)


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/p/requirements.txt", True),
        ("/p/requirements-dev.txt", True),
        ("/p/requirements/base.txt", True),
        ("/p/pyproject.toml", True),
        ("/p/pylock.toml", True),
        ("/p/pylock.dev.toml", True),
        ("/p/uv.lock", True),
        ("/p/tests/requirements.txt", False),
        ("/p/constraints.txt", False),
        ("/q/requirements.txt", False),
    ],
)
def test_files_count_by_name_and_place(path: str, counts: bool) -> None:
    assert is_requirement_file(path, [_ROOT]) is counts


def test_an_included_file_belongs_to_the_one_that_includes_it(tmp_path: Path) -> None:
    def write(**files: str) -> None:
        for name, text in files.items():
            (tmp_path / f"{name.replace('_', '-')}.txt").write_text(text)

    def now() -> dict[str, set[str]]:
        found = demands_of(read_files([str(tmp_path)]), [str(tmp_path)])
        return {
            Path(path).name: {each.name for each in demands.demands if each.name} for path, demands in found.items()
        }

    write(
        requirements="-r more.txt\n-c pins.txt\nfoo",
        requirements_dev="-r requirements.txt\nbar",
        more="baz",
        pins="q<2",
    )
    assert now() == {"requirements.txt": {"foo", "baz", "q"}, "requirements-dev.txt": {"bar"}}
    write(more="-r requirements.txt\nbaz")  # each includes the other
    assert now()["requirements.txt"] == {"foo", "baz", "q"}


def test_a_lock_file_counts_instead_of_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = ['foo']")
    before = demands_of(read_files([str(tmp_path)]), [str(tmp_path)])
    assert [Path(path).name for path in before] == ["pyproject.toml"]
    (tmp_path / "poetry.lock").write_text("[[package]]\nname = 'foo'\nversion = '1'\n")
    now = demands_of(read_files([str(tmp_path)]), [str(tmp_path)])
    assert [Path(path).name for path in now] == ["poetry.lock"]
    assert {Path(each.path).name for each in difference(before, now)} == {"pyproject.toml", "poetry.lock"}


def test_lock_files_as_lines() -> None:
    poetry = "[[package]]\nname='a'\nversion='1'\ngroups=['main']\nmarkers='os_name == \"nt\"'\nfiles=[{file='a.whl', hash='sha256:x'}]\n"
    assert as_requirements(poetry, "poetry.lock") == ['a==1 ; os_name == "nt" --hash=sha256:x']
    assert as_requirements(poetry.replace("main", "dev"), "poetry.lock") == []
    pylock = "[[packages]]\nname='a'\nversion='1'\nmarker='x'\nwheels=[{url='u', hashes={sha256='y'}}]\n"
    assert as_requirements(pylock, "pylock.toml") == ["a==1 ; x --hash=sha256:y"]


_CONTENTS = {"/p/requirements.txt": b"foo\nbar==9\nbaz @ https://x\n"}
_DEMANDS = [
    each
    for each in parse_requirements(_CONTENTS["/p/requirements.txt"].decode(), "/p/requirements.txt")
    if isinstance(each, Demand)
]


@pytest.mark.parametrize(
    ("output", "line", "message"),
    [
        (
            "ERROR: Could not find a version that satisfies the requirement bar==9 (from versions: 1)\nERROR: No matching distribution found for bar==9",
            2,
            "No matching distribution found for bar==9",
        ),
        (
            "ERROR: Invalid requirement: 'bar=': Expected\n    bar=\n       ^ (from line 2 of requirements.txt)",
            2,
            "Invalid requirement: 'bar=': Expected",
        ),
        (
            "error: Couldn't parse requirement in `requirements.txt` at position 5\n  cause: no such operator",
            2,
            "Couldn't parse requirement in `requirements.txt` at position 5: no such operator",
        ),
        (
            "  \u00d7 No solution found when resolving dependencies:\n  \u2570\u2500\u25b6 Because there is no version of bar==9 and you require bar==9",
            2,
            "No solution found when resolving dependencies: Because there is no version of bar==9 and you require bar==9",
        ),
        (
            "Collecting foo\n  error: subprocess-exited-with-error\nERROR: Failed to build 'baz' when getting requirements to build wheel",
            3,
            "subprocess-exited-with-error",
        ),
        (
            "error: Failed to fetch: `https://h/simple/baz/`\n  Caused by: connect refused",
            3,
            "Failed to fetch: `https://h/simple/baz/`: connect refused",
        ),
        ("", 3, "exit status 1"),
    ],
)
def test_a_failure_is_placed_at_the_demand_that_caused_it(output: str, line: int, message: str) -> None:
    lines = output.splitlines()
    assert cause(lines, _DEMANDS, _DEMANDS[2:], _CONTENTS) == ("/p/requirements.txt", line)
    assert reason(lines, 1) == message


@pytest.mark.parametrize(
    "text",
    [
        "Looking in indexes: https://me:hunter2@host/simple",
        "https://me:hun@hunter2@host/simple",
        "GET https://host/simple?token=hunter2&x=1",
        "pip install --password hunter2 x",
        "API_KEY=hunter2",
        "git+ssh://hunter2@host/x.git",
    ],
)
def test_credentials_are_hidden(text: str) -> None:
    assert "hunter2" not in redacted(text)
