"""A model that answers with what it was given: the instructions, the tools, and how often the user has spoken."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, llm


class _Stream(llm.LLMStream):
    async def _run(self) -> None:
        if self._llm.gate is not None:
            self._llm.reached.set()
            await self._llm.gate.wait()
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=self._delta()))

    def _delta(self) -> Any:
        items = self._chat_ctx.items
        if items[-1].type == "function_call_output":
            return llm.ChoiceDelta(role="assistant", content=f"the tool said {items[-1].output}")
        asked = [item.text_content for item in items if item.type == "message" and item.role == "user"]
        if asked and asked[-1].startswith("use "):
            call = llm.FunctionToolCall(name=asked[-1][4:], arguments="{}", call_id=f"call-{len(items)}")
            return llm.ChoiceDelta(role="assistant", tool_calls=[call])
        return llm.ChoiceDelta(role="assistant", content=f"{self._instructions()} {self._names()} {len(asked)}")

    def _instructions(self) -> str:
        texts = [item.text_content for item in self._chat_ctx.items if item.type == "message" and item.role == "system"]
        return str(texts[0]) if texts else ""

    def _names(self) -> str:
        return ",".join(sorted(tool.info.name for tool in self._tools)) or "-"


class Echo(llm.LLM):
    """Answers at once, or once `gate` is set; `reached` says that it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()

    def chat(
        self, *, chat_ctx: Any, tools: Any = None, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS, **others: Any
    ) -> Any:
        return _Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)
