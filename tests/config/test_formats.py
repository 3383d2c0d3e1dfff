"""Values and their places, in each format; and where each is wrong."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest

from reloadls.config import Part, SourceFailed
from reloadls.config.formats.env_text import parse_env
from reloadls.config.formats.flat import flat_part
from reloadls.config.formats.json_text import parse_json
from reloadls.config.formats.toml_text import parse_toml
from reloadls.config.formats.yaml_text import parse_yaml


def _env(text: str) -> Part:
    return flat_part(parse_env(text, interpolate=True), prefix="", delimiter="__")


PARSERS: dict[str, Callable[[str], Part]] = {"toml": parse_toml, "json": parse_json, "yaml": parse_yaml, "env": _env}


@pytest.mark.parametrize(
    ("format", "text", "values", "places"),
    [
        (
            "toml",
            "a = 1\n\n[b]\nc = 'x'  # note\n",
            {"a": 1, "b": {"c": "x"}},
            {"a": (1, 5), "b": (3, 1), "b.c": (4, 5)},
        ),
        ("toml", "a.b.c = 1\na.b.d = 2", {"a": {"b": {"c": 1, "d": 2}}}, {"a.b.c": (1, 9), "a.b.d": (2, 9)}),
        (
            "toml",
            "[[s]]\nn = 1\n[s.t]\nu = 2\n[[s]]\nn = 3\n",
            {"s": [{"n": 1, "t": {"u": 2}}, {"n": 3}]},
            {"s.0.n": (2, 5), "s.0.t.u": (4, 5), "s.1.n": (6, 5)},
        ),
        (
            "toml",
            'i = { x = 1, "y.z" = [1,\n # c ]\n 2], w = {v = "}"} }\nk = 4',
            {"i": {"x": 1, "y.z": [1, 2], "w": {"v": "}"}}, "k": 4},
            {"i.x": (1, 11), "i.w.v": (3, 15), "k": (4, 5)},
        ),
        (
            "toml",
            'a = """\nx = "1"\n"""\nb = \'\'\'\n[t]\'\'\'\nc = 1',
            {"a": 'x = "1"\n', "b": "[t]", "c": 1},
            {"c": (6, 5)},
        ),
        ("toml", "\r\na = 1\r\n[ t . 'u' ]\r\nb = 2", {"a": 1, "t": {"u": {"b": 2}}}, {"a": (2, 5), "t.u.b": (4, 5)}),
        (
            "toml",
            'd = 2026-11-27\nq = """a"""""\ne = 5',
            {"d": datetime.date(2026, 11, 27), "q": 'a""', "e": 5},
            {"e": (3, 5)},
        ),
        (
            "json",
            '{"a": 1,\n "b": {"c": [true, null, 1.5e3]}}',
            {"a": 1, "b": {"c": [True, None, 1500.0]}},
            {"b.c.2": (2, 26)},
        ),
        ("json", '{"\\u00e9": "\\n"}', {"é": "\n"}, {"é": (1, 12)}),
        (
            "yaml",
            "a: 1\nb:\n  c: [x, y]\n",
            {"a": 1, "b": {"c": ["x", "y"]}},
            {"a": (1, 4), "b.c": (3, 6), "b.c.1": (3, 10)},
        ),
        (
            "yaml",
            "base: &b {x: 1}\nuse:\n  <<: *b\n  y: 2\n",
            {"base": {"x": 1}, "use": {"x": 1, "y": 2}},
            {"use.y": (4, 6)},
        ),
        ("yaml", "# nothing\n", {}, {}),
        (
            "env",
            "\n# c\nexport A='x y' # z\n\n  B__C=\"l1\nl2\"\nD=${A}!\n",
            {"a": "x y", "b": {"c": "l1\nl2"}, "d": "x y!"},
            {"a": (3, 1), "b.c": (5, 3), "d": (7, 1)},
        ),
        ("env", "A\nB=\nC=a#b\nD=a #b\n", {"b": "", "c": "a#b", "d": "a"}, {"b": (2, 1)}),
        ("env", "A=1\nA=2\n", {"a": "2"}, {"a": (2, 1)}),
    ],
)
def test_values_and_places(format: str, text: str, values: Any, places: dict[str, tuple[int, int]]) -> None:
    part = PARSERS[format](text)
    assert part.values == values
    found = {".".join(map(str, key)): (place.line, place.column) for key, place in part.places.items()}
    assert {key: found.get(key) for key in places} == places


@pytest.mark.parametrize(
    ("format", "text", "line", "column", "word"),
    [
        ("toml", "a = 1\nb = \n", 2, 5, "Invalid value"),
        ("toml", "a = 1\na = 2\n", 2, 6, "overwrite"),
        ("toml", "a = [1,\n", 1, 8, ""),
        ("toml", "[t]\n[t]\n", 2, 3, "twice"),
        ("json", '{"a": 1,\n "a": 2}', 2, 2, "duplicate key"),
        ("json", '{"a": 1', 1, 8, "too early"),
        ("json", '{"a": NaN}', 1, 7, "value"),
        ("json", "[1]", 1, 1, "object"),
        ("json", '{"a": 01}', 1, 8, "','"),
        ("json", '{"a": "\\ud800"}', 1, 7, "surrogate"),
        ("json", '{"a": ' + "[" * 500, 1, 207, "deeper"),
        ("json", '{"a": ' + "9" * 9999 + "}", 1, 7, "digits"),
        ("json", '{"a": 1} x', 1, 10, "follow"),
        ("yaml", "a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key"),
        ("yaml", "a: [1\n", 2, 1, "expected"),
        ("yaml", "a:\n\t- 1\n", 2, 1, "cannot start any token"),
        ("yaml", "- 1\n", 1, 1, "mapping"),
        ("yaml", "a: *b\n", 1, 4, "alias"),
        ("yaml", "a: !!python/object:os.system x\n", 1, 4, "constructor"),
        ("yaml", "a: &a [*a]\n", 1, 4, "refers to"),
        ("yaml", "a: 2026-99-99\n", 1, 4, "type"),
        ("env", "A=1\nthis is none\n", 2, 1, "NAME=value"),
        ("env", "A='open\n", 1, 1, "NAME=value"),
        ("env", "A=1\nA__B=2\n", 2, 1, "nested"),
    ],
)
def test_mistakes(format: str, text: str, line: int, column: int, word: str) -> None:
    with pytest.raises(SourceFailed) as caught:
        PARSERS[format](text)
    assert word in caught.value.message
    assert caught.value.line == line
    if format != "yaml":
        assert caught.value.column == column
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # which would hold the text


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(SourceFailed, match="expand"):
        parse_yaml("\n".join(lines))


def test_json_is_read_as_the_standard_library_reads_it() -> None:
    value = {"a": [1, -2.5, 1e-7, '\u2028"\\/', {"b": [], "c": {}}], "": None, "ü": False}
    for text in (json.dumps(value), json.dumps(value, indent=3, ensure_ascii=False)):
        assert parse_json(text).values == value
