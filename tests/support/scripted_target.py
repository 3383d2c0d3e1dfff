"""A program that says it reloads itself: it has its file and its socket, and says what it is told to, true or not.

Run as a script, with the standard library alone, so that fifty of them are quickly there. Its argument is a JSON object
(see `_Target`); then it takes JSON lines from stdin, and tells on stdout what happens to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def framed(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


class _Target:
    """The program.

    Its argument's keys: `folder` (where the files go), `roots`, `name`, `place` (what the file says otherwise),
    `silent` (says nothing by itself and answers nothing), `breaks_off` (lets nobody stay), `answers` (method → its
    result, whatever was asked), `hosts` (fields of its status: `pools`, `configurations`).
    """

    def __init__(self, how: Json) -> None:
        self.how = how
        self.id = str(os.getpid())
        self.socket = os.path.join(how["folder"], f"{self.id}.sock")
        self.file = os.path.join(how["folder"], f"{self.id}.json")
        self.state = "live"
        self.last_report: Json | None = None
        self.pausers: set[int] = set()
        self.writers: dict[int, asyncio.StreamWriter] = {}
        self.connections = 0

    # -- its place ---------------------------------------------------------------------------------------

    def write_place(self, **otherwise: object) -> None:
        place = {
            "id": self.id,
            "pid": os.getpid(),
            "name": self.how.get("name", "app.py"),
            "roots": self.how["roots"],
            "socket": self.socket,
            "startedAt": now(),
            "python": "3.13.0",
            "version": "0.1.0",
            "supervised": False,
            **self.how.get("place", {}),
            **otherwise,
        }
        temporary = self.file + ".tmp"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(place, file)
        os.replace(temporary, self.file)

    def remove_place(self) -> None:
        for path in (self.file, self.socket):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    # -- what it says ------------------------------------------------------------------------------------

    def status(self) -> Json:
        state = "paused" if self.pausers else self.state
        target: Json = {"id": self.id, "name": self.how.get("name", "app.py"), "pid": os.getpid(), "state": state}
        if self.last_report is not None:
            target["lastReport"] = self.last_report
        target.update(self.how.get("hosts", {}))
        return {
            "state": "watching",
            "backend": "native",
            "roots": [],
            "debounceMs": 25,
            "maxWaitMs": 500,
            "clock": "t:0",
            "targets": [target],
            "problems": [],
        }

    def report(self, **what: Any) -> Json:
        return {"target": self.id, "clock": "t:1", "at": now(), "durationMs": 1.5, "status": "reloaded", **what}

    def tell(self, method: str, params: object) -> None:
        for writer in self.writers.values():
            writer.write(framed({"jsonrpc": "2.0", "method": method, "params": params}))

    def took_up(self, report: Json) -> None:
        self.last_report = report
        self.state = "failed" if report["status"] == "failed" else "live"
        self.tell("reload/didReload", report)
        self.tell("reload/didChangeStatus", self.status())

    # -- what it is asked --------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.writers[number] = writer
        say(connected=number)
        if self.how.get("breaks_off"):
            writer.transport.abort()
        if not self.how.get("silent"):
            writer.write(framed({"jsonrpc": "2.0", "method": "reload/didChangeStatus", "params": self.status()}))
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                message = json.loads(await reader.readexactly(int(head.split(b":")[1])))
                say(asked=message.get("method"), params=message.get("params"))
                if "method" in message and not self.how.get("silent"):
                    self.answer(message, number, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        del self.writers[number]
        was_paused = bool(self.pausers)
        self.pausers.discard(number)  # whoever has paused it is gone
        if was_paused and not self.pausers:
            self.tell("reload/didChangeStatus", self.status())
        say(lost=number, paused=bool(self.pausers))
        writer.close()

    def answer(self, message: Json, number: int, writer: asyncio.StreamWriter) -> None:
        method = message["method"]
        result: Any = None
        if method == "reload/pause":
            self.pausers.add(number)
        elif method == "reload/resume":
            self.pausers.clear()
        if method == "reload/trigger":
            uris = (message.get("params") or {}).get("uris") or []
            modules = [{"name": "m", "uri": uri, "status": "reloaded", "changed": []} for uri in uris]
            report = self.report(modules=modules)
            self.took_up(report)
            result = [report]
        else:
            result = self.status()
        result = self.how.get("answers", {}).get(method, result)
        writer.write(framed({"jsonrpc": "2.0", "id": message["id"], "result": result}))
        if method in ("reload/pause", "reload/resume"):
            say(paused=bool(self.pausers))
            self.tell("reload/didChangeStatus", self.status())

    # -- what the test wants -----------------------------------------------------------------------------

    def obey(self, wish: Json) -> None:
        match wish:
            case {"report": what}:
                self.took_up(self.report(**what))
            case {"tell": method, "params": params}:
                self.tell(method, params)
            case {"flood": method, "times": times}:
                params = self.status() if method == "reload/didChangeStatus" else self.report(status="failed")
                data = framed({"jsonrpc": "2.0", "method": method, "params": params}) * times
                for writer in self.writers.values():
                    writer.write(data)
            case {"raw": text}:
                for writer in self.writers.values():
                    writer.write(text.encode("latin-1"))
            case {"disconnect": _}:
                for writer in self.writers.values():
                    writer.transport.abort()
            case {"place": otherwise}:
                self.write_place(**otherwise)
            case {"silent": silent}:
                self.how["silent"] = silent
            case {"state": state}:
                self.state = state
                self.tell("reload/didChangeStatus", self.status())
        say(done=True)

    async def run(self) -> None:
        server = await asyncio.start_unix_server(self.serve, self.socket)
        os.chmod(self.socket, 0o600)
        self.write_place()
        say(ready=os.getpid())
        lines = asyncio.StreamReader(limit=1 << 24)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        async for line in lines:
            self.obey(json.loads(line))
        self.remove_place()
        server.close()


if __name__ == "__main__":
    asyncio.run(_Target(json.loads(sys.argv[1])).run())
