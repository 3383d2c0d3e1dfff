"""How an exception travels from a worker to the pool."""

from __future__ import annotations

import pickle
import traceback
from typing import Final

from reloadls.pool.errors import PoolError

from .reference import load

__all__ = ["pack", "unpack"]

_MOST: Final = 2**20
"""How large a pickled exception may be, in bytes; a larger one travels as text."""
_LONGEST: Final = 1000
"""Of that text, in characters."""


def pack(error: BaseException | None) -> tuple[bytes | None, str, str] | None:
    """The exception by pickle, where that can be, its type and text, and its traceback as text."""
    if error is None:
        return None
    text = f"{type(error).__name__}: {error}"[:_LONGEST]
    trace = "".join(traceback.format_exception(error))
    try:
        data: bytes | None = pickle.dumps(error)
        pickle.loads(data or b"")  # noqa: S301 - our own
    except Exception:
        data = None
    if data is not None and len(data) > _MOST:
        data = None
    return data, text, trace[-10_000:]


def unpack(packed: tuple[bytes | None, str, str] | None) -> BaseException | None:
    """The exception, with the worker's traceback as a note; a `PoolError` where it can't be pickled."""
    if packed is None:
        return None
    data, text, trace = packed
    error: BaseException = PoolError(text)
    if data is not None:
        try:
            error = load(data)
        except Exception:
            error = PoolError(text)
    error.add_note(f"In a worker:\n{trace}")
    return error
