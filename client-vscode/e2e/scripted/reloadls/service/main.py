"""A server that speaks the protocol of `reloadls serve`, and says what a test has it say.

Beside the protocol on its standard streams it takes orders on the Unix socket `control` in `sys.prefix`, one JSON
object a line, each answered with a line:

    {"send": {"method": …, "params": …}}     send the client a notification; the last status sent is the status
    {"answer": METHOD, "result": …}          what requests of that method are answered with from now on
    {"received": METHOD}                     the params of all messages of that method so far
    {"exit": CODE}                           end at once
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from reloadls import __version__

Json = dict[str, Any]


class Server:
    """One client on the standard streams, and the script on the control socket."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._received: dict[str, list[Any]] = {}
        self._answers: dict[str, Any] = {"shutdown": None}
        self._status: Json = {
            "state": "watching",
            "backend": "native",
            "roots": [],
            "debounceMs": 200,
            "maxWaitMs": 2000,
            "clock": "c:script:0",
            "targets": [],
            "problems": [],
        }

    def serve(self) -> int:
        """Answer the client until it is gone."""
        while (message := self._read()) is not None:
            method = message.get("method", "")
            self._received.setdefault(method, []).append(message.get("params"))
            if method == "exit":
                return 0
            if "id" in message and method:
                self._write({"id": message["id"], "result": self._result(method, message.get("params"))})
            elif method == "initialized":
                self._tell("reload/didChangeStatus", self._status)
        return 1

    def obey(self) -> None:
        """Take orders from whoever connects, one after the other."""
        path = Path(sys.prefix) / "control"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.fspath(path))
            listening.listen()
            while True:
                connection, _ = listening.accept()
                with connection, connection.makefile("rw", encoding="utf-8") as orders:
                    for line in orders:
                        orders.write(json.dumps(self._order(json.loads(line))) + "\n")
                        orders.flush()

    def _order(self, order: Json) -> Any:
        if "exit" in order:
            os._exit(order["exit"])
        if "received" in order:
            return self._received.get(order["received"], [])
        if "answer" in order:
            self._answers[order["answer"]] = order["result"]
        else:
            message = order["send"]
            if message["method"] == "reload/didChangeStatus":
                self._status = message["params"]
            self._tell(message["method"], message["params"])
        return None

    def _result(self, method: str, params: Any) -> Any:
        if method == "initialize":
            return self._initialize(params)
        if method in self._answers:
            return self._answers[method]
        if method in {"reload/pause", "reload/resume"}:
            state = "paused" if method == "reload/pause" else "watching"
            self._status = {**self._status, "state": state}
            self._tell("reload/didChangeStatus", self._status)
        if method == "reload/trigger":
            return []
        if method == "reload/refreshPaths":
            return {"roots": self._status["roots"], "added": [], "removed": [], "clock": self._status["clock"]}
        return self._status

    def _initialize(self, params: Json) -> Json:
        folders = params.get("workspaceFolders") or []
        self._status["roots"] = [
            {"uri": folder["uri"], "kind": "directory", "state": "watching", "files": 3} for folder in folders
        ]
        commands = ("status", "refreshPaths", "sync", "since", "pause", "resume", "trigger")
        requests = [f"reload/{name}" for name in commands]
        notifications = ["reload/didChange", "reload/didChangeStatus", "reload/didReload"]
        return {
            "capabilities": {
                "textDocumentSync": {"openClose": True, "change": 0, "save": True},
                "executeCommandProvider": {"commands": [f"reloadls.{name}" for name in commands]},
                "experimental": {"reload": {"version": 1, "requests": requests, "notifications": notifications}},
            },
            "serverInfo": {"name": "reloadls", "version": __version__},
        }

    def _tell(self, method: str, params: Any) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self._lock:
            self._sink.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self._sink.flush()

    def _read(self) -> Json | None:
        length = 0
        while (header := self._source.readline().strip()) or not length:
            if not header:
                return None
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: Json = json.loads(self._source.read(length))
        return message


def main() -> int:
    """Be `reloadls` for the extension: `serve`, and `--version`."""
    if "--version" in sys.argv:
        sys.stdout.write(f"reloadls {__version__}\n")
        return 0
    server = Server(sys.stdin.buffer, sys.stdout.buffer)
    threading.Thread(target=server.obey, daemon=True).start()
    return server.serve()
