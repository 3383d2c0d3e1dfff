"""Do saves work where a loaded file has code that is nested as deeply as Python compiles?"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reloadls import FileChange
from reloadls.reload import HotReloader, ReloadReport

MANY = 900
TERMS = " + ".join(["1"] * MANY)
NESTED = {
    "terms": f"V = {TERMS}\n",
    "terms in a function": f"def v():\n    return {TERMS}\n\n\nV = v()\n",
    "calls": f"V = ' a'{'.strip()' * MANY}\n",
    "calls of a name": f"import base\n\nV = base.TEXT{'.strip()' * MANY}\n",
    "key": f"TABLE = {{{MANY}: 1}}\nTABLE[{TERMS}] = 2\nV = 1\n",
    "conditions": "import base\n\nX = 3\nif X == 0:\n    V = 0\n"
    + "".join(
        f"elif X == {each}:\n    import base\n    V: int = {each}\n    base.LIST.append(V)\n" for each in range(1, 600)
    ),
    "conditions in a function": "def v(x):\n    if x == 0:\n        return 0\n"
    + "".join(f"    elif x == {each}:\n        return {each}\n" for each in range(1, MANY))
    + "\n\nV = v(3)\n",
    "conditions in a class": "class C:\n    x = 3\n    if x == 0:\n        v = 0\n"
    + "".join(f"    elif x == {each}:\n        v = {each}\n" for each in range(1, 600))
    + "\n\nV = C.v\n",
}
BASE = "TEXT = 'a'\nLIST = []\n\n\ndef f():\n    return 1\n"
USER = "import base\nimport nested\n\nW = nested.V\nU = base.f()\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path.resolve()
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield root
    for name in ("base", "nested", "user"):
        sys.modules.pop(name, None)


def save(reloader: HotReloader, path: Path, text: str) -> ReloadReport:
    path.write_text(text, encoding="utf-8")
    return reloader.apply([FileChange(path, "modified")])


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED)
def test_every_file_can_be_saved(folder: Path, text: str) -> None:
    for name, each in {"base.py": BASE, "nested.py": text, "user.py": USER}.items():
        (folder / name).write_text(each, encoding="utf-8")
    reloader = HotReloader([folder])
    limit = sys.getrecursionlimit()
    importlib.invalidate_caches()
    user, nested = importlib.import_module("user"), importlib.import_module("nested")
    held = nested.V

    reports = [save(reloader, folder / "base.py", BASE.replace("return 1", "return 2"))]
    assert user.U == 2
    reports.append(save(reloader, folder / "base.py", BASE.replace("return 1", "return 3") + "ADDED = [f()]\n"))
    reports.append(save(reloader, folder / "nested.py", f"# moved\n{text}"))
    reports.append(save(reloader, folder / "nested.py", f"{text}ADDED = V\n"))
    assert vars(nested)["ADDED"] == held
    reports.append(save(reloader, folder / "nested.py", text.replace("1", "2", 1).replace("' a'", "' b'", 1)))
    reports.append(save(reloader, folder / "nested.py", "V = 'plain'\n"))
    assert (reports[-1].error, user.W) == (None, "plain")
    reports.append(save(reloader, folder / "nested.py", text))
    assert user.W == nested.V
    reloader.close()
    assert [report.error for report in reports] == [None] * len(reports)
    assert sys.getrecursionlimit() == limit


def test_what_python_can_not_compile_fails_alone(folder: Path) -> None:
    for name, each in {"base.py": BASE, "nested.py": "V = 1\n", "user.py": USER}.items():
        (folder / name).write_text(each, encoding="utf-8")
    reloader = HotReloader([folder])
    importlib.invalidate_caches()
    user = importlib.import_module("user")
    failed = save(reloader, folder / "nested.py", f"V = {' + '.join(['1'] * 100_000)}\n")
    assert failed.error is not None
    assert failed.error.location is not None
    assert failed.error.location.path == str(folder / "nested.py")
    assert save(reloader, folder / "base.py", BASE.replace("return 1", "return 2")).status == "reloaded"
    reloader.close()
    assert (user.U, user.W) == (2, 1)
