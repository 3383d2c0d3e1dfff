"""Which modules are the user's own."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from reloadls.base import own_imports
from reloadls.base.installed import PACKAGE_FOLDERS
from reloadls.watch import FileWatcher, discover_user_modules


class Lazy(ModuleType):
    """A module that can't be asked."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError("not now")


def module(file: object) -> ModuleType:
    made = ModuleType("made")
    made.__file__ = file  # type: ignore[assignment]
    return made


def check(modules: dict[str, ModuleType | None], expected: list[Path]) -> None:
    assert discover_user_modules(modules) == expected


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "mine.py"
    path.write_text("")
    return path


def test_own_files_are_found_once_in_import_order(mine: Path) -> None:
    other = mine.with_name("other.py")
    other.write_text("")
    check({"b": module(str(other)), "a": module(str(mine)), "alias": module(str(mine))}, [other, mine])


def test_aliases_through_links_collapse(mine: Path) -> None:
    link = mine.with_name("link.py")
    link.symlink_to(mine)
    check({"a": module(str(link)), "b": module(f"{mine.parent}/./x/../mine.py"), "c": module(str(mine))}, [mine])


@pytest.mark.parametrize("file", [None, "", 42, b"mine.py", "/nowhere/at/all.py", "<frozen x>", "a\0b", "/", ["x"]])
def test_a_module_without_a_real_file_is_ignored(file: object, mine: Path) -> None:
    check({"odd": module(file), "mine": module(str(mine))}, [mine])


def test_a_module_that_raises_is_ignored(mine: Path) -> None:
    check({"lazy": Lazy("lazy"), "none": None, "bare": ModuleType("bare"), "mine": module(str(mine))}, [mine])


def test_a_compiled_name_gives_its_source(mine: Path) -> None:
    check({"mine": module(f"{mine}c")}, [mine])


def test_a_relative_name_is_taken_from_the_working_directory(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine.parent)
    check({"mine": module("mine.py")}, [mine])


@pytest.mark.parametrize("folder", ["lib/python3.1/site-packages", "x/dist-packages/y", "site-packages"])
def test_installed_code_of_any_interpreter_is_ignored(folder: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "installed.py"
    path.parent.mkdir(parents=True)
    path.write_text("")
    check({"installed": module(str(path))}, [])


@pytest.mark.parametrize("name", ["prefix", "base_prefix", "exec_prefix"])
def test_a_project_below_the_interpreters_prefix_is_the_users_own(
    name: str, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, name, str(mine.parent))  # as in a container: /usr/src/app
    check({"mine": module(str(mine))}, [mine])


def test_a_watcher_without_paths_watches_a_project_below_the_prefix(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(mine.parent))
    monkeypatch.setitem(sys.modules, "mine", module(str(mine)))
    assert mine in FileWatcher(lambda _: None).paths


def test_a_command_of_the_environment_is_ignored(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(mine.parent / "python"))
    check({"__main__": module(str(mine))}, [])


def test_the_import_finder_knows_the_same_package_folders() -> None:
    assert own_imports._INSTALLED == PACKAGE_FOLDERS, "it imports nothing, so it has its own copy"


def test_the_user_site_is_ignored(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("site.getusersitepackages", lambda: str(mine.parent))
    check({"mine": module(str(mine))}, [])


def test_of_this_process_neither_the_standard_library_nor_what_is_installed_is_found() -> None:
    found = [os.fspath(path) for path in discover_user_modules()]
    stdlib = os.path.realpath(sysconfig.get_paths()["stdlib"])
    assert not [path for path in found if path.startswith(stdlib) or "site-packages" in path]
    assert os.path.realpath(__file__) in found
