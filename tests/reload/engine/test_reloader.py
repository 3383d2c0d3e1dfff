"""Does the engine's front door do what it says, beside what the scenarios hold?"""

from __future__ import annotations

import gc
import importlib
import logging
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from reloadls import FileChange
from reloadls.reload import HotReloader, ReloadReport, on_reload

Write = Callable[[str, str], Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path.resolve() / "program"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield root
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(root)):
            del sys.modules[name]


def write(folder: Path, name: str, text: str) -> FileChange:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return FileChange(path, "modified")


def loaded(folder: Path, name: str, text: str) -> ModuleType:
    write(folder, f"{name}.py", text)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def test_it_tells_every_report(folder: Path) -> None:
    reports: list[ReloadReport] = []
    reloader = HotReloader([folder], on_report=reports.append)
    one = loaded(folder, "one", "def f(): return 1\n")
    report = reloader.apply([write(folder, "one.py", "def f(): return 2\n")])
    reloader.close()
    assert one.f() == 2
    assert reports == [report]
    assert (report.status, [module.changed for module in report.modules]) == ("reloaded", [("f",)])
    assert report.duration_ms > 0
    assert report.at.endswith("Z")


def test_nothing_holds_the_code_of_functions_that_were_noted(folder: Path) -> None:
    """Who holds a code object more than known is looked for in the whole heap, which takes long."""
    reloader = HotReloader([folder])
    one = loaded(folder, "one", "def f(): return 1\n\n\nV = f()\n")
    one.f()
    assert not any(isinstance(each, (list, dict, set)) for each in gc.get_referrers(one.f.__code__))
    reloader.apply([write(folder, "one.py", "def f(): return 2\n\n\nV = f()\n")])
    one.f()
    reloader.close()
    assert one.V == 2
    assert not any(isinstance(each, (list, dict, set)) for each in gc.get_referrers(one.f.__code__))


def test_a_module_that_was_there_before_it_is_reloaded_too(folder: Path) -> None:
    one = loaded(folder, "earlier", "def f(): return 1\n\n\ndef wrap(f):\n    return lambda: f()\n\n\ng = wrap(f)\n")
    held = one.g
    reloader = HotReloader([folder])
    reloader.apply(
        [
            write(
                folder,
                "earlier.py",
                "def f(): return 2\n\n\ndef wrap(f):\n    return lambda: f() + 1\n\n\ng = wrap(f)\n",
            )
        ]
    )
    reloader.close()
    assert (one.f(), one.g(), held()) == (2, 3, 3)


def test_after_close_modules_are_loaded_as_always(folder: Path) -> None:
    reloader = HotReloader([folder])
    reloader.close()
    reloader.close()
    loaded(folder, "plain", "x = 1\n")
    assert reloader.apply([write(folder, "plain.py", "x = 2\n")]).status == "unchanged"


def test_nothing_outside_of_its_roots_is_run(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("raise RuntimeError('ran')\n")
    never = write(folder, "never.py", "raise RuntimeError('ran')\n")
    reloader = HotReloader([folder])
    report = reloader.trigger([outside, never.path, tmp_path / "missing.py", "\x1b[31m"])
    reloader.close()
    assert report.status == "unchanged"
    assert {module.status for module in report.modules} == {"skipped"}


def test_trigger_runs_the_statements_of_an_unchanged_file(folder: Path) -> None:
    one = loaded(folder, "again", "import time\n\nstarted = []\n\n\ndef f(): return started\n")
    first, function = one.started, one.f
    reloader = HotReloader([folder])
    report = reloader.trigger([folder / "again.py"])
    reloader.close()
    assert report.status == "reloaded"
    assert one.started is not first
    assert one.f is function


_MIDDLE = """
import logging
from reloadls.reload import HotReloader

log = logging.getLogger(__name__)
reloader = HotReloader([{folder!r}])
log.addHandler(logging.{kind}())


def f():
    return "{kind}"
"""


def test_what_a_module_does_after_it_has_made_the_engine_is_undone(folder: Path) -> None:
    plain = logging.Logger.addHandler
    one = loaded(folder, "middle", _MIDDLE.format(folder=str(folder), kind="NullHandler"))
    by_others = logging.NullHandler()
    one.log.addHandler(by_others)
    assert logging.Logger.addHandler is plain
    held = one.f
    edited = write(folder, "middle.py", _MIDDLE.format(folder=str(folder), kind="StreamHandler"))
    assert one.reloader.apply([edited]).status == "reloaded"
    one.reloader.close()
    assert [type(each) for each in one.log.handlers] == [logging.NullHandler, logging.StreamHandler]
    assert by_others in one.log.handlers
    assert held() == "StreamHandler"


def test_trigger_of_everything_takes_up_what_differs(folder: Path) -> None:
    reloader = HotReloader([folder])
    one = loaded(folder, "differs", "x = []\ny = 1\n")
    x = one.x
    write(folder, "differs.py", "x = []\ny = 2\n")
    assert reloader.trigger().status == "reloaded"
    reloader.close()
    assert (one.x is x, one.y) == (True, 2)


def test_the_commit_is_run_where_it_is_told_to(folder: Path) -> None:
    threads: list[str] = []

    def on_another_thread(step: Callable[[], None]) -> None:
        failures: list[BaseException] = []

        def run() -> None:
            threads.append(threading.current_thread().name)
            try:
                step()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run, name="commits")
        thread.start()
        thread.join()
        if failures:
            raise failures[0]

    reloader = HotReloader([folder], commit=on_another_thread)
    one = loaded(folder, "elsewhere", "import threading\nx = threading.current_thread().name\n")
    reloader.apply([write(folder, "elsewhere.py", "import threading\nx = threading.current_thread().name + '!'\n")])
    failed = reloader.apply([write(folder, "elsewhere.py", "import threading\nx = 1 / 0\n")])
    reloader.close()
    assert one.x == "commits!"
    assert threads == ["commits", "commits"]
    assert failed.error is not None
    assert (failed.status, failed.error.type) == ("failed", "ZeroDivisionError")


