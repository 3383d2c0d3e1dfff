"""An entrypoint that a process of LiveKit's can import: it answers once, and says so by a file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from livekit.agents import Agent, AgentSession, JobContext

from .model import Echo


async def answered(context: JobContext) -> None:
    """One job."""
    session = AgentSession(llm=Echo())
    await session.start(Agent(instructions="Be brief."))
    await session.run(user_input="hi")
    Path(os.environ["READY"], context.job.room.name).touch()
    await asyncio.Event().wait()
