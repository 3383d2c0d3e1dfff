"""discord.py: a note names cogs whose commands or listeners changed, since a bot keeps those of the instance."""

from __future__ import annotations

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
        when_loaded("discord.ext.commands.bot", self._watch)

    def _watch(self, module: ModuleType) -> None:
        on_created(module.BotBase, self._bots.add)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Remember the class, which may be a cog's."""
        undo.add(self._classes.clear)
        self._classes.add(cls)

    def notes(self) -> Iterable[Shortfall]:
        """Note each cog whose class has other commands or listeners than the bot has registered."""
        changed = tuple(self._classes)
        self._classes.clear()
        for bot in list(self._bots) if changed else ():
            for name, cog in list(bot.cogs.items()):
                if isinstance(cog, changed) and _registered(type(cog)) != _registered(cog):
                    text = f"the bot keeps the old commands and listeners of its cog {name}"
                    yield Shortfall(f"{text}; add the cog or its extension again, or restart", about=type(cog))


def _registered(owner: Any) -> object:
    commands = [
        (each.qualified_name, sorted(each.aliases), each.enabled, each.hidden, each.help, list(each.params))
        for each in owner.__cog_commands__
    ]
    return sorted(commands), sorted(map(str, owner.__cog_listeners__))
