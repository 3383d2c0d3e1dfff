"""How a live agent follows a reload: it takes what a fresh construction would give it, at the boundary of a turn."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from .contents import contents_of, merged_tools, new_values, same_tools
from .recorder import UNNOTED

if TYPE_CHECKING:
    from reloadls.pool.livekit.job import Job

    from .known import Built

__all__ = ["agents_of", "follow"]

_LOOKS: Final = 100
"""How often the loop may turn until LiveKit has noticed that a speech is over."""


def agents_of(job: Job) -> list[Any]:
    """The agents of a job: those that it has constructed, and the one that its session runs."""
    found = list(job.agents)
    session: Any = getattr(job.context, "_primary_agent_session", None)
    with suppress(RuntimeError, AttributeError):  # it has not begun, or has ended
        if all(each is not session.current_agent for each in found):
            found.append(session.current_agent)
    return found


async def follow(job: Job, agent: Any, report: object) -> None:
    """Have an agent follow its class.

    The agent stays the same object: its chat history, its state, and which agent the session runs are kept.

    Raises:
        LookupError: its class is no longer defined.
        Exception: what its construction, or the program's own `__rebind__`, raised. The agent is as it was.
    """
    await _turn_over(agent)
    if hasattr(type(agent), "__rebind__"):
        result = agent.__rebind__(report)
        if inspect.isawaitable(result):
            await result
        return
    _check_defined(type(agent))
    built = job.agents.built(agent)
    fresh = _construct(job, agent, built)
    await _take_over(agent, fresh, built)


async def _turn_over(agent: Any) -> None:
    """Return once no reply is being made."""
    try:
        session = agent.session
    except RuntimeError:
        return  # no session runs it
    for _ in range(_LOOKS):
        speech = session.current_speech
        if speech is None:
            return
        if not speech.done():
            await speech.wait_for_playout()
        await asyncio.sleep(0)


def _check_defined(cls: type) -> None:
    if "<locals>" in cls.__qualname__:
        return
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not cls:
        raise LookupError(
            f"class {cls.__qualname__} is no longer defined in {cls.__module__}; its live agents go on as they are"
        )


def _construct(job: Job, agent: Any, built: Built) -> Any:
    """Construct the agent once more, as the entrypoint of its job would."""
    context = (job.variables or contextvars.copy_context()).copy()
    context.run(UNNOTED.set, True)
    return context.run(type(agent), *built.args, **built.kwargs)


async def _take_over(agent: Any, fresh: Any, built: Built) -> None:
    before, now = built.contents, contents_of(fresh)
    instructions, live_tools = agent.instructions, agent.tools
    tools = merged_tools(agent, before, now)
    values = new_values(agent, before, fresh)
    given = instructions if before is None else before.instructions
    try:
        if now.instructions not in (given, instructions):
            await agent.update_instructions(now.instructions)
        if not same_tools(tools, live_tools):
            await agent.update_tools(tools)
    except BaseException:
        with suppress(Exception):  # a model that refuses what it had is lost already
            if agent.instructions is not instructions:
                await agent.update_instructions(instructions)
            if not same_tools(agent.tools, live_tools):
                await agent.update_tools(live_tools)
        raise
    vars(agent).update(values)
    built.contents = now
