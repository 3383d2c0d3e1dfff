"""The example does what it says."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from livekit.agents import AgentSession

from reloadls import FileChange
from reloadls.reload import HotReloader

from .hosted import running, until

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "livekit_agent.py"


async def test_open_calls_follow_an_edit_of_the_instructions(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "livekit_agent.py"
    text = EXAMPLE.read_text("utf-8")
    assert ", room=context.room" in text
    path.write_text(text.replace(", room=context.room", ""), "utf-8")  # there is no room here
    monkeypatch.syspath_prepend(str(tmp_path))
    engine = HotReloader([tmp_path])
    example: Any = importlib.import_module("livekit_agent")
    try:
        async with running(example.server, unregistered=True):
            await example.server.simulate_job("room", fake_job=True)
            (executor,) = example.server._proc_pool.processes
            await until(lambda: _session(executor) is not None)
            session = _session(executor)
            await until(lambda: session._activity is not None)
            assert await _say(session, "hi") == "You answer the phone of Example Ltd."
            path.write_text(path.read_text("utf-8").replace("answer the phone", "take all calls"), "utf-8")
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
            engine.apply([FileChange(path, "modified")])
            await until(lambda: example.pool.status.sessions[0].rebinds == 1)
            assert await _say(session, "hi") == "You take all calls of Example Ltd."
    finally:
        engine.close()
        sys.modules.pop("livekit_agent", None)


def _session(executor: Any) -> Any:
    return getattr(executor._job.context, "_primary_agent_session", None)


async def _say(session: AgentSession, text: str) -> str:
    result = await session.run(user_input=text)
    items = [each.item for each in result.events if each.type == "message"]
    return " ".join(item.text_content for item in items if item.role == "assistant")
