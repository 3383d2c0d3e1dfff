"""Every editable file that a program loads is reloaded, wherever it is and however the program was started."""

from __future__ import annotations

import os
import subprocess
import sys
import zipapp
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import environment
from tests.reload.runtime.programs import TICKING, Program, interactive, program

_OLD, _NEW = "def word():\n    return 'old'\n", "def word():\n    return 'new'\n"


def _goes_live(running: Program, place: Path) -> None:
    running.until_output("old")
    place.write_text(_NEW)
    running.until_output("new")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def command(folder: Path) -> Iterator[str]:
    """A command next to the interpreter that runs the tests."""
    place = Path(sys.executable).parent / f"reloadls-test-{os.getpid()}"
    place.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(folder)!r})\n{TICKING}")
    place.chmod(0o755)
    try:
        yield place.name
    finally:
        place.unlink()


@pytest.mark.parametrize("by", ["name", "path"])
def test_a_command_of_the_environment(folder: Path, command: str, by: str) -> None:
    (folder / "word.py").write_text(_OLD)
    run = command if by == "name" else str(Path(sys.executable).parent / command)
    with program(folder, run=run) as running:
        _goes_live(running, folder / "word.py")


def test_a_command_with_the_name_of_a_folder(folder: Path, command: str) -> None:
    """A project's package often has the name of its command; without `__main__.py` it is no program."""
    (folder / command).mkdir()
    (folder / "word.py").write_text(_OLD)
    with program(folder, run=command) as running:
        _goes_live(running, folder / "word.py")


