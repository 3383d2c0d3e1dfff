"""The agents that a job has constructed, with what they were constructed from."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .contents import Contents, contents_of

__all__ = ["Built", "KnownAgents"]

_NOTHING: Final[Mapping[str, Any]] = {}


class Built:
    """How an agent was constructed.

    Attributes:
        args: the positional arguments.
        kwargs: those by name.
        contents: what the construction gave the agent, or the last one that it follows; None if that is not known.
    """

    __slots__ = ("_agent", "args", "contents", "kwargs")

    def __init__(self, agent: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] = _NOTHING) -> None:
        self._agent = weakref.ref(agent)
        self.args = args
        self.kwargs = kwargs
        self.contents: Contents | None = None

    @property
    def agent(self) -> Any:
        """The agent; None once it is collected."""
        return self._agent()

    def look(self) -> None:
        """The construction is over: note what it gave the agent."""
        agent = self.agent
        if agent is not None and self.contents is None and hasattr(agent, "_instructions"):
            self.contents = contents_of(agent)


class KnownAgents:
    """The agents of one job."""

    def __init__(self) -> None:
        self._built: dict[int, Built] = {}

    def note(self, agent: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """An agent is about to be initialised. What that gives it is noted in the loop's next turn."""
        built = Built(agent, args, kwargs)
        key = id(agent)
        self._built[key] = built
        weakref.finalize(agent, self._built.pop, key, None).atexit = False
        try:
            asyncio.get_running_loop().call_soon(built.look)
        except RuntimeError:
            return  # on a thread

    def built(self, agent: Any) -> Built:
        """How an agent was constructed; without arguments, if that was not noted."""
        found = self._built.get(id(agent))
        return found if found is not None and found.agent is agent else Built(agent)

    def __iter__(self) -> Iterator[Any]:
        found = [built.agent for built in list(self._built.values())]
        return iter([agent for agent in found if hasattr(agent, "_instructions")])
