"""Are other files still followed when one becomes a FIFO or socket, whose reader would wait forever?"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reloadls import FileChange
from reloadls.reload import HotReloader, ReloadReport

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize("make", [os.mkfifo, make_socket])
def test_other_files_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    texts = {
        "special_b.py": "def f():\n    return 1\n",
        "special_c.py": "def f():\n    return 1\n\n\nwith open('data.txt') as file:\n    DATA = file.read()\n",
        "special_app.py": "import special_b\nimport special_c\n",
        "data.txt": "one",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    reloader = HotReloader([tmp_path])
    importlib.invalidate_caches()
    app = importlib.import_module("special_app")

    def save(name: str, text: str) -> ReloadReport:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return reloader.apply([FileChange(tmp_path / name, "modified")])

    def replace(name: str) -> ReloadReport:
        (tmp_path / name).unlink()
        make(tmp_path / name)
        return reloader.apply([FileChange(tmp_path / name, "deleted")])

    assert replace("special_b.py").status == "failed"
    assert save("special_c.py", texts["special_c.py"].replace("1", "2")).status == "reloaded"
    assert [note.code for note in replace("data.txt").notes] == ["notFollowed"]
    assert save("special_c.py", texts["special_c.py"].replace("1", "3")).status == "reloaded"
    (tmp_path / "special_b.py").unlink()
    assert save("special_b.py", texts["special_b.py"].replace("1", "4")).status == "reloaded"
    reloader.close()
    assert (app.special_b.f(), app.special_c.f(), app.special_c.DATA) == (4, 3, "one")
    for name in ("special_app", "special_b", "special_c"):
        del sys.modules[name]
