"""The runtime's imports never run a file of the program, and the program can have modules of any name."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import FrozenImporter
from pathlib import Path

import pytest

from tests.cli.running import DEADLINE_S, environment
from tests.reload.runtime.programs import TICKING, Program, interactive, program, runtime_folder, write

_WORD = "class A:\n    def m(self): pass\n\ndef word():\n    return {!r}\n"
_NOTES_ITSELF = """
import os
with open(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ran"), "a") as file:
    file.write(__name__ + "\\n")
OWN = True
"""
_UNTOUCHED = """
import sys
import word
while True:
    sys.stdout.write(word.word() + "\\n")
    sys.stdout.flush()
    for _ in range(500_000):  # longer than the switch interval: who gives the GIL up more often starves other threads
        pass
"""
"""A program that imports no library."""
_LIBRARIES = ("anyio", "idna", "sniffio", "typing_extensions", "watchfiles")


@pytest.fixture(scope="module")
def names() -> list[str]:
    """Return the library modules that a file could shadow; the interpreter imports the others before."""
    code = "import sys; print(*sys.modules)"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    found = {*sys.stdlib_module_names, *_LIBRARIES} - {*sys.builtin_module_names, *started}
    return sorted(found - {"__future__", "__main__", "antigravity", "idlelib", "this"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "program"
    made.mkdir()
    write(made, app=_UNTOUCHED, word=_WORD.format("one"))
    return made


def ran(folder: Path) -> list[str]:
    """Return which of the program's files have been run."""
    noted = folder.parent / "ran"
    return sorted(set(noted.read_text().split())) if noted.exists() else []


def live_through_it_all(running: Program) -> None:
    """Make edits of all kinds."""
    running.until_output("one")
    client = running.connect()
    running.write(word=_WORD.format("two"))
    running.until_output("two")
    running.write(word="def word(:\n")
    running.until_stderr("SyntaxError")
    running.write(word=_WORD.format("two") + "1 / 0\n")
    running.until_stderr("ZeroDivisionError")
    running.write(word=_WORD.format("two") + "import missing\n")
    running.until_stderr("ModuleNotFoundError")
    assert "result" in client.ask("reload/trigger", {})
    running.write(word=_WORD.format("three"))
    running.until_output("three")


@pytest.mark.parametrize("options", [(), ("--restart-on-required",)], ids=["alone", "supervised"])
def test_files_with_library_names_are_not_run(folder: Path, names: list[str], options: tuple[str, ...]) -> None:
    write(folder, **dict.fromkeys(names, _NOTES_ITSELF))
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    with interactive(elsewhere, "-m", "reloadls", "run", *options, str(folder / "app.py")) as running:
        running.folder = folder
        if options:
            running.until_output("one")
            running.write(word=_WORD.format("two"))
            running.until_output("two")
        else:
            live_through_it_all(running)
    assert ran(folder) == []


@pytest.mark.parametrize(
    "name", ["queue", "random", "asyncio", "ctypes", "selectors", "logging", "signal", "watchfiles"]
)
def test_the_program_imports_its_own_module(folder: Path, name: str) -> None:
    write(folder, **{name: _NOTES_ITSELF + "def word():\n    return 'own'\n"})
    write(folder, app=f"import {name}\nprint({name}.OWN, flush=True)\n" + _UNTOUCHED)
    with program(folder) as running:
        running.until_output("True")
        live_through_it_all(running)
    assert ran(folder) == [name]


def test_a_file_added_later_is_not_run(folder: Path, names: list[str]) -> None:
    later = folder.parent / "later"
    later.mkdir()
    write(later, **dict.fromkeys(names, _NOTES_ITSELF))
    write(folder, app=f"import sys\nsys.path.insert(0, {os.fspath(later)!r})\n" + _UNTOUCHED)
    with program(folder) as running:
        live_through_it_all(running)
    assert ran(folder) == []


def test_files_in_pythonpath_are_not_run(folder: Path) -> None:
    needed = ("asyncio", "ctypes", "logging", "queue", "random", "selectors", "socket", "tokenize", "watchfiles")
    path = folder.parent / "path"
    path.mkdir()
    write(path, **dict.fromkeys(needed, _NOTES_ITSELF))
    with runtime_folder() as runtime:
        more = os.pathsep.join([os.fspath(path), environment()["PYTHONPATH"]])
        env = environment(XDG_RUNTIME_DIR=os.fspath(runtime)) | {"PYTHONPATH": more}
        write(folder, app="import word\nprint(word.word())\n")
        done = subprocess.run(
            [sys.executable, "-m", "reloadls", "run", "app.py"],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert (done.stdout, done.stderr) == ("one\n", "")
    assert ran(folder) == []


def test_auto_runs_no_file_of_the_program(folder: Path, names: list[str]) -> None:
    write(folder, **dict.fromkeys(names, _NOTES_ITSELF))
    write(folder, app="import reloadls.reload.auto\n" + _UNTOUCHED)
    with interactive(folder, str(folder / "app.py")) as running:
        live_through_it_all(running)
    assert ran(folder) == []


def test_auto_keeps_the_programs_imported_modules(folder: Path) -> None:
    write(folder, queue=_NOTES_ITSELF, random=_NOTES_ITSELF)
    write(
        folder,
        app="import queue\nimport reloadls.reload.auto, random\nprint(queue.OWN, random.OWN, flush=True)\n"
        + _UNTOUCHED,
    )
    with interactive(folder, str(folder / "app.py")) as running:
        running.until_output("True True")
        live_through_it_all(running)
    assert ran(folder) == ["queue", "random"]


def test_a_spawned_process_runs_no_file_of_the_program(folder: Path) -> None:
    """Except for what multiprocessing itself imports there, as it does without reloadls."""
    write(folder, **dict.fromkeys(("asyncio", "ctypes", "random", "tokenize", "queue"), _NOTES_ITSELF))
    main = """
import multiprocessing, sys, time
import word

def work():
    while True:
        sys.stdout.write("child " + word.word() + "\\n")
        sys.stdout.flush()
        time.sleep(0.005)

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work, daemon=True)
    child.start()
    child.join()
"""
    write(folder, app=main)
    with program(folder) as running:
        running.until_output("child one")
        running.write(word=_WORD.format("two"))
        running.until_output("child two")
    assert ran(folder) == []


def test_a_program_with_its_own_asyncio_ends_as_usual(folder: Path) -> None:
    write(
        folder,
        asyncio=_NOTES_ITSELF,
        threading=_NOTES_ITSELF,
        app=TICKING.replace("threading", "time").replace("turn = time.Event()", "").replace("turn.wait", "time.sleep"),
    )
    with program(folder) as running:
        running.until_output("one")
        running.running.process.terminate()
        running.running.wait()
    assert ran(folder) == []


@pytest.mark.parametrize("name", ["tokenize", "linecache", "traceback", "inspect"])
def test_errors_are_reported_with_a_shadowed_library(folder: Path, name: str) -> None:
    if FrozenImporter.find_spec(name):
        pytest.skip(f"{name} is part of this interpreter, so a program's own is never found")
    app = _UNTOUCHED.replace("import word\n", f"import {name}\nassert {name}.OWN\nimport word\n")
    write(folder, app=app, word=_WORD.format("one"), **{name: "OWN = True\n"})
    with program(folder) as running:
        live_through_it_all(running)
