"""Three modules of a program under hot reload: agents, their menu, and the words of both."""

from __future__ import annotations

import importlib
import os
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

from reloadls import FileChange
from reloadls.reload import HotReloader, ReloadReport

FILES = {
    "lk_agents": """
        from livekit.agents import Agent, function_tool

        from lk_menu import DISH, price


        class Waiter(Agent):
            def __init__(self, name, *, mood="kind"):
                super().__init__(instructions=f"{name} is a {mood} waiter of {DISH}.")
                self.name = name
                self.greeting = "hello"

            @function_tool
            async def order(self) -> str:
                "Take an order."
                return f"{self.name} says {price()}"


        class Chef(Agent):
            def __init__(self):
                super().__init__(instructions="You are a chef.")


        class Porter(Agent):
            def __init__(self):
                super().__init__(instructions="You are a porter.")
    """,
    "lk_menu": """
        DISH = "soup"
        CURRENCY = "EUR"


        def price():
            return f"3 {CURRENCY}"
    """,
}


class Program:
    """The modules, and the engine that reloads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(text).lstrip())
        self._engine = HotReloader([folder])
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        self.agents: ModuleType = importlib.import_module("lk_agents")

    def edit(self, name: str, old: str, new: str) -> ReloadReport:
        """Save an edit, and apply it."""
        path = self.folder / f"{name}.py"
        text = path.read_text()
        assert text.count(old) == 1, (old, text)
        path.write_text(text.replace(old, new))
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
        return self._engine.apply([FileChange(path, "modified")])

    def make(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Construct an agent."""
        return getattr(self.agents, name)(*args, **kwargs)

    def close(self) -> None:
        """Forget it."""
        self._engine.close()
        sys.path.remove(str(self.folder))
        for name in FILES:
            sys.modules.pop(name, None)
