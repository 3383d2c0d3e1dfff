"""Calls of LiveKit in one process: `reloadls run livekit_agent.py start`. Edit the instructions: open calls follow.

Needs `pip install 'reloadls[livekit]'`, and LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET. Its model repeats its
instructions; put a real one in its place.
"""

from __future__ import annotations

from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, Agent, AgentServer, AgentSession, JobContext, cli, llm

from reloadls.pool.livekit import host_sessions

server = AgentServer(host="127.0.0.1", port=0)
pool = host_sessions(server, max_sessions=50)


class Receptionist(Agent):
    """Answers the phone."""

    def __init__(self, company: str) -> None:
        super().__init__(instructions=f"You answer the phone of {company}.")


class Parrot(llm.LLM):
    """Answers with its instructions."""

    def chat(
        self, *, chat_ctx: Any, tools: Any = None, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS, **options: Any
    ) -> ParrotStream:
        """Begin an answer."""
        return ParrotStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class ParrotStream(llm.LLMStream):
    """One answer."""

    async def _run(self) -> None:
        told = [item.text_content for item in self._chat_ctx.items if item.type == "message" and item.role == "system"]
        delta = llm.ChoiceDelta(role="assistant", content=told[0])
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=delta))


@server.rtc_session(agent_name="receptionist")
async def entrypoint(context: JobContext) -> None:
    """Serve one call; it lasts until its room is closed."""
    session = AgentSession(llm=Parrot())
    await session.start(Receptionist("Example Ltd"), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
