"""The package's folders: small, without import circles, and each module says what it is for."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

SERVER = Path(__file__).resolve().parents[2] / "server"
MODULES = sorted((SERVER / "reloadls").rglob("*.py"))
_MOST_MODULES = 15


def test_no_folder_has_more_modules_than_one_takes_in_at_a_glance() -> None:
    sizes = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert {str(folder.relative_to(SERVER)): size for folder, size in sizes.items() if size > _MOST_MODULES} == {}


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph("reloadls", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"an import circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SERVER)))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring, "no docstring"
    assert docstring.splitlines()[0][-1] in ".:?", "its first line is not a sentence"
