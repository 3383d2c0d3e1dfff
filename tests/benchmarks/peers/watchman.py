"""Watchman: a server of its own with its defaults, and a lean client that subscribes; only the server counts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.peers.telling import calling, failed, lost, ready, started, tell

Json = dict[str, Any]


class Client:
    """Speaks Watchman's JSON over its socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._lines = self._socket.makefile("rb")
        self.unasked: list[tuple[Json, int]] = []

    def request(self, *command: object) -> Json:
        self._socket.sendall(json.dumps(command).encode() + b"\n")
        while True:
            reply, at = self.receive()
            if "error" in reply:
                failed(reply["error"])
                raise SystemExit(1)
            if not reply.get("unilateral"):
                return reply
            self.unasked.append((reply, at))

    def receive(self) -> tuple[Json, int]:
        line = self._lines.readline()
        if not line:
            raise SystemExit("the server ended")
        return json.loads(line), time.monotonic_ns()


def main(root: str) -> None:
    place = tempfile.mkdtemp()
    path = f"{place}/sock"
    files = [f"--sockname={path}", f"--logfile={place}/log", f"--pidfile={place}/pid", f"--statefile={place}/state"]
    with subprocess.Popen(["watchman", "--foreground", *files], stdout=subprocess.DEVNULL) as server:
        client = connect(path)
        client.request("version")
        calling()
        client.request("watch", root)
        clock = client.request("clock", root)["clock"]
        query = {"fields": ["name", "exists", "new"], "expression": ["not", ["type", "d"]], "since": clock}
        client.request("subscribe", root, "bench", query)
        started([server.pid])
        ready()
        while True:
            reply, at = client.unasked.pop(0) if client.unasked else client.receive()
            if reply.get("canceled"):
                lost()
            tell(events(root, reply), at)


def connect(path: str) -> Client:
    deadline = time.monotonic() + 10
    while True:
        try:
            return Client(path)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def events(root: str, reply: Json) -> Iterator[tuple[str, str]]:
    for file in reply.get("files", []):
        kind = "deleted" if not file["exists"] else "created" if file["new"] else "modified"
        yield kind, os.path.join(root, file["name"])


if __name__ == "__main__":
    main(sys.argv[1])