def test_changes_from_many_threads_are_applied_one_at_a_time(folder: Path) -> None:
    reloader = HotReloader([folder])
    modules = [loaded(folder, f"many{number}", "def f(): return 0\n") for number in range(8)]

    def edit(number: int) -> None:
        for value in range(1, 20):
            change = write(folder, f"many{number}.py", f"def f(): return {value}\n")
            assert reloader.apply([change]).status == "reloaded"

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reloader.close()
    assert [module.f() for module in modules] == [19] * 8


def test_a_listener_hears_of_what_was_reloaded_only(folder: Path) -> None:
    heard: list[str] = []
    reloader = HotReloader([folder])
    loaded(folder, "heard", "x = 1\n")

    @on_reload
    def listen(report: ReloadReport) -> None:
        heard.append(report.status)

    reloader.apply([write(folder, "heard.py", "x = \n")])
    reloader.apply([write(folder, "heard.py", "x = 2\n")])
    reloader.close()
    assert heard == ["reloaded"]


@pytest.mark.timeout(900)  # a timeout ends the whole worker, and beside others this takes minutes
def test_a_thousand_reloads_leave_nothing_behind(folder: Path) -> None:
    text = "LIMIT = {0}\ndef f():\n    return {0}\nclass A:\n    size = {0}\n    def m(self):\n        return {0}\n"
    reloader = HotReloader([folder])
    one = loaded(folder, "often", text.format(0))

    def count() -> int:
        gc.collect()
        return len(gc.get_objects())

    def edit(first: int, last: int) -> None:
        for number in range(first, last):
            assert reloader.apply([write(folder, "often.py", text.format(number))]).status == "reloaded"

    edit(1, 100)
    before = count()
    edit(100, 1000)
    after = count()
    reloader.close()
    assert one.A().m() == one.f() == one.LIMIT == 999
    assert after < before * 1.01


def test_a_trigger_runs_no_file_outside_of_the_roots(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    monkeypatch.syspath_prepend(str(outside))
    reloader = HotReloader([folder])
    loaded(folder, "seeker", "try:\n    import sought\nexcept ImportError:\n    sought = None\n")
    (outside / "sought.py").write_text(f"open({str(outside / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    reloader.trigger([outside / "sought.py"])
    reloader.close()
    assert not (outside / "ran").exists()


def test_a_future_import_that_comes_too_late_is_refused(folder: Path) -> None:
    reloader = HotReloader([folder])
    one = loaded(folder, "one", "X = 1\n")
    report = reloader.apply([write(folder, "one.py", "X = 2\nfrom __future__ import annotations\n")])
    assert report.error is not None and report.error.location is not None
    assert (report.status, report.error.type, report.error.location.line, one.X) == ("failed", "SyntaxError", 2, 1)
    text = '"""Text."""\nfrom __future__ import (\n    annotations,\n)\nX = 3\n'
    assert reloader.apply([write(folder, "one.py", text)]).status == "reloaded"
    reloader.close()


def test_an_error_in_text_that_was_executed_has_its_place_in_the_file(folder: Path) -> None:
    reloader = HotReloader([folder])
    loaded(folder, "one", "X = 1\n")
    report = reloader.apply([write(folder, "one.py", "X = 1\n\nY = eval('1 / 0')\n")])
    reloader.close()
    assert report.error is not None and report.error.location is not None
    assert (report.error.location.path, report.error.location.line) == (str(folder / "one.py"), 3)


def test_an_archive_by_a_relative_path_needs_a_restart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(value: int) -> FileChange:
        with zipfile.ZipFile(folder / "lib.zip", "w") as archive:
            archive.writestr("in_lib_zip.py", f"V = {value}\n")
        return FileChange(folder / "lib.zip", "modified")

    pack(1)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend("lib.zip")
    importlib.import_module("in_lib_zip")
    reloader = HotReloader([folder])
    report = reloader.apply([pack(2)])
    reloader.close()
    del sys.modules["in_lib_zip"]
    assert (report.status, [module.name for module in report.modules]) == ("restartRequired", ["in_lib_zip"])
