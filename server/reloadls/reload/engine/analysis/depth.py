"""Have code that calls itself for each level of a tree cope with all trees that Python compiles."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["any_depth"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LIMIT = 60_000
"""Python compiles up to some 6,000 levels, and each takes a few calls."""


def any_depth(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Have a function run again with another recursion limit where it needs more than the program's.

    It must not run any code of the program, and must do the same when it runs twice.
    """

    @functools.wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            before = sys.getrecursionlimit()
            if before >= _LIMIT:
                raise
        sys.setrecursionlimit(_LIMIT)
        try:
            return function(*args, **kwargs)
        finally:
            if sys.getrecursionlimit() == _LIMIT:  # else the program has set another meanwhile
                sys.setrecursionlimit(before)

    return run
