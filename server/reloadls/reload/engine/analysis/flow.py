"""Whether running code has read a name and won't read it again."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType

__all__ = ["is_behind"]

_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
_ENDS = frozenset(
    [
        *("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"),
        *("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP_ABSOLUTE"),
    ]
)
"""After these the next instruction is not reached."""
_AT_ONCE = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
"""What usually runs as soon as it is made."""


def is_behind(code: CodeType, at: int, name: str, *, first_line: int = 0) -> bool:
    """Whether a name is read before the instruction at this offset, in a place that is not reached again.

    What is above `first_line` does not count.
    """
    inner = [each for each in code.co_consts if isinstance(each, CodeType) and each.co_name in _AT_ONCE]
    if not any(name in each.co_names for each in (code, *inner)):
        return False
    instructions = list(dis.get_instructions(code))
    # Python 3.11 points at the last of the cache entries behind a call.
    at = max((each.offset for each in instructions if each.offset <= at), default=at)
    reads = [each for each in instructions if each.opname.startswith("LOAD_") and _reads(each.argval, name)]
    before = {each.offset for each in reads if each.offset < at and _line(each) >= first_line}
    return bool(before) and bool(before - _reached(code, instructions, at))


def _reads(argument: object, name: str) -> bool:
    if isinstance(argument, CodeType):
        return argument.co_name in _AT_ONCE and name in argument.co_names
    return argument == name


def _line(instruction: dis.Instruction) -> int:
    positions = instruction.positions
    return 0 if positions is None else positions.lineno or 0


def _reached(code: CodeType, instructions: list[dis.Instruction], at: int) -> set[int]:
    """The offsets that may be reached from one."""
    following: dict[int, list[int]] = {}
    for each, after in zip(instructions, [*instructions[1:], None], strict=True):
        targets = [each.argval] if each.opcode in _JUMPS else []
        if after is not None and each.opname not in _ENDS:
            targets.append(after.offset)
        following[each.offset] = targets
    handlers = list(_handlers(code))
    found: set[int] = set()
    waiting = _next(following, handlers, at)
    while waiting:
        offset = waiting.pop()
        if offset not in found:
            found.add(offset)
            waiting += _next(following, handlers, offset)
    return found


def _next(following: dict[int, list[int]], handlers: list[tuple[int, int, int]], offset: int) -> list[int]:
    caught = [target for start, end, target in handlers if start <= offset < end]
    return [*following.get(offset, ()), *caught]


def _handlers(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """From where to where an exception is caught, and where that leads."""
    for each in getattr(dis.Bytecode(code), "exception_entries", ()):
        yield each.start, each.end, each.target
