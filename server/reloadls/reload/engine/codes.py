"""Which code objects of a new compilation stand for which of the old, and the same code on other lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import CodeType

__all__ = ["all_codes", "inner_codes", "pairs", "same_but_lines", "shifted"]


def inner_codes(code: CodeType) -> tuple[CodeType, ...]:
    """The code objects made directly by this one, in the order of the source."""
    return tuple(each for each in code.co_consts if isinstance(each, CodeType))


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


def pairs(old: Iterable[CodeType], new: Iterable[CodeType]) -> Iterator[tuple[CodeType, CodeType]]:
    """Old and new of each code object that is in both, the inner ones too.

    They are told apart by qualified name and, where a name is used again, by their order. Those without a name only go
    together when there are as many as there were.
    """
    fresh = _by_name(new)
    for name, before in _by_name(old).items():
        after = fresh.get(name, [])
        if "<lambda>" not in name or len(before) == len(after):
            yield from zip(before, after, strict=False)


def _by_name(codes: Iterable[CodeType]) -> dict[str, list[CodeType]]:
    found: defaultdict[str, list[CodeType]] = defaultdict(list)
    for code in all_codes(codes):
        found[code.co_qualname].append(code)
    return found


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