_ONE_FILE = f"""
import sys, threading

{_OLD}
def main():
    sys.stdout.reconfigure(line_buffering=True)
    turn = threading.Event()
    while True:
        print(word())
        turn.wait(0.005)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("by", ["runpy", "pdb"])
def test_a_script_that_another_program_runs(folder: Path, by: str) -> None:
    (folder / "app.py").write_text(_ONE_FILE)
    (folder / "other.py").write_text("import runpy\nrunpy.run_path('app.py', run_name='__main__')\n")
    command = ["other.py"] if by == "runpy" else ["-m", "pdb", "app.py"]
    with interactive(folder, "-m", "reloadls", "run", *command) as running:
        if by == "pdb":
            running.enter("continue")
        running.until_output("old")
        _goes_live_once_known(running, folder / "app.py", _ONE_FILE.replace("old", "new"))


@pytest.mark.parametrize("tool", ["pdb", "cProfile", "trace"])
def test_a_script_that_a_tool_runs_is_not_begun_again(folder: Path, tool: str) -> None:
    (folder / "word.py").write_text(_OLD)
    (folder / "app.py").write_text(f"print('begun', flush=True){TICKING}")
    options = ["--ignore-dir=/", "--count"] if tool == "trace" else []
    with interactive(folder, "-m", "reloadls", "run", "-m", tool, *options, "app.py") as running:
        if tool == "pdb":
            running.enter("continue")
        running.until_output("old")
        client = running.connect()
        (folder / "word.py").write_text(_NEW)
        assert client.until_report()["status"] == "reloaded"
        running.until_output("new")
        running.until_output("new")
        assert sum(each.endswith("begun") for each in running.running.out) == 1


def _goes_live_once_known(running: Program, file: Path, text: str) -> None:
    """Edit a file that another program runs: it is known from the next look at what is loaded."""
    assert "result" in running.connect().ask("reload/trigger", {})
    file.write_text(text)
    running.until_output("new")


def test_a_test_that_pytest_has_rewritten(folder: Path) -> None:
    test = _ONE_FILE.replace("    main()", "    pass").replace("def main():", "def test_word():\n    assert word()")
    (folder / "test_app.py").write_text(test)
    with program(folder, "-m", run="pytest", args=("-s", "-p", "no:cacheprovider", "test_app.py")) as running:
        running.until_output("old")
        _goes_live_once_known(running, folder / "test_app.py", test.replace("old", "new"))


def test_an_archive_that_is_built_again_needs_a_restart(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "word.py").write_text(_OLD)
    (folder / "src" / "__main__.py").write_text(TICKING)
    zipapp.create_archive(folder / "src", folder / "app.pyz")
    with program(folder, run="app.pyz") as running:
        running.until_output("old")
        running.connect()
        (folder / "src" / "word.py").write_text(_NEW)
        zipapp.create_archive(folder / "src", folder / "app.pyz")
        assert "app.pyz: the program runs modules of this archive" in running.until_stderr("restart ")


@pytest.mark.parametrize("line", [["-u", "app.py"], ["-X", "dev", "-m", "app"], ["app.py"]], ids=" ".join)
def test_the_interpreter_named(folder: Path, line: list[str]) -> None:
    (folder / "word.py").write_text(_OLD)
    (folder / "app.py").write_text(TICKING)
    with program(folder, run=sys.executable, args=tuple(line)) as running:
        _goes_live(running, folder / "word.py")


def test_a_package_elsewhere(folder: Path, tmp_path: Path) -> None:
    package = tmp_path / "src" / "pkg"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "word.py").write_text(_OLD)
    (folder / "app.py").write_text(TICKING.replace("import word", "from pkg import word"))
    with program(folder, env={"PYTHONPATH": f"{package.parent}{os.pathsep}{environment()['PYTHONPATH']}"}) as running:
        _goes_live(running, package / "word.py")
        (package / "more.py").write_text("def more():\n    return 'newer'\n")
        (package / "word.py").write_text("from .more import more\n\n\ndef word():\n    return more()\n")
        running.until_output("newer")


def test_a_portion_of_a_namespace(folder: Path, tmp_path: Path) -> None:
    portions = [folder / "space", tmp_path / "other" / "space"]
    for portion in portions:
        portion.mkdir(parents=True)
    (portions[0] / "here.py").touch()
    (portions[1] / "word.py").write_text(_OLD)
    (folder / "app.py").write_text(TICKING.replace("import word", "import space.here\nfrom space import word"))
    path = f"{tmp_path / 'other'}{os.pathsep}{environment()['PYTHONPATH']}"
    with program(folder, env={"PYTHONPATH": path}) as running:
        _goes_live(running, portions[1] / "word.py")


def test_a_linked_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "__init__.py").touch()
    (tmp_path / "real" / "word.py").write_text(_OLD)
    (folder / "linked").symlink_to(tmp_path / "real")
    (folder / "app.py").write_text(TICKING.replace("import word", "from linked import word"))
    with program(folder) as running:
        _goes_live(running, tmp_path / "real" / "word.py")


def test_a_script_next_to_its_package(folder: Path) -> None:
    (folder / "pyproject.toml").touch()
    for name in ("scripts", "pkg"):
        (folder / name).mkdir()
    (folder / "pkg" / "word.py").write_text(_OLD)
    script = TICKING.replace("import word", f"sys.path.insert(0, {str(folder)!r})\nfrom pkg import word")
    (folder / "scripts" / "app.py").write_text(script)
    with program(folder, run="scripts/app.py") as running:
        assert running.advert()["roots"] == [str(folder)]
        _goes_live(running, folder / "pkg" / "word.py")


def test_an_editable_install_by_a_finder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "word.py").write_text(_OLD)
    (folder / "app.py").write_text(TICKING)
    finder = (
        "import importlib.util, sys\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        f"        place = {str(tmp_path / 'real' / 'word.py')!r}\n"
        "        return importlib.util.spec_from_file_location(name, place) if name == 'word' else None\n"
        "def install():\n"
        "    sys.meta_path.append(Finder)\n"
    )
    site = tmp_path / "site"
    site.mkdir()
    (site / "__editable___word_finder.py").write_text(finder)
    (site / "usercustomize.py").touch()
    (site / "sitecustomize.py").write_text("import __editable___word_finder as f; f.install()\n")
    with program(folder, env={"PYTHONPATH": f"{site}{os.pathsep}{environment()['PYTHONPATH']}"}) as running:
        _goes_live(running, tmp_path / "real" / "word.py")


def test_a_command_of_another_environment_is_refused_with_advice(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "bin"
    other.mkdir(parents=True)
    (other / "python").symlink_to("/bin/sh")
    (other / "serve").write_text(f"#!{other / 'python'}\n")
    (other / "serve").chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-m", "reloadls", "run", "serve"],
        cwd=folder,
        env=environment(PATH=f"{other}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert f"install reloadls there ({other / 'python'} -m pip install reloadls)" in ended.stderr
