"""A language server that does what it is told: it tells what it got, sends what it is given, and ends as asked.

`python scripted.py` speaks LSP. `python scripted.py FILE RECORD` plays the bytes of FILE to stdout and writes what
comes on stdin to RECORD, without understanding either.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from typing import Any

OUT = threading.Lock()


def send(message: object) -> None:
    body = json.dumps(message).encode()
    write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def write(data: bytes) -> None:
    with OUT:
        while data:
            data = data[os.write(1, data) :]


def receive() -> bytes | None:
    length = 0
    while line := sys.stdin.buffer.readline():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
        if not line.strip():
            return sys.stdin.buffer.read(length)
    return None


def act(message: dict[str, Any]) -> None:
    method = message.get("method")
    params: Any = message.get("params")
    if method == "test/send":
        send(params)
        return
    if method == "test/write":
        write(base64.b64decode(params))
        return
    if method == "test/exit":
        os._exit(params)
    if method == "test/signal":
        os.kill(os.getpid(), params)
    if method == "test/flood":
        for number in range(params["count"]):
            send(
                {"jsonrpc": "2.0", "method": "test/filler", "params": {"number": number, "text": "x" * params["size"]}}
            )
    if "id" in message and method is not None:
        size = len(json.dumps(params)) if method == "test/size" else None
        send({"jsonrpc": "2.0", "id": message["id"], "result": params if size is None else size})
    else:
        send({"jsonrpc": "2.0", "method": "test/got", "params": message})


def play(source: str, record: str) -> None:
    def take() -> None:
        with open(record, "wb") as file:
            while data := os.read(0, 65536):
                file.write(data)
                file.flush()

    taker = threading.Thread(target=take)
    taker.start()
    with open(source, "rb") as file:
        while data := file.read(8192):
            write(data)
    os.close(1)
    taker.join()


def main() -> None:
    if len(sys.argv) == 3:
        play(*sys.argv[1:])
        return
    sys.stderr.write(f"server {os.getpid()}\n")
    sys.stderr.flush()
    while (body := receive()) is not None:
        act(json.loads(body))


if __name__ == "__main__":
    main()
