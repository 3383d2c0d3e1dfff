"""Agents of LiveKit, without a server: jobs are simulated, on a thread of the worker or in processes of a forkserver."""

from __future__ import annotations

from .program import Program, edit, files

__all__ = ["PROGRAMS"]

_FILES = files(
    {
        "worker.py": """
            import asyncio
            import os

            from livekit.agents import AgentServer, AgentSession, JobContext, JobExecutorType

            from agent import Waiter
            from fake import Fake

            EXECUTOR = JobExecutorType[os.environ["EXECUTOR"]]
            server = AgentServer(job_executor_type=EXECUTOR, num_idle_processes=0, port=0)


            @server.rtc_session(agent_name="waiter")
            async def entrypoint(ctx: JobContext):
                session = AgentSession(llm=Fake())
                await session.start(Waiter())
                while True:
                    result = await session.run(user_input="tea")
                    said = [each.item.text_content for each in result.events if each.type == "message"]
                    print(" / ".join(said), flush=True)
                    await asyncio.sleep(0.05)


            async def main():
                running = asyncio.create_task(server.run(devmode=True, unregistered=True))
                await asyncio.sleep(0.5)
                await server.simulate_job("room", fake_job=True, agent_identity="waiter")
                await running


            if __name__ == "__main__":
                asyncio.run(main())
        """,
        "fake.py": """
            from livekit.agents import llm


            class Stream(llm.LLMStream):
                async def _run(self):
                    words = [item.text_content for item in self._chat_ctx.items if item.type == "message"]
                    text = self._llm.say(words[-1], len(self._tools))
                    delta = llm.ChoiceDelta(role="assistant", content=text)
                    self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=delta))


            class Fake(llm.LLM):
                def say(self, word, tools):
                    return f"you said {word}"

                def chat(self, *, chat_ctx, tools=None, conn_options=None, **others):
                    from livekit.agents import DEFAULT_API_CONNECT_OPTIONS

                    options = conn_options or DEFAULT_API_CONNECT_OPTIONS
                    return Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=options)
        """,
        "agent.py": """
            from livekit.agents import Agent, function_tool

            from menu import price


            class Waiter(Agent):
                def __init__(self):
                    super().__init__(instructions="You are a waiter.")

                @function_tool
                async def order(self, dish: str) -> str:
                    return f"{dish} costs {price(dish)}"

                async def llm_node(self, chat_ctx, tools, model_settings):
                    yield f"{price('tea')}: "
                    async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
                        yield chunk
        """,
        "menu.py": """
            PRICES = {"tea": 3}
            CURRENCY = "EUR"


            def price(dish):
                return f"{PRICES.get(dish, 0)} {CURRENCY}"
        """,
    }
)
_EDITS = (
    edit("a function that the agent calls", "menu.py", "{CURRENCY}", "{CURRENCY}!"),
    edit("a constant", "menu.py", '"EUR"', '"USD"'),
    edit("a value of a dict", "menu.py", '"tea": 3', '"tea": 4, "cake": 9'),
    edit("a method of the agent", "agent.py", "{price('tea')}: ", "({price('tea')}) "),
    edit("a method of the model", "fake.py", "you said {word}", "did you say {word}?"),
    edit("a syntax error", "menu.py", "def price(", "def price(("),
    edit("that mended", "menu.py", "def price((", "def price("),
    edit("a coroutine that runs for each answer", "fake.py", "words[-1], len", 'words[-1] + ",", len'),
    edit("a tool's body", "agent.py", "{dish} costs", "{dish} is"),
    edit(
        "a new function, and its use",
        "menu.py",
        "def price(dish):\n    return",
        "def tax(n):\n    return n * 2\n\n\ndef price(dish):\n    return str(tax(1)) +",
    ),
)
_VARIABLES = {
    "LIVEKIT_URL": "ws://127.0.0.1:9",
    "LIVEKIT_API_KEY": "key",
    "LIVEKIT_API_SECRET": "secret" * 8,
    "LIVEKIT_LOG_LEVEL": "error",
    "OTEL_SDK_DISABLED": "true",
}


def _agent(how: str, executor: str, workers: int) -> Program:
    return Program(
        name=f"LiveKit agent, {how}",
        environment="livekit",
        packages=("livekit-agents",),
        files=_FILES,
        run=("worker.py",),
        workers=workers,
        variables={**_VARIABLES, "EXECUTOR": executor},
        edits=_EDITS,
    )


PROGRAMS = (_agent("on a thread", "THREAD", 1), _agent("in a process", "PROCESS", 2))
