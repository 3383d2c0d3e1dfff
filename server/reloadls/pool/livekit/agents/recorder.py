"""Under hot reload, what an agent was constructed with is noted, so that a fresh one can be compared with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from livekit.agents import Agent

__all__ = ["UNNOTED", "install_recorder"]

Note = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]

UNNOTED: Final[ContextVar[bool]] = ContextVar("reloadls_unnoted", default=False)
"""Whether agents are constructed only to look at them."""


def install_recorder(note: Note) -> None:
    """Have `note(agent, args, kwargs)` called for each agent that is constructed, once this process reloads code.

    LiveKit's `Agent` is left alone where nothing reloads code. Where something does, it gets a `__new__`, which does
    what there was before.
    """
    if "reloadls.reload.reloader" in sys.modules and "__new__" not in vars(Agent):
        Agent.__new__ = _recording(note)


def _recording(note: Note) -> Any:
    def __new__(cls: type, /, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        inherited = super(Agent, cls).__new__
        made = inherited(cls) if inherited is object.__new__ else inherited(cls, *args, **kwargs)
        if not UNNOTED.get():
            note(made, args, kwargs)
        return made

    return __new__
