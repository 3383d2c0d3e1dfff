"""Does an edit lead to as little as is enough?"""

from __future__ import annotations

import pytest

from reloadls.reload.engine.analysis.diff import compare
from reloadls.reload.engine.analysis.statements import parse, reparse

DEF = "def f(a):\n    return a\n"


@pytest.mark.parametrize(
    ("before", "after", "ways"),
    [
        ("a = 1\n", "a = 1\n", "keep"),
        ("a = 1\n", "\n# words\na = 1  # more\n", "move"),
        ("a = 1\n", "a = 2\n", "run"),
        ("a = 1\nb = 2\n", "a = 1\nb = 3\n", "keep run"),
        (DEF, "def f(a):\n    return -a\n", "patch"),
        (DEF, "def f(a, b=1):\n    return a\n", "run"),
        (DEF, "@deco\ndef f(a):\n    return a\n", "run"),
        (DEF, f"import os\n{DEF}", "run keep"),
        ("@d\ndef f():\n    'A.'\n", "@d\ndef f():\n    'B.'\n", "run"),
        ("class A:\n    def m(self): return 1\n", "class A:\n    def m(self): return 2\n", "patch"),
        ("class A:\n    b = 1\n", "class A:\n    b = 2\n", "class"),
        ("class A:\n    b = 1\n", "class A(B):\n    b = 1\n", "class"),
        ("a = 1\na = 2\n", "a = 2\na = 1\n", "run run"),
        ("a = 1\na += 1\n", "a = 1\na += 2\n", "run run"),
        ("a = 1\na += 1\n", "a = 1\n", "run"),
        ("def f(): pass\ndef g(): pass\n", "def g(): pass\ndef f(): pass\n", "keep keep"),
        ("if x:\n    def f(): return 1\n", "if x:\n    def f(): return 2\n", "patch"),
        ("f = lambda: 1\n", "f = lambda: 2\n", "run"),
        ("for i in a: f(i)\nfor i in b: g(i)\n", "for i in a: h(i)\nfor i in b: g(i)\n", "run keep"),
    ],
)
def test_the_way_of_each_statement(before: str, after: str, ways: str) -> None:
    old = parse(before, "a.py")
    for new in (parse(after, "a.py"), reparse(old, after, "a.py")):
        assert " ".join(step.way.value for step in compare(old.statements, new.statements).steps) == ways


def test_what_is_gone_is_told() -> None:
    old, new = parse("a = 1\nb = 2\n", "a.py"), parse("b = 2\n", "a.py")
    assert [each.facts.text for each in compare(old.statements, new.statements).removed] == ["a = 1"]
