"""Is a text that is parsed only where it was edited the same as one that is parsed whole?"""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reloadls.reload.engine.analysis.statements import Source, parse, reparse

BLOCKS = (
    "import os",
    "x = 1; y = 2",
    "def f(a):\n    return a",
    "@deco\ndef g():\n    '''Words.'''\n\n    return 1",
    "class A:\n    b = 1\n\n    def m(self):\n        return 2",
    "text = '''\nlines\n'''",
    "if x:\n    pass\nelse:\n    y = 3",
    "# words",
    "",
    "for i in range(3):\n    print(i)",
    "from __future__ import annotations",
    "z = (\n    1,\n    2,\n)",
)
PIECES = (*BLOCKS, "else:", "    indented = 1", "'''", "x = \\", ")", "def broken(:", "\x0c", "a = 'ü'")


def told(source: Source) -> list[tuple[int, int, str, str]]:
    return [(each.first, each.last, each.facts.text, each.facts.key) for each in source.statements]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(BLOCKS), max_size=12), st.data())
def test_an_edit_is_parsed_as_the_whole_would_be(blocks: list[str], data: st.DataObject) -> None:
    before = "\n".join(blocks) + "\n"
    try:
        source = parse(before, "a.py")
    except SyntaxError:
        return  # a future import is not at the beginning
    start = data.draw(st.integers(0, len(blocks)))
    end = data.draw(st.integers(start, len(blocks)))
    new = data.draw(st.lists(st.sampled_from(PIECES), max_size=3))
    after = "\n".join([*blocks[:start], *new, *blocks[end:]]) + "\n"
    try:
        whole = parse(after, "a.py")
    except SyntaxError:
        with pytest.raises(SyntaxError):
            reparse(source, after, "a.py")
        return
    part = reparse(source, after, "a.py")
    assert told(part) == told(whole)
    assert part.flags == whole.flags


@pytest.mark.parametrize("inside", ["x = 2", "# words\nx = 1", "", "x = 1\nz = 3"])
def test_statements_outside_of_an_edit_stay_the_same_objects(inside: str) -> None:
    before = parse("a = 1\n\nx = 1\n\ndef f():\n    pass\n", "a.py")
    after = reparse(before, f"a = 1\n\n{inside}\n\ndef f():\n    pass\n", "a.py")
    assert after.statements[0].facts is before.statements[0].facts
    assert after.statements[-1].facts is before.statements[-1].facts


def test_a_statement_is_compiled_for_where_it_stands() -> None:
    before = parse("a = 1\n\n\n\ndef f():\n    return 1\n", "a.py")
    after = reparse(before, "def f():\n    return 1\n", "a.py")
    [function] = [each for each in after.statements[0].compile("a.py", 0).co_consts if hasattr(each, "co_name")]
    assert function.co_firstlineno == 1
    [again] = [each for each in before.statements[1].compile("a.py", 0).co_consts if hasattr(each, "co_name")]
    assert again.co_firstlineno == 5


def test_an_error_tells_the_line_of_the_whole_file() -> None:
    before = parse("a = 1\nb = 2\nc = 3\n", "a.py")
    with pytest.raises(SyntaxError) as caught:
        reparse(before, "a = 1\nb = (\nc = 3\n", "a.py")
    assert caught.value.lineno in (2, 3)
    assert isinstance(ast.parse("a = 1"), ast.Module)
