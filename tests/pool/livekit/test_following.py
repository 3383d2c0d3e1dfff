"""Live agents follow edits, as what they answer shows."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from livekit.agents import Agent, function_tool

from reloadls.pool import current_session
from reloadls.reload import SessionCounts

from .hosted import Call, Hosted, hosted, until
from .program import Program

_TOOL = """
    @function_tool
    async def pay(self) -> str:
        "Take the money."
        return f"{self.name} took it"


class Chef(Agent):
"""


async def waiters(found: Hosted, program: Program, count: int = 3) -> list[Call]:
    names = [f"w{number}" for number in range(count)]
    return [await found.call(name, lambda name=name: program.make("Waiter", name)) for name in names]  # type: ignore[misc]


async def test_an_edit_of_the_prompt_in_init_reaches_live_agents_which_keep_their_history(program: Program) -> None:
    async with hosted() as found:
        calls = await waiters(found, program)
        chef = await found.call("chef", lambda: program.make("Chef"))
        assert [await call.say("hi") for call in calls] == [f"w{i} is a kind waiter of soup. order 1" for i in range(3)]
        report = program.edit("lk_agents", "is a {mood} waiter", "serves in a {mood} way, a waiter")
        assert report.status == "reloaded"
        await settled(found, rebinds=1, of=calls)
        assert [await call.say("hi") for call in calls] == [
            f"w{i} serves in a kind way, a waiter of soup. order 2" for i in range(3)
        ]
        assert await chef.say("hi") == "You are a chef. - 1"
        assert rebinds(found)["chef"] == 0


async def test_edits_of_a_helper_module_reach_prompts_and_tools(program: Program) -> None:
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        assert await call.say("use order") == "the tool said w0 says 3 EUR"
        assert program.edit("lk_menu", '"soup"', '"cake"').sessions.pinned + rebinds(found)["w0"] == 1
        await settled(found, rebinds=1, of=[call])
        assert await call.say("hi") == "w0 is a kind waiter of cake. order 2"
        program.edit("lk_menu", '"EUR"', '"USD"')
        assert await call.say("use order") == "the tool said w0 says 3 USD"
        program.edit("lk_menu", 'f"3 {CURRENCY}"', 'f"4 {CURRENCY}"')
        assert await call.say("use order") == "the tool said w0 says 4 USD"


async def test_tools_are_found_again(program: Program) -> None:
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        assert await call.say("hi") == "w0 is a kind waiter of soup. order 1"
        program.edit("lk_agents", "\n\nclass Chef(Agent):\n", _TOOL)
        await settled(found, rebinds=1, of=[call])
        assert await call.say("hi") == "w0 is a kind waiter of soup. order,pay 2"
        assert await call.say("use pay") == "the tool said w0 took it"
        program.edit("lk_agents", "took it", "has it")
        assert await call.say("use pay") == "the tool said w0 has it"
        program.edit("lk_agents", "Take an order.", "Take an order from the guest.")
        await settled(found, rebinds=3, of=[call])
        tools = {tool.info.name: tool.info.description for tool in call.session.current_agent.tools}
        assert tools["order"] == "Take an order from the guest."
        text = (program.folder / "lk_agents.py").read_text()
        start, end = text.index("    @function_tool\n    async def pay"), text.index("class Chef")
        program.edit("lk_agents", text[start:end], "\n")
        await settled(found, rebinds=4, of=[call])
        assert await call.say("hi") == "w0 is a kind waiter of soup. order 5"


async def test_what_the_program_gave_an_agent_later_stays(program: Program) -> None:
    @function_tool
    async def extra() -> str:
        return "extra"

    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        await call.do(lambda: call.agent.update_tools([*call.agent.tools, extra]))
        await call.do(lambda: call.agent.update_instructions("Just say yes."))
        call.agent.greeting, call.agent.table = "good day", 7
        program.edit("lk_agents", "\n\nclass Chef(Agent):\n", _TOOL)
        await settled(found, rebinds=1, of=[call])
        assert await call.say("hi") == "Just say yes. extra,order,pay 1"
        program.edit("lk_agents", '"hello"', '"welcome"')
        await settled(found, rebinds=2, of=[call])
        assert (call.agent.greeting, call.agent.table) == ("good day", 7)
        program.edit("lk_agents", "waiter of", "waiter with")
        await settled(found, rebinds=3, of=[call])
        assert await call.say("hi") == "w0 is a kind waiter with soup. extra,order,pay 2"


async def test_plain_values_and_new_attributes_of_init_follow(program: Program) -> None:
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        program.edit("lk_agents", '"hello"', '"welcome"\n        self.orders = []')
        await settled(found, rebinds=1, of=[call])
        assert (call.agent.greeting, call.agent.orders, call.agent.name) == ("welcome", [], "w0")


async def test_where_the_construction_fails_the_agent_stays_as_it_is(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    async with hosted() as found:
        good = await found.call("good", lambda: program.make("Waiter", "good"))
        bad = await found.call("bad", lambda: program.make("Waiter", "bad", mood="cross"))
        new = (
            'super().__init__(instructions="New.")\n        if mood == "cross":\n            raise ValueError("cross")'
        )
        old = 'super().__init__(instructions=f"{name} is a {mood} waiter of {DISH}.")'
        assert program.edit("lk_agents", old, new).status == "reloaded"
        await settled(found, rebinds=1, of=[good])
        await until(lambda: errors(found)["bad"] is not None)
        assert await good.say("hi") == "New. order 1"
        assert await bad.say("hi") == "bad is a cross waiter of soup. order 1"
        assert errors(found) == {"good": None, "bad": "ValueError: cross"}
        assert any("could not follow a reload, and keeps its state" in message for message in caplog.messages)


async def test_a_bad_save_and_a_comment_touch_no_agent(program: Program) -> None:
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        assert program.edit("lk_agents", "class Chef(Agent):", "class Chef(Agent:").status == "failed"
        assert program.edit("lk_agents", "class Chef(Agent:", "# more\nclass Chef(Agent):").sessions == SessionCounts()
        assert await call.say("hi") == "w0 is a kind waiter of soup. order 1"
        assert rebinds(found)["w0"] == 0


async def test_an_agent_that_was_handed_over_stays_and_the_first_follows_too(program: Program) -> None:
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        await call.say("hi")
        await call.do(lambda: hand_over(call, program.make("Chef")))
        program.edit("lk_agents", "waiter of", "waiter with")
        await settled(found, rebinds=1, of=[call])
        assert await call.say("hi") == "You are a chef. - 1"
        program.edit("lk_agents", "You are a chef.", "You cook.")
        await settled(found, rebinds=2, of=[call])
        assert await call.say("hi") == "You cook. - 2"
        assert type(call.session.current_agent).__name__ == "Chef"
        await call.do(lambda: hand_over(call, call.agent))
        assert await call.say("hi") == "w0 is a kind waiter with soup. order 2"


async def test_a_reply_that_is_being_made_is_finished_first(program: Program) -> None:
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        call.model.gate = asyncio.Event()
        asked = asyncio.create_task(call.say("use order"))
        await call.model.reached.wait()
        report = program.edit("lk_agents", "waiter of", "waiter with")
        assert report.sessions == SessionCounts(pinned=1)
        for _ in range(100):
            await asyncio.sleep(0)
        assert rebinds(found)["w0"] == 0
        assert call.agent.instructions == "w0 is a kind waiter of soup."
        call.model.gate.set()
        assert await asked == "the tool said w0 says 3 EUR"
        await settled(found, rebinds=1, of=[call])
        assert await call.say("hi") == "w0 is a kind waiter with soup. order 2"


async def test_a_pinned_job_follows_at_the_end_of_its_outermost_pin(program: Program) -> None:
    async with hosted() as found:
        pinned, other = await waiters(found, program, 2)
        inner, outer, entered = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def pin() -> None:
            session = current_session()
            assert session is not None
            with session.pin():
                with session.pin():
                    entered.set()
                    await inner.wait()
                await pinned._run("one")
                await outer.wait()

        held = asyncio.create_task(pinned.do(pin))
        await entered.wait()
        program.edit("lk_agents", "waiter of", "waiter with")
        await settled(found, rebinds=1, of=[other])
        assert await other.say("hi") == "w1 is a kind waiter with soup. order 1"
        inner.set()
        await until(lambda: len(pinned.session.history.items) >= 2)
        assert pinned.agent.instructions == "w0 is a kind waiter of soup."
        outer.set()
        await held
        await settled(found, rebinds=1, of=[pinned])
        assert await pinned.say("hi") == "w0 is a kind waiter with soup. order 2"


async def test_agents_of_a_class_that_is_removed_go_on(program: Program) -> None:
    async with hosted() as found:
        porter = await found.call("porter", lambda: program.make("Porter"))
        (call,) = await waiters(found, program, 1)
        text = (program.folder / "lk_agents.py").read_text()
        program.edit("lk_agents", text[text.index("class Porter") :], "")
        await until(lambda: errors(found)["porter"] is not None)
        assert await porter.say("hi") == "You are a porter. - 1"
        assert await call.say("hi") == "w0 is a kind waiter of soup. order 1"
        assert errors(found) == {
            "porter": "LookupError: class Porter is no longer defined in lk_agents; its live agents go on as they are",
            "w0": None,
        }


async def test_a_rebinding_of_the_program_comes_first(program: Program) -> None:
    seen: list[Any] = []
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)

        @found.pool.on_rebind(program.agents.Waiter)
        async def rebind(session: Any, agent: Any, report: Any) -> None:
            seen.append((session.id, agent))
            await agent.update_instructions("By hand.")

        program.edit("lk_agents", "waiter of", "waiter with")
        await settled(found, rebinds=1, of=[call])
        assert seen == [(call.context.job.id, call.agent)]
        assert await call.say("hi") == "By hand. order 1"


async def test_agents_that_are_gone_are_forgotten(program: Program) -> None:
    async with hosted() as found:
        (call,) = await waiters(found, program, 1)
        known = next(iter(found.server._proc_pool.processes))._job.agents

        async def make() -> None:
            agents = [program.make("Chef") for _ in range(50)]
            assert len(list(known)) == 51
            del agents

        await call.do(make)
        await asyncio.sleep(0)
        gc.collect()
        assert len(list(known)) == 1


async def hand_over(call: Call, agent: Agent) -> None:
    call.session.update_agent(agent)
    await call.session._update_activity_atask


def rebinds(found: Hosted) -> dict[str, int]:
    return {name: status.rebinds for name, status in statuses(found).items()}


def errors(found: Hosted) -> dict[str, str | None]:
    return {name: status.last_error for name, status in statuses(found).items()}


def statuses(found: Hosted) -> dict[str, Any]:
    names = {call.context.job.id: name for name, call in found.calls.items()}
    return {names[status.id]: status for status in found.pool.status.sessions}


async def settled(found: Hosted, *, rebinds: int, of: list[Call]) -> None:
    """Wait until these have followed so many reloads."""
    await until(lambda: all(statuses(found)[call.name].rebinds == rebinds for call in of))
