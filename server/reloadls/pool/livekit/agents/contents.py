"""What the construction of an agent gives it: instructions, tools, and plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from inspect import getattr_static
from types import NoneType, SimpleNamespace
from typing import Any, Final

from livekit.agents import Agent
from livekit.agents.llm import find_function_tools

__all__ = ["Contents", "contents_of", "merged_tools", "new_values", "same_tools", "tool_name"]

_PLAIN: Final = (str, bytes, int, float, bool, NoneType)
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Contents:
    """What an agent was given by its class.

    Attributes:
        instructions: the prompt.
        tools: those that are not methods of the agent.
        values: its attributes with plain values, by name.
    """

    instructions: Any
    tools: tuple[Any, ...]
    values: dict[str, Any]


def contents_of(agent: Any) -> Contents:
    """What an agent has now."""
    own = set(_own_tools(agent))
    tools = tuple(tool for tool in agent.tools if tool_name(tool) not in own)
    values = {name: value for name, value in _attributes(agent).items() if type(value) in _PLAIN}
    return Contents(agent.instructions, tools, values)


def merged_tools(agent: Any, before: Contents | None, now: Contents) -> list[Any]:
    """The tools of an agent that follows its class.

    Its methods are found again. Of the others, those that the construction gave it are replaced; what the program has
    added later stays, and what it has removed stays removed.
    """
    live, own = agent.tools, _own_tools(agent)
    others = [tool for tool in live if not _is_own(tool, agent, own)]
    given = {tool_name(tool): tool for tool in (others if before is None else before.tools)}
    wanted = {tool_name(tool): tool for tool in now.tools}
    kept = [wanted.get(tool_name(tool), tool) for tool in others if tool_name(tool) not in given.keys() - wanted.keys()]
    added = [tool for name, tool in wanted.items() if name not in given and name not in map(tool_name, kept)]
    return [*kept, *added, *own.values()]


def new_values(agent: Any, before: Contents | None, fresh: Any) -> dict[str, Any]:
    """The attributes of an agent that an edit of its construction changes.

    Those that it does not have yet; and plain values that the edit changed, unless the program has changed them, too.
    """
    live = vars(agent)
    found = {name: value for name, value in _attributes(fresh).items() if name not in live}
    if before is not None:
        for name, value in contents_of(fresh).values.items():
            old = before.values.get(name, _MISSING)
            if old is not _MISSING and not _same(old, value) and _same(live.get(name, _MISSING), old):
                found[name] = value
    return found


def same_tools(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two lists have the same tools, which run the same functions."""
    return [_identity(tool) for tool in one] == [_identity(tool) for tool in other]


def tool_name(tool: Any) -> str:
    """The name by which the model knows a tool, or the id of a set of tools."""
    info = getattr(tool, "info", None)
    name = getattr(info, "name", None) or getattr(tool, "id", None)
    return str(name) if name else repr(tool)


def _own_tools(agent: Any) -> dict[str, Any]:
    """The methods of an agent that are tools, as LiveKit finds them in the construction.

    Later, it would meet properties that raise while no session runs the agent.
    """
    cls = type(agent)
    methods = [name for name in dir(cls) if not name.startswith("__") and callable(getattr_static(cls, name))]
    members = SimpleNamespace(**{**{name: getattr(agent, name) for name in methods}, **vars(agent)})
    return {tool_name(tool): tool for tool in find_function_tools(members)}


def _is_own(tool: Any, agent: Any, own: dict[str, Any]) -> bool:
    bound = (
        getattr(tool, "_instance", None) is agent or getattr(getattr(tool, "_func", None), "__self__", None) is agent
    )
    return bound or tool_name(tool) in own


def _identity(tool: Any) -> tuple[object, ...]:
    function = getattr(tool, "_func", tool)
    function = getattr(function, "__func__", function)
    return (tool_name(tool), id(function), id(getattr(tool, "_info", None)))


def _attributes(agent: Any) -> dict[str, Any]:
    """The attributes that the program gave an agent, without LiveKit's own."""
    return {name: value for name, value in vars(agent).items() if name not in _library_names()}


@cache
def _library_names() -> frozenset[str]:
    return frozenset(vars(Agent(instructions="")))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other
