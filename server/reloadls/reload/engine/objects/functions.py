"""Find the function objects that run a code object, and give them another.

Functions are known by their code from the first time their module is looked at. Whether some are missing follows from
the code object's reference count, so the heap is searched only when a function is alive that no module leads to.
"""

from __future__ import annotations

import gc
import inspect
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from reloadls.reload.engine.analysis.codes import all_codes, is_annotate
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.running import REFERENCES, code_of_generator, codes_of_tasks, frames_of_threads
from reloadls.reload.engine.undo import Undo

from .lazy import annotate_of
from .reach import reach

__all__ = ["Functions", "Swap", "as_they_run", "replace_code", "set_code"]

_KINDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_NEAR = 2_000
_FAR = 50_000
_MANY_BLOCKS = 1_000_000
"""With more memory in use, functions that merely moved are not searched for where no module leads to them."""


@dataclass(slots=True, eq=False)
class Swap:
    """A code object, and the one that takes its place."""

    old: CodeType
    new: CodeType
    moved_only: bool = False
    """They differ in their lines only."""


class Functions:
    """The program's functions by their code."""

    def __init__(self) -> None:
        self._known: dict[int, list[ref[FunctionType]]] = {}
        self.suspended: list[CodeType] = []
        """Of the last `running`: the old code that generators and coroutines wait in, as far as it was looked for."""

    def running(
        self, swaps: Sequence[Swap], namespaces: Sequence[dict[str, Any]], all_namespaces: Sequence[dict[str, Any]]
    ) -> list[tuple[FunctionType, Swap]]:
        """The live functions of each swap's old code.

        Args:
            swaps: what is to be swapped.
            namespaces: of the modules that the code is of.
            all_namespaces: of all modules of the program; searched for functions that those don't lead to.
        """
        found = _Found(swaps, self._known)
        own = frozenset(str(space.get("__name__")) for space in all_namespaces)
        if found.missing():
            found.add(each for space in namespaces for each in reach(list(space.values()), own, most=_NEAR))
        if found.missing():
            found.add_tasks()
        if found.missing():
            self._search_far(found, own, all_namespaces)
        self._remember(found)
        self.suspended = found.suspended
        return [(function, swap) for swap in swaps for function in found.functions[id(swap.old)]]

    @staticmethod
    def _search_far(found: _Found, own: frozenset[str], namespaces: Sequence[dict[str, Any]]) -> None:
        many = sys.getallocatedblocks() > _MANY_BLOCKS
        if found.missing(but_moved=many):
            found.add(reach((value for space in namespaces for value in list(space.values())), own, most=_FAR))
        if missing := found.missing(but_moved=many):
            referrers = gc.get_referrers(*missing)
            found.add(referrers)
            found.suspended += [code for code in map(code_of_generator, referrers) if code is not None]

    def _remember(self, found: _Found) -> None:
        for swap in found.swaps:
            self._known.pop(id(swap.old), None)
            functions = found.functions[id(swap.old)]
            if functions:
                self._known[id(swap.new)] = [ref(function) for function in functions]

    def of(self, codes: Iterable[CodeType], spaces: Sequence[dict[str, Any]]) -> list[FunctionType]:
        """The live functions that run one of these codes, as far as the program's modules lead to them."""
        wanted = {id(code) for code in all_codes(codes) if not is_annotate(code)}
        if not wanted:
            return []
        known = [function for code in wanted for each in self._known.get(code, ()) if (function := each()) is not None]
        if {id(each.__code__) for each in known} == wanted:
            return known
        own = frozenset(str(space.get("__name__")) for space in spaces)
        found = reach([value for space in spaces for value in list(space.values())], own, most=_FAR)
        return [each for each in found if is_a(each, FunctionType) and id(each.__code__) in wanted]

    def forget(self, codes: Iterable[CodeType]) -> None:
        """The code objects are gone, or run no more."""
        for code in codes:
            self._known.pop(id(code), None)


