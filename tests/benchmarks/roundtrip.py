"""Times a request and its reply over a pipe: our endpoint and transport beside pygls's own.

Run from the root of the repository: `PYTHONPATH=server python -m tests.benchmarks.roundtrip [count]`.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import IO, Any

from reloadls.protocol import (
    Change,
    ChangeBatch,
    SafeProtocol,
    encode_change_batch,
    encode_notification,
    frame,
    make_converter,
)

METHOD = "test/echo"


def serve(kind: str) -> None:
    """Be the server of one kind."""
    from pygls.lsp.server import LanguageServer

    from reloadls.service.transports.stdio import serve_stdio

    if kind == "pygls start_io":
        server = LanguageServer("bench", "1")
    else:
        server = LanguageServer("bench", "1", protocol_cls=SafeProtocol, converter_factory=make_converter)

    @server.feature(METHOD)
    def echo(params: Any) -> int:
        return 1

    if kind == "ours":
        sys.exit(asyncio.run(serve_stdio(server)))
    server.start_io()


def measure(kind: str, count: int) -> list[float]:
    """Return the round trip times in microseconds."""
    command = [sys.executable, "-m", "tests.benchmarks.roundtrip", "--serve", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        call(process.stdin, process.stdout, "initialize", {"processId": None, "capabilities": {}})
        times = []
        for number in range(count + 200):
            started = time.perf_counter()
            call(process.stdin, process.stdout, METHOD, {"number": number})
            times.append((time.perf_counter() - started) * 1e6)
        process.stdin.close()
    return times[200:]


def call(stdin: IO[bytes], stdout: IO[bytes], method: str, params: object) -> None:
    """Send a request and read one reply."""
    stdin.write(frame(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()))
    stdin.flush()
    length = 0
    while line := stdout.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    reply = stdout.read(length)
    assert b'"result"' in reply, reply


def encoding(size: int = 5000) -> None:
    """Print what a full batch costs to encode, with the converter and without."""
    changes = tuple(Change(f"file:///project/package/module_{n}.py", "modified") for n in range(size))
    batch = ChangeBatch(clock="c:1:2", since="c:1:1", at="t", cause="watch", changes=changes)
    converter = make_converter()
    for name, encode in (("converter", converter.unstructure), ("encode_change_batch", encode_change_batch)):
        encode(batch)
        times = []
        for _ in range(20):
            started = time.perf_counter()
            encode_notification("reload/didChange", encode(batch))
            times.append((time.perf_counter() - started) * 1e3)
        print(f"{size} changes with {name:<20} {statistics.median(times):8.2f} ms")


def main(count: int) -> None:
    """Print the table."""
    kinds = ("pygls start_io", "safe protocol on start_io", "ours")
    medians = {}
    print(f"{'round trip over a pipe, µs':<28}{'p50':>8}{'p99':>8}")
    for kind in kinds:
        times = sorted(measure(kind, count))
        medians[kind] = statistics.median(times)
        print(f"{kind:<28}{medians[kind]:>8.0f}{times[int(len(times) * 0.99)]:>8.0f}")
    print(f"pygls / ours: {medians['pygls start_io'] / medians['ours']:.1f}")
    encoding()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 3000)
