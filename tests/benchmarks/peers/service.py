"""reloadls as a service over stdio, with the `debounceMs` that the command line names; this is a lean client of it.

Only the service counts as the watcher; a report's time is when the whole message has come here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from tests.benchmarks.peers.telling import calling, ready, started, tell

Json = dict[str, Any]


def main(root: str, debounce_ms: int) -> None:
    command = [sys.executable, "-m", "reloadls", "serve", "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        options = {"paths": [root], "debounceMs": debounce_ms, "watchedFiles": False}
        folder = root if os.path.isdir(root) else os.path.dirname(root)
        params = {
            "processId": os.getpid(),
            "capabilities": {},
            "workspaceFolders": [{"uri": f"file://{folder}", "name": "bench"}],
            "initializationOptions": options,
        }
        send(process.stdin, {"id": 1, "method": "initialize", "params": params})
        while receive(process.stdout)[0].get("id") != 1:
            pass
        calling()
        send(process.stdin, {"method": "initialized", "params": {}})
        watching = False
        while True:
            message, at = receive(process.stdout)
            if message.get("method") == "reload/didChange":
                tell(((one["type"], path_of(one["uri"])) for one in message["params"]["changes"]), at)
            elif message.get("method") == "reload/didChangeStatus" and not watching:
                watching = message["params"]["state"] != "starting"
                if watching:
                    started([process.pid])
                    ready()
            elif "method" in message and "id" in message:
                send(process.stdin, {"id": message["id"], "result": None})


def send(stdin: IO[bytes], message: Json) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    stdin.flush()


def receive(stdout: IO[bytes]) -> tuple[Json, int]:
    """The next message, and when it had come."""
    length = 0
    while line := stdout.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    body = stdout.read(length)
    at = time.monotonic_ns()
    if not body:
        raise SystemExit("the service ended")
    return json.loads(body), at


def path_of(uri: str) -> str:
    return os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