def as_they_run(code: CodeType, module: ModuleType) -> CodeType:
    """A module's code, compiled again, with the code objects in it that its functions really run."""
    names = {(each.co_qualname, each.co_firstlineno) for each in all_codes([code])}
    live: dict[tuple[str, int], CodeType] = {}
    for each in reach(list(vars(module).values()), frozenset({module.__name__}), most=_FAR):
        if is_a(each, FunctionType) and each.__globals__ is vars(module):
            _note(each.__code__, names, live)
    return _with(code, live)


def _note(code: CodeType, names: set[tuple[str, int]], live: dict[tuple[str, int], CodeType]) -> None:
    key = (code.co_qualname, code.co_firstlineno)
    if key in names:
        live.setdefault(key, code)


def _with(code: CodeType, live: dict[tuple[str, int], CodeType]) -> CodeType:
    found = live.get((code.co_qualname, code.co_firstlineno))
    if found is not None:
        return found
    consts = tuple(_with(each, live) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=consts)


class _Found:
    """The functions found so far, and whether some are missing."""

    def __init__(self, swaps: Sequence[Swap], known: dict[int, list[ref[FunctionType]]]) -> None:
        self.swaps = swaps
        self._wanted = {id(swap.old) for swap in swaps}
        self.functions: defaultdict[int, list[FunctionType]] = defaultdict(list)
        self._seen: set[int] = set()
        self.add(function for code in self._wanted for each in known.get(code, ()) if (function := each()))
        self._frames = Counter(id(code) for code, _ in frames_of_threads())
        self.suspended: list[CodeType] = []

    def add(self, objects: Iterable[object]) -> None:
        for each in objects:
            if is_a(each, FunctionType):
                self._add(each)
                if (annotate := annotate_of(each)) is not None:
                    self._add(annotate)

    def _add(self, function: FunctionType) -> None:
        code = id(function.__code__)
        if code in self._wanted and id(function) not in self._seen:
            self._seen.add(id(function))
            self.functions[code].append(function)

    def add_tasks(self) -> None:
        for code, _ in codes_of_tasks():
            if id(code) in self._wanted:
                self._frames[id(code)] += REFERENCES
                self.suspended.append(code)

    def missing(self, *, but_moved: bool = False) -> list[CodeType]:
        return [
            swap.old
            for swap in self.swaps
            if not (but_moved and swap.moved_only)
            and sys.getrefcount(swap.old) > _IDLE + len(self.functions[id(swap.old)]) + self._frames[id(swap.old)]
        ]


def _idle_count() -> int:
    """How many references a code object in a swap has that no function runs."""
    namespace: dict[str, Any] = {}
    exec(compile("def f(): pass", "<reloadls>", "exec"), namespace)  # noqa: S102
    code = namespace.pop("f").__code__
    holder = (code,)  # as the code object that it stands in holds it
    swaps = [Swap(code, holder[0].replace(co_name="g"))]
    del code
    [count] = [sys.getrefcount(swap.old) for swap in swaps]
    return count


_IDLE = _idle_count()


def set_code(function: FunctionType, code: CodeType, undo: Undo) -> bool:
    """Have a function run another code from its next call on; False if its closure doesn't fit."""
    if function.__code__.co_freevars != code.co_freevars:
        return False
    document, new_document = _docstring(function.__code__), _docstring(code)
    replace_code(function, code, undo)
    if document != new_document and function.__doc__ == document:
        undo.set_attribute(function, "__doc__", new_document)
    return True


def replace_code(function: FunctionType, code: CodeType, undo: Undo) -> None:
    """Give a function another code, also of another kind: a coroutine in place of a plain function."""
    undo.add(partial(_assign, function, function.__code__))
    _assign(function, code)


def _assign(function: FunctionType, code: CodeType) -> None:
    if not (function.__code__.co_flags ^ code.co_flags) & _KINDS:
        function.__code__ = code
        return
    with warnings.catch_warnings():  # Python warns that somebody may still rely on the kind
        warnings.simplefilter("ignore", DeprecationWarning)
        function.__code__ = code


_HAS_DOCSTRING = 0x4000000
"""The flag of code that begins with a docstring, from Python 3.14 on: other code may begin with another text."""


def _docstring(code: CodeType) -> str | None:
    if sys.version_info >= (3, 14) and not code.co_flags & _HAS_DOCSTRING:
        return None
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else None
