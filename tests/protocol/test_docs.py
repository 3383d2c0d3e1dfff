"""docs/protocol.md is the wire contract: each of its examples is read here, and nothing is missing."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from reloadls.protocol import Options, make_converter, parse_options
from reloadls.protocol import messages as shapes
from reloadls.protocol import report as reports
from reloadls.protocol.messages import NOTIFICATION_TYPES, REQUEST_TYPES
from reloadls.wire import methods

_TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
_BLOCK = re.compile(r"(?:<!-- example: (?P<name>[^>]+) -->\n)?```json\n(?P<body>.*?)\n```", re.DOTALL)

_TYPES: dict[str, Any] = {
    **{f"{method} params": params for method, (params, _) in REQUEST_TYPES.items()},
    **{f"{method} result": result for method, (_, result) in REQUEST_TYPES.items()},
    **NOTIFICATION_TYPES,
}


def _examples() -> list[tuple[str | None, Any]]:
    return [(match["name"], json.loads(match["body"])) for match in _BLOCK.finditer(_TEXT)]


def test_each_message_has_an_example_and_each_example_a_message() -> None:
    assert {name for name, _ in _examples()} == {*_TYPES, "capability", "options"}


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(name, value, id=name) for name, value in _examples() if name in _TYPES]
)
def test_an_example_is_what_the_converter_reads_and_writes(name: str, value: Any) -> None:
    converter = make_converter()
    read = converter.structure(value, _TYPES[name])
    written = json.loads(json.dumps(converter.unstructure(read, _TYPES[name])))
    assert converter.structure(written, _TYPES[name]) == read
    _check_same(value, written)


def _check_same(documented: Any, written: Any) -> None:
    """What is documented and not written is a default; what is written is documented."""
    if isinstance(written, dict):
        for key in written:
            assert key in documented, f"{key} is written, but the example lacks it"
            _check_same(documented[key], written[key])
        for key in documented.keys() - written.keys():
            assert documented[key] in (None, False, 10_000, [], {}), f"{key} is not known"
    elif isinstance(written, list):
        assert len(documented) == len(written)
        for one, other in zip(documented, written, strict=True):
            _check_same(one, other)
    else:
        assert documented == written


def test_the_capability() -> None:
    assert dict(_examples())["capability"] == methods.reload_capability()


def test_the_options() -> None:
    example = dict(_examples())["options"]
    options, problems = parse_options(example)
    assert problems == []
    defaults = Options()
    given = {"paths", "include", "exclude"}
    assert {name: getattr(options, name) for name in attrs.fields_dict(Options) if name not in given} == {
        name: getattr(defaults, name) for name in attrs.fields_dict(Options) if name not in given
    }


def _names() -> Iterator[str]:
    """Every field, and every value of a fixed set, on the wire."""
    for module in (shapes, reports):
        for thing in vars(module).values():
            if attrs.has(thing) and thing.__module__ == module.__name__:
                for field in attrs.fields(thing):
                    first, *others = field.name.split("_")
                    yield first + "".join(other.capitalize() for other in others)
            elif typing.get_origin(thing) is typing.Literal:
                yield from typing.get_args(thing)
    yield from REQUEST_TYPES
    yield from NOTIFICATION_TYPES


@pytest.mark.parametrize("name", sorted(set(_names())))
def test_every_name_is_in_the_contract(name: str) -> None:
    assert re.search(rf"[`\"]{re.escape(name)}[`\"]|[{{ ,]{re.escape(name)}[:?]", _TEXT) or f".{name}`" in _TEXT, name


def test_every_option_is_in_its_table() -> None:
    for name in attrs.fields_dict(Options):
        first, *others = name.split("_")
        assert f"| `{first + ''.join(other.capitalize() for other in others)}` |" in _TEXT
