"""What the proxy brings real language servers, and what it costs, as Markdown.

Run from the root of the repository: `python -m tests.benchmarks.proxy_servers`. It installs the servers into the
user's cache, where they are not there yet.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from reloadls.protocol import frame
from tests.proxy.servers import PROXY, SERVERS, Server, edit_on_disk, installed

ROUNDS = 5
WITHOUT_S = 5.0
WITH_S = 10.0
ECHO = """
import sys
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
while line := stdin.readline():
    size = int(line.split(b":")[1])
    stdin.readline()
    body = stdin.read(size)
    stdout.write(line + b"\\r\\n" + body)
    stdout.flush()
"""


async def row(server: Server) -> str:
    """One line of the table."""
    taken = [await once(server, PROXY, WITH_S) for _ in range(ROUNDS)]
    alone = await once(server, None, WITHOUT_S)
    there = sorted(took for took in taken if took is not None)
    through = f"{statistics.median(there) * 1000:.0f} ms (at most {there[-1] * 1000:.0f})" if there else "never"
    if len(there) < ROUNDS:
        through += f", {ROUNDS - len(there)} of {ROUNDS} never"
    without = f"none in {WITHOUT_S:.0f} s" if alone is None else f"{alone * 1000:.0f} ms"
    return f"| {server.name} | {without} | {through} | {server.remark} |"


async def once(server: Server, proxy: tuple[str, ...] | None, within: float) -> float | None:
    """Seconds from the edit to what it leads to."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return (await edit_on_disk(server, Path(folder).resolve(), proxy=proxy, within=within)).took


def round_trips(command: list[str], size: int, count: int) -> list[float]:
    """Milliseconds of each round trip of a message of about `size` bytes."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}
        exchange(process.stdin, process.stdout, frame(json.dumps(hello).encode()))
        message = frame(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": "x" * size}).encode())
        times = []
        for _ in range(count + 100):
            began = time.perf_counter()
            exchange(process.stdin, process.stdout, message)
            times.append((time.perf_counter() - began) * 1000)
        process.stdin.close()
    return sorted(times[100:])


def exchange(stdin: IO[bytes], stdout: IO[bytes], message: bytes) -> None:
    """Send a message and read the one that comes back."""
    stdin.write(message)
    stdin.flush()
    size = int(stdout.readline().split(b":")[1])
    stdout.readline()
    stdout.read(size)


def costs() -> None:
    """Print what a round trip takes with the proxy and without."""
    echo = [sys.executable, "-u", "-c", ECHO]
    print("\n| a message of | without p50 / p99 | through the proxy p50 / p99 | added p50 |\n|---|---|---|---|")
    for size, count in ((200, 5000), (20_000, 3000), (1_000_000, 200)):
        alone = round_trips(echo, size, count)
        through = round_trips([*PROXY, "--", *echo], size, count)
        shown = [f"{times[len(times) // 2]:.3f} / {times[int(len(times) * 0.99)]:.3f} ms" for times in (alone, through)]
        added = through[len(through) // 2] - alone[len(alone) // 2]
        print(f"| {size:,} bytes | {shown[0]} | {shown[1]} | {added:.3f} ms |")


def main() -> int:
    """Print both tables."""
    if (reason := installed()) is not None:
        print(reason, file=sys.stderr)
        return 1
    print("From an edit on disk, of a file that is not open, to other diagnostics for one that is:\n")
    print("| server | without the proxy | through the proxy | |\n|---|---|---|---|")
    for server in SERVERS:
        print(asyncio.run(row(server)), flush=True)
    costs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
