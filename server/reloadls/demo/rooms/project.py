"""The third act's program: its files, and the edits made to them, each with what its sessions answer then."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

__all__ = ["AGAIN", "EDITS", "GUESTS", "PINNED", "Edit", "RoomsProject"]

GUESTS: Final = 200

_FILES: Final = {
    "phrases.py": '''\
"""What is said."""


def reply(text: str) -> str:
    return f"You said {text}."
''',
    "host.py": '''\
"""Who answers in a room."""

import phrases


class Host:
    def __init__(self) -> None:
        self.prompt = "Be kind."
        self.turns = 0

    def __rebind__(self, report: object) -> None:
        self.prompt = Host().prompt

    def answer(self, text: str) -> dict[str, object]:
        if text == "crash":
            raise RuntimeError("nobody expected that")
        self.turns += 1
        return {"turn": self.turns, "prompt": self.prompt, "mood": "calm", "text": phrases.reply(text)}
''',
    "rooms.py": '''\
"""A room for each guest: a session of a pool, which answers line by line. `reloadls run rooms.py PORT`"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from host import Host
from reloadls.pool import PoolError, Session, SessionPool


async def room(session: Session) -> None:
    reader, writer = session.data
    await talk(session, session.bind(Host()), reader, writer, until="bye")


async def talk(session, host, reader, writer, *, until: str) -> None:
    async for line in reader:
        text = line.decode().strip()
        if text == until:
            return
        if text == "hold":
            with session.pin():
                await talk(session, host, reader, writer, until="release")
            continue
        await say(writer, host.answer(text))
        await session.safe_point()


async def say(writer: asyncio.StreamWriter, answer: dict[str, object]) -> None:
    writer.write(json.dumps(answer).encode() + b"\\n")
    await writer.drain()


async def main(port: int) -> None:
    async with SessionPool(room, name="rooms", max_sessions=200) as pool:

        async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            name = (await reader.readline()).decode().strip()
            try:
                handle = await pool.launch(name, (reader, writer))
            except PoolError as error:
                await say(writer, {"refused": str(error)})
            else:
                await handle.wait()
            writer.close()

        events = pool.events()
        async with await asyncio.start_server(admit, "127.0.0.1", port):
            async for event in events:
                if event.kind == "draining":
                    break
            await pool.drain()
            status = pool.status
    ended = {"succeeded": status.succeeded, "failed": status.failed, "cancelled": status.cancelled}
    Path("ended.json").write_text(json.dumps(ended))


if __name__ == "__main__":
    logging.basicConfig(filename="rooms.log")
    asyncio.run(main(int(sys.argv[1])))
''',
}


@dataclass(frozen=True)
class Edit:
    """One saved edit.

    Attributes:
        name: what is edited, for people.
        kind: what has to come of it.
        file: the file.
        old, new: text that is there once, and what takes its place.
        field: of the answers, which one shows it.
        shows: what that begins with once it is live.
    """

    name: str
    kind: Literal["live", "failed"]
    file: str
    old: str
    new: str
    field: str
    shows: str


EDITS: Final = (
    Edit("a method", "live", "host.py", '"calm"', '"glad"', "mood", "glad"),
    Edit("a prompt, set in __init__", "live", "host.py", "Be kind.", "Be brief.", "prompt", "Be brief."),
    Edit("a function they call", "live", "phrases.py", "You said", "I heard", "text", "I heard"),
    Edit("a syntax error", "failed", "phrases.py", "return f", "return return f", "text", "I heard"),
    Edit("it is mended", "live", "phrases.py", 'return return f"I heard', 'return f"Aha:', "text", "Aha:"),
)
PINNED: Final = Edit("a prompt, while one is pinned", "live", "host.py", "Be brief.", "Be bold.", "prompt", "Be bold.")
AGAIN: Final = Edit("a method, after the crash", "live", "host.py", '"glad"', '"proud"', "mood", "proud")


class RoomsProject:
    """The program in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="reloadls-demo-")))

    def build(self) -> None:
        """Write the files. Blocking."""
        for name, text in _FILES.items():
            (self.folder / name).write_text(text)

    def make(self, edit: Edit) -> None:
        """Save an edit as editors do. Blocking."""
        path = self.folder / edit.file
        beside = self.folder / f".{edit.file}.new"
        beside.write_text(path.read_text().replace(edit.old, edit.new))
        os.replace(beside, path)

    def remove(self) -> None:
        """Leave nothing behind. Blocking."""
        shutil.rmtree(self.folder, ignore_errors=True)
