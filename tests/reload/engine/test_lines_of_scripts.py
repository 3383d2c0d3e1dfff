"""Which lines of a script are traced on Python 3.11, where tracing slows the program down for as long as it lasts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reloadls.reload import HotReloader
from reloadls.reload.engine.program import lines
from reloadls.watch import FileChange

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="only code that is watched is slower there")

STARTS = "import sys\nfound = []\nfound.append(1)\n"
EDITED = STARTS.replace("append(1)", "append(2)")
ENDS = "last = 0\n"


class Script:
    """A script under an engine."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "script.py"
        self.reloader = HotReloader([folder])

    def run(self, text: str) -> dict[str, Any]:
        """Its names at the end."""
        self._path.write_text(text)
        self.reloader.run_path(str(self._path))
        assert sys.gettrace() is None
        return vars(sys.modules["__main__"])

    def edit(self, text: str) -> None:
        self._path.write_text(text)
        report = self.reloader.apply([FileChange(self._path, "modified")])
        assert (report.status, report.notes) == ("reloaded", ())


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    if sys.gettrace() is not None:
        pytest.skip("something else traces already")
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.syspath_prepend(tmp_path)
    found = Script(tmp_path)
    yield found
    found.reloader.close()


def test_what_a_statement_changed_is_taken_back(script: Script) -> None:
    names = script.run(STARTS + "traced = sys.gettrace()\n" + ENDS)
    assert names["traced"] is not None
    script.edit(EDITED + "traced = sys.gettrace()\n" + ENDS)
    assert names["found"] == [2]


def test_the_last_statement_is_not_traced(script: Script) -> None:
    names = script.run(STARTS + "if found:\n    found.append(3)\n    traced = sys.gettrace()\n")
    assert names["traced"] is None
    script.edit(EDITED + "if found:\n    found.append(3)\n    traced = sys.gettrace()\n")
    assert names["found"] == [2, 3]


def test_a_line_that_runs_for_long_ends_it(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_LONG_S", -1.0)
    live = "def live():\n    return sys.gettrace()\n\ntraced = live()\nfound.append(3)\n"
    names = script.run(STARTS + live + ENDS)
    assert names["traced"] is None
    script.edit(EDITED + live + ENDS)
    assert names["found"] == [2, 3]


def test_an_import_that_takes_long_does_not_end_it(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_LONG_S", -1.0)
    (tmp_path / "slow_to_load.py").write_text("def call():\n    pass\n\ncall()\n")
    names = script.run("import slow_to_load\n" + STARTS + "traced = sys.gettrace()\n" + ENDS)
    monkeypatch.delitem(sys.modules, "slow_to_load")
    assert names["traced"] is not None


def test_a_long_line_after_an_edit_while_the_script_runs(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "def live():\n    pass\n\nedit()\nlive()\nfound.append(4)\n"

    def edit() -> None:
        script.edit(EDITED + body + ENDS)
        monkeypatch.setattr(lines, "_LONG_S", -1.0)

    monkeypatch.setattr("builtins.edit", edit, raising=False)
    names = script.run(STARTS + body + ENDS)
    assert names["found"] == [2, 4]
    script.edit(EDITED + body.replace("append(4)", "append(5)") + ENDS)
    assert names["found"] == [2, 5]
