"""Which code a function runs for whom: pinned sessions the old one, all others the new one.

While a session is pinned, a changed function has code that looks at whose context it is called in, and calls a copy of
the function with the old or the new code. Once no session needs the old code, the function has the new one itself.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from weakref import ref

from reloadls.base.live_sessions import CURRENT, LiveSession
from reloadls.base.pins import SessionPins, session_pins
from reloadls.reload.engine.objects.containers import is_a

from .dispatching import copy_of, dispatching, has_same_signature

__all__ = ["Versions"]

_Inner = tuple[ref[CodeType], ref[CodeType]]
"""The old and the new code of a function that other functions make."""


class Versions:
    """The functions that run several codes.

    Args:
        pinned: the pinned sessions.
    """

    def __init__(self, pinned: SessionPins = session_pins) -> None:
        self._pinned = pinned
        self._chains: dict[FunctionType, _Chain] = {}
        self._changed: dict[FunctionType, CodeType] = {}
        self._swaps: list[_Inner] = []
        """Those that happened beside pinned sessions, the first one first."""
        self._latest = 0
        """The version that the last of them was changed by."""
        self._stop = pinned.when_released(self._on_release)

    def close(self) -> None:
        """Have all functions run their new code."""
        self._stop()
        with self._pinned.lock:
            self._put_plain()
            self._chains.clear()
            self._swaps.clear()

    @contextmanager
    def commit(self) -> Iterator[None]:
        """While inside, all functions have their plain code, and are changed; pinned sessions then keep the old one.

        Where the inside raises, it must have taken everything back.
        """
        self._put_plain()
        before = len(self._swaps)
        try:
            yield
            self._add_version()
            before = len(self._swaps) if self._pinned.since else 0
        finally:
            self._changed.clear()
            del self._swaps[before:]
            self._put_dispatching()

    @property
    def pinned_sessions(self) -> list[LiveSession]:
        """Those that may go on with old code."""
        return list(self._pinned.since)

    def changed(self, function: FunctionType, old: CodeType) -> None:
        """The commit gives a function other code."""
        if self._pinned.since:
            self._changed.setdefault(function, old)

    def swapped(self, old: CodeType, new: CodeType) -> None:
        """The commit replaces a code; functions that pinned sessions make meanwhile have the old one."""
        if self._pinned.since and "<locals>" in old.co_qualname:
            self._swaps.append((ref(old), ref(new)))

    def old_codes(self) -> list[CodeType]:
        """What pinned sessions go on with."""
        return [function.__code__ for chain in self._chains.values() for _, function in chain.old]

    def _put_plain(self) -> None:
        for function, chain in self._chains.items():
            if function.__code__ is chain.dispatching:
                function.__code__ = chain.code
            chain.release()

    def _add_version(self) -> None:
        self._pinned.version = version = self._pinned.version + 1
        for function, old in self._changed.items():
            if function.__code__ is not old:
                chain = self._chains.setdefault(function, _Chain(function, self._pinned))
                chain.old.append((version, copy_of(function, old)))
                self._latest = version

    def _put_dispatching(self) -> None:
        for function, chain in list(self._chains.items()):
            chain.drop_unneeded()
            if not chain.old or not chain.put():
                del self._chains[function]

    def _on_release(self, version: int) -> None:
        """A session that went on with this version needs it no more."""
        if not self._chains or version >= self._latest:
            return
        for function, chain in list(self._chains.items()):
            chain.drop_unneeded()
            if not chain.old:
                del self._chains[function]
                if function.__code__ is chain.dispatching:
                    function.__code__ = chain.code
                chain.release()
        if not self._chains:
            self._replace_what_was_made()

    def _replace_what_was_made(self) -> None:
        """Have the functions that pinned sessions have made, and that are alive, run the new code."""
        swaps, self._swaps = self._swaps, []
        for old, new in ((old(), new()) for old, new in swaps):
            if old is None or new is None or old.co_freevars != new.co_freevars:
                continue
            for each in gc.get_referrers(old):
                if is_a(each, FunctionType) and each.__code__ is old:
                    each.__code__ = new


class _Chain:
    """One function's codes."""

    def __init__(self, function: FunctionType, pinned: SessionPins) -> None:
        self.old: list[tuple[int, FunctionType]] = []
        """What it was before each version of the program that changed it, the first version first."""
        self.code: CodeType
        """The newest code."""
        self.dispatching: CodeType | None = None
        self._function = function
        self._pinned = pinned
        self._new: FunctionType | None = None

    def drop_unneeded(self) -> None:
        """Drop the codes that no pinned session goes on with."""
        kept, before = [], -1
        needed = set(self._pinned.since.values())
        for version, function in self.old:
            if any(before <= since < version for since in needed):
                kept.append((version, function))
            before = version
        self.old = kept

    def put(self) -> bool:
        """Have the function dispatch; False, changing nothing, if its codes are too different."""
        function = self._function
        code = function.__code__
        if not all(has_same_signature(old.__code__, code) for _, old in self.old):
            return False
        self.dispatching = dispatching(code, self._choose)
        if self.dispatching is None:
            return False
        self.code, self._new = code, copy_of(function, code)
        function.__code__ = self.dispatching
        return True

    def release(self) -> None:
        """Hold no code any more: how many functions have one is found by counting its references."""
        self._new = self.dispatching = None
        del self.code

    def _choose(self) -> FunctionType:
        """The function for the session whose code runs."""
        since = self._pinned.since.get(CURRENT.get())
        if since is not None:
            for version, function in self.old:
                if since < version:
                    return function
        new = self._new  # None for a call of another thread that was interrupted here by a commit
        return self._function if new is None else new
