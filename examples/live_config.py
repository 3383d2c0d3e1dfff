"""A plain asyncio program whose settings follow app.toml and the environment.

    APP_NAME=me python live_config.py

Edit app.toml while it runs. Break it, and the program keeps what it had and says what is wrong, at its line.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from reloadls.config import Change, Environment, LiveConfig, TomlFile


@dataclass
class Settings:
    """What the program needs."""

    name: str = "world"
    every_s: float = 1.0


config = LiveConfig(Settings, [TomlFile("app.toml"), Environment("APP_")])


@config.on_change
def changed(change: Change[Settings]) -> None:
    """Called after each change, in order."""
    print(f"version {change.version}: {', '.join(change.keys)}", flush=True)


@config.on_problems
def say() -> None:
    """Called when something is wrong, and when it is right again."""
    print("\n".join(map(str, config.problems)) or "all is well", flush=True)


async def main() -> None:
    """Greet, at the pace and by the name that the settings have now."""
    async with config:
        while True:
            print(f"hello {config.value.name}", flush=True)
            await asyncio.sleep(config.value.every_s)


if __name__ == "__main__":
    if not Path("app.toml").exists():
        Path("app.toml").write_text("every_s = 1.0\n")
    asyncio.run(main())
