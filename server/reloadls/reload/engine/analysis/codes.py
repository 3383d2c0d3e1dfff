"""Pair the code objects of a new compilation with the old ones, and compare code that only moved."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import CodeType

from .matching import match

__all__ = [
    "CONDITIONAL",
    "all_codes",
    "function_codes",
    "inner_codes",
    "is_annotate",
    "is_class_body",
    "is_module_body",
    "is_of_module",
    "owner_of",
    "pairs",
    "same_but_lines",
    "shifted",
]


def inner_codes(code: CodeType) -> tuple[CodeType, ...]:
    """The code objects made directly by this one, in the order of the source."""
    return tuple(each for each in code.co_consts if isinstance(each, CodeType) and not is_of_module(each))


def is_of_module(code: CodeType) -> bool:
    """Whether a code object evaluates the annotations of a module, and so is of no statement (from Python 3.14 on)."""
    return code.co_qualname == _ANNOTATE


def is_module_body(code: CodeType, path: str | None = None) -> bool:
    """Whether a code object is that of a file's statements, and not of a text that something runs in its namespace.

    Args:
        code: any code object.
        path: where the file really is; left out for any file. Debuggers run a script in their own namespace.
    """
    file = code.co_filename
    if code.co_name != "<module>" or file.startswith("<"):
        return False
    return path is None or os.path.basename(file) == os.path.basename(path) or os.path.realpath(file) == path


def is_annotate(code: CodeType) -> bool:
    """Whether a code object evaluates annotations."""
    return code.co_name == _ANNOTATE


def owner_of(code: CodeType) -> str:
    """The qualified name of the function or class whose code it is, or whose annotations it evaluates."""
    return code.co_qualname.removesuffix(f".{_ANNOTATE}")


_ANNOTATE = "__annotate__"
CONDITIONAL = "__conditional_annotations__"
"""The name under which a module keeps which of its annotations it has come by, from Python 3.14 on."""


def all_codes(codes: Iterable[CodeType]) -> Iterator[CodeType]:
    """These and all inside."""
    for code in codes:
        yield code
        yield from all_codes(inner_codes(code))


def shifted(code: CodeType, lines: int) -> CodeType:
    """The same code, so many lines further down. The line table counts from the first line, so that it stays."""
    if not lines:
        return code
    consts = tuple(shifted(each, lines) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_firstlineno=code.co_firstlineno + lines, co_consts=consts)


def is_class_body(code: CodeType) -> bool:
    """Whether it is the body of a class, which no function runs."""
    return not code.co_flags & _OPTIMIZED


_OPTIMIZED = 1
"""The compiler's flag for code whose names are slots of a function's frame."""


def function_codes(codes: Iterable[CodeType]) -> list[CodeType]:
    """The functions among these, and those directly in classes among these, in the order of their lines."""
    found: list[CodeType] = []
    for code in codes:
        found += function_codes(inner_codes(code)) if is_class_body(code) else [code]
    return sorted(found, key=lambda code: code.co_firstlineno)


def pairs(
    old: Iterable[CodeType], new: Iterable[CodeType], *, same_shape: bool = False
) -> list[tuple[CodeType, CodeType]]:
    """Old and new code of each function that is in both, the inner ones too.

    Equal code goes together first. What is left goes together only where there is one candidate: between two functions
    that are paired, or by the parameters. Neither a name nor an order alone makes a pair.

    Args:
        old: what a statement made.
        new: what it makes now.
        same_shape: the statement differs only in the bodies of functions, so that their order says which is which.
    """
    before, after = function_codes(old), function_codes(new)
    found: list[tuple[CodeType, CodeType]] = []
    for name in dict.fromkeys(code.co_qualname for code in before):
        ones = [code for code in before if code.co_qualname == name]
        others = [code for code in after if code.co_qualname == name]
        in_order = same_shape and "<lambda>" not in name and len(ones) == len(others)
        for pair in zip(ones, others, strict=True) if in_order else _matched(ones, others):
            found += [pair, *pairs(inner_codes(pair[0]), inner_codes(pair[1]))]
    return found


def _matched(ones: list[CodeType], others: list[CodeType]) -> list[tuple[CodeType, CodeType]]:
    """Pairs among functions of one name."""
    equal: dict[int, int] = {}
    for at, other in enumerate(others):
        free = (place for place in range(len(ones)) if place not in equal.values())
        if (found := next((place for place in free if same_but_lines(ones[place], other)), None)) is not None:
            equal[at] = found
    paired = match(ones, others, equal, [_parameters])
    return [(ones[before], others[at]) for at, before in sorted(paired.items())]


def _parameters(code: CodeType) -> tuple[object, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    return (code.co_varnames[:count], code.co_posonlyargcount, code.co_argcount, code.co_flags)


_PARTS = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount")


def same_but_lines(one: CodeType, other: CodeType, *, inside: bool = True) -> bool:
    """Whether both do the same; with `inside=False`, whatever the functions inside do."""
    if any(getattr(one, part) != getattr(other, part) for part in _PARTS):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    for first, second in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(first, CodeType) and isinstance(second, CodeType):
            if inside and not same_but_lines(first, second):
                return False
        elif type(first) is not type(second) or repr(first) != repr(second):
            return False
    return True
