"""discord.py: a note names cogs whose commands or listeners changed, since a bot keeps those of the instance."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from reloadls.reload.engine.adapting import Adapter, Shortfall
from reloadls.reload.engine.program.library_imports import when_loaded
from reloadls.reload.engine.undo import Undo

from .shared.instances import on_created

__all__ = ["DiscordAdapter"]


class DiscordAdapter(Adapter):
    """The cogs of the program's bots."""

    library: ClassVar[str] = "discord.ext.commands.bot"

    def __init__(self) -> None:
        self._bots: WeakSet[Any] = WeakSet()
        self._classes: set[type] = set()
        self._modules: set[str] = set()
        when_loaded("discord.ext.commands.bot", self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.BotBase, self._bots.add)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Remember the class, which may be a cog's."""
        undo.add(self._classes.clear)
        self._classes.add(cls)

    def ran(self, module: str, undo: Undo) -> None:
        """Remember the module: a cog's class may be gone from it."""
        undo.add(self._modules.clear)
        self._modules.add(module)

    def notes(self) -> Iterable[Shortfall]:
        """Note each cog whose class has other commands or listeners than the bot has registered, or is gone."""
        changed, modules = tuple(self._classes), set(self._modules)
        self._classes.clear()
        self._modules.clear()
        for bot in list(self._bots) if changed or modules else ():
            for name, cog in list(bot.cogs.items()):
                if type(cog).__module__ in modules and not _is_there(type(cog)):
                    text = f"the bot keeps the cog {name} of {type(cog).__qualname__}, which is gone"
                    yield Shortfall(f"{text}; load its extension again, or restart")
                elif isinstance(cog, changed) and (_registered(type(cog)), type(cog).__cog_name__) != (  # type: ignore[attr-defined]
                    _registered(cog),
                    name,
                ):
                    text = f"the bot keeps the old commands and listeners of its cog {name}"
                    yield Shortfall(f"{text}; add the cog or its extension again, or restart", about=type(cog))


def _is_there(cls: type) -> bool:
    """Return whether a class is what its module has under its name; true for classes made in functions."""
    space = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    return "." in cls.__qualname__ or space.get(cls.__qualname__) is cls


def _registered(owner: Any) -> object:
    commands = [
        (each.qualified_name, sorted(each.aliases), each.enabled, each.hidden, each.help, list(each.params))
        for each in owner.__cog_commands__
    ]
    return sorted(commands), sorted(map(str, owner.__cog_listeners__))
