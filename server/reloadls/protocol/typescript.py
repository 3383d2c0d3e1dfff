"""Generate TypeScript declarations from the message classes, for the editor extension.

    python -m reloadls.protocol.typescript FILE            # writes FILE
    python -m reloadls.protocol.typescript --check FILE    # exit code 1 if FILE is not what would be written

A field that may be omitted on the wire is optional there; comments come from the docstrings.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from reloadls.wire import methods

from . import hosted, messages, records, report
from .explain import camel
from .messages import NOTIFICATION_TYPES, REQUEST_TYPES
from .options import Options

__all__ = ["declarations", "main"]

_WIDTH: Final = 116
_HEAD: Final = """\
// Written by `python -m reloadls.protocol.typescript`; do not edit.
// The wire's shapes, as `server/reloadls/protocol` defines them. A field that equals its default may be omitted.
"""
_SCALARS: Final[Mapping[object, str]] = {str: "string", int: "number", float: "number", bool: "boolean", Any: "unknown"}
_Names = Mapping[object, str]


def declarations() -> str:
    """Return the whole TypeScript module."""
    names = _literal_names()
    classes = list(_closure([Options, *_roots()]))
    parts = [_HEAD]
    parts += [f"export type {name} = {_type(literal, {})};\n" for literal, name in names.items()]
    parts += [_interface(cls, names) for cls in classes]
    parts += [_option_defaults(), _requests(names), _notifications(names)]
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check a file, and return the exit code.

    Args:
        arguments: the command-line arguments; None: those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m reloadls.protocol.typescript", description=declarations.__doc__)
    parser.add_argument("file", type=Path, help="the TypeScript file")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    given = parser.parse_args(arguments)
    text = declarations()
    if not given.check:
        given.file.write_text(text, encoding="utf-8", newline="\n")
        return 0
    if given.file.is_file() and given.file.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{given.file} is out of date; run: {parser.prog} {given.file}\n")
    return 1


def _roots() -> Iterator[Any]:
    for params, result in REQUEST_TYPES.values():
        yield from (params, result)
    yield from NOTIFICATION_TYPES.values()


def _closure(types: Iterable[Any]) -> Iterator[type[Any]]:
    """Yield the attrs classes that these types consist of, each once, dependencies first."""
    seen: set[type[Any]] = set()

    def visit(cls: Any) -> Iterator[type[Any]]:
        if isinstance(cls, type) and attrs.has(cls):
            if cls not in seen:
                seen.add(cls)
                for inner in get_type_hints(cls).values():
                    yield from visit(inner)
                yield cls
        else:
            for inner in get_args(cls):
                yield from visit(inner)

    for cls in types:
        yield from visit(cls)


def _literal_names() -> dict[object, str]:
    """Return the named literal types, so that they keep their names; the first name counts."""
    named: dict[object, str] = {}
    for module in (messages, report, hosted, records):
        for name in module.__all__:
            value = getattr(module, name)
            if get_origin(value) is Literal:
                named.setdefault(value, name)
    return named


def _type(cls: Any, names: _Names) -> str:
    if name := _named(cls, names):
        return name
    origin, args = get_origin(cls), get_args(cls)
    if origin is Literal:
        return " | ".join(json.dumps(value) for value in args)
    if origin in (Union, UnionType):
        return " | ".join("null" if arg is NoneType else _type(arg, names) for arg in args)
    if origin is tuple and args[1:] == (...,):
        inner = _type(args[0], names)
        return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
    if origin is dict and args[0] is str:
        return f"Readonly<Record<string, {_type(args[1], names)}>>"
    raise TypeError(f"{cls!r} has no TypeScript type yet")


def _named(cls: Any, names: _Names) -> str | None:
    if isinstance(cls, type) and attrs.has(cls):
        return cls.__name__
    return names.get(cls) or _SCALARS.get(cls)


def _interface(cls: type[Any], names: _Names) -> str:
    hints, documents = get_type_hints(cls), _field_documents(cls)
    if not hints:
        return "\n".join(
            [*_comment(cls.__doc__, ""), f"export type {cls.__name__} = Readonly<Record<string, never>>;\n"]
        )
    lines = [*_comment(_summary(cls), ""), f"export interface {cls.__name__} {{"]
    for field in attrs.fields(cls):
        lines += _comment(documents.get(field.name), "  ")
        mark = "" if field.default is attrs.NOTHING else "?"
        lines.append(f"  readonly {camel(field.name)}{mark}: {_type(hints[field.name], names)};")
    return "\n".join([*lines, "}\n"])


def _summary(cls: type[Any]) -> str:
    """Return the docstring of a class; of LSP's classes, which have long ones, the first sentence."""
    document = cls.__doc__ or ""
    return document if cls.__module__.startswith("reloadls.") else document.split(". ")[0].split(".\n")[0] + "."


def _comment(document: str | None, indent: str) -> list[str]:
    if not document:
        return []
    text = " ".join(inspect.cleandoc(document).split("\n\n")[0].split()).replace("None", "null")
    if len(text) + len(indent) + 7 <= _WIDTH:
        return [f"{indent}/** {text} */"]
    wrapped = textwrap.wrap(text, _WIDTH - len(indent) - 3, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}/**", *(f"{indent} * {line}" for line in wrapped), f"{indent} */"]


def _field_documents(cls: type[Any]) -> dict[str, str]:
    """Return the docstrings below the fields of a class."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            document = ast.literal_eval(after.value)
            assert isinstance(document, str)
            found[field.target.id] = document
    return found


def _option_defaults() -> str:
    values = {camel(name): value for name, value in attrs.asdict(Options(), recurse=False).items()}
    lines = [f"  {name}: {json.dumps(value)}," for name, value in values.items()]
    head = "/** The default of each option. */\nexport const optionDefaults: Required<Options> = {"
    return "\n".join([head, *lines, "};\n"])


def _requests(names: _Names) -> str:
    lines = ["/** Request -> its params and result. */", "export interface Requests {"]
    for method, (params, result) in REQUEST_TYPES.items():
        lines.append(f"  {json.dumps(method)}: {{ params: {_type(params, names)}; result: {_type(result, names)} }};")
    return "\n".join([*lines, "}\n"])


def _notifications(names: _Names) -> str:
    lines = ["/** Notification -> its params. */", "export interface Notifications {"]
    lines += [f"  {json.dumps(method)}: {_type(params, names)};" for method, params in NOTIFICATION_TYPES.items()]
    version = f"/** The version of these shapes. */\nexport const protocolVersion = {methods.PROTOCOL_VERSION};\n"
    return "\n".join([*lines, "}\n", version])


if __name__ == "__main__":
    sys.exit(main())
