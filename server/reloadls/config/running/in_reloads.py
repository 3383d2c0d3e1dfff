"""A configuration that takes part in the reloads of its program's code: see `base/hosted/live_sources.py`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from reloadls.base.paths import is_within
from reloadls.config.errors import InvalidConfiguration
from reloadls.config.problem import Problem
from reloadls.config.running.engine import Decision, Engine, Target

__all__ = ["InReloads"]

Step = Callable[[], object]
_TAKEN_BACK = Problem(code="refused", message="taken back, since code that was saved with it could not be applied")


class _Alone(Protocol):
    """A configuration in one process alone."""

    engine: Engine
    target: Target
    turn: asyncio.Lock
    version: int
    pinned: int | None

    def keep(self) -> None:
        """Keep the current version."""

    async def refresh(self) -> None:
        """Read the sources, and have what they hold take effect."""


class InReloads:
    """See `SourceHost`.

    Args:
        alone: the configuration. In a group the leader's versions count, so it takes no part there.
    """

    def __init__(self, alone: _Alone) -> None:
        self._alone = alone
        self._loop = asyncio.get_running_loop()
        self._paths = [os.path.realpath(path) for path in alone.engine.local_paths]
        self._waits = False
        self._task: asyncio.Future[None] | None = None

    def follows(self, path: str) -> bool:
        """See `SourceHost.follows`."""
        return is_within(path, self._paths)

    def waits(self) -> bool:
        """See `SourceHost.waits`."""
        return self._waits

    def apply_now(self, on_undo: Callable[[Step], object], at_the_end: Callable[[Step], object]) -> tuple[str, ...]:
        """See `SourceHost.apply_now`."""
        alone = self._alone
        if alone.turn.locked() or alone.pinned is not None or not alone.engine.callbacks.can_be_asked_now:
            at_the_end(self._refresh_later)  # it is being applied, or something must be awaited
            return ()
        decision = self._decision()
        before, version = alone.engine.current, alone.version
        change, candidate = decision.change, decision.candidate
        if candidate is None or before is None:
            self._waits = False
            return ()

        def back() -> None:
            alone.engine.current, alone.version = before, version
            alone.target.swap(before, version)
            self._waits = change is not None
            self._report((_TAKEN_BACK,) if change is not None else ())

        def done() -> None:
            self._waits = False
            self._report(())
            if change is not None:
                alone.keep()
                self._call(lambda: alone.engine.callbacks.post(change))

        on_undo(back)
        alone.engine.adopt(decision)
        if change is not None:
            alone.version = version + 1
            alone.target.swap(candidate, alone.version)
        at_the_end(done)
        return () if change is None else change.keys

    def _decision(self) -> Decision:
        engine = self._alone.engine
        looked = engine.look_now()
        decision = Decision(None, problems=looked.problems)
        if not looked.problems:
            decision = engine.decide_now(looked.parts, self._alone.version + 1)
        if decision.problems:
            self._report(decision.problems)
            raise InvalidConfiguration(decision.problems)
        return decision

    def _report(self, problems: tuple[Problem, ...]) -> None:
        self._call(lambda: self._alone.engine.set_problems(problems))

    def _refresh_later(self) -> None:
        self._call(self._refresh)

    def _refresh(self) -> None:
        self._task = asyncio.ensure_future(self._alone.refresh())

    def _call(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop has ended
            return
