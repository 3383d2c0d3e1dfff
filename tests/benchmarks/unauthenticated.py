"""How long a client's request takes while 8 connections without a token send the worst bodies known.

Run: python -m tests.benchmarks.unauthenticated [SECONDS] [SEED]
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable

from reloadls.protocol import frame
from tests.support.service import Service

CONNECTIONS = 8
_HEADERS = b"content-length:1\n" * 480 + b"!\n\n"
_WORST: dict[str, Callable[[], bytes]] = {
    "half headers in a body": lambda: frame(_HEADERS * 128),
    "headers without a body": lambda: _HEADERS * 128,
    "words and blank lines": lambda: frame(b"content-length\n\n" * 60_000),
    "small messages": lambda: frame(b"1") * 3000,
    "blank lines": lambda: b"\n" * 65_000,
    "nested arrays": lambda: frame(b"[" * 60_000),
    "many capabilities": lambda: frame(
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{%b}}}'
        % b",".join(b'"c%d":{}' % number for number in range(4000))
    ),
}


async def attack(port: int, body: bytes) -> None:
    """Send `body` on one connection after another, for ever."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(OSError, TimeoutError):
                writer.write(body)
                await asyncio.wait_for(reader.read(), 2)
            writer.close()


async def attack_from_all(port: int) -> None:
    """In a process of its own: what it costs to attack is not measured."""
    body = sys.stdin.buffer.read()
    print("ready", flush=True)
    await asyncio.gather(*(attack(port, body) for _ in range(CONNECTIONS)))


async def measure(body: bytes, seconds: float) -> list[float]:
    """Return a client's response times in milliseconds, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        async with Service.start("tcp") as service, service.session(folder) as client:
            command = [sys.executable, "-m", "tests.benchmarks.unauthenticated", "--attack", str(service.port)]
            attacker = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            assert attacker.stdin is not None
            if body:
                attacker.stdin.write(body)
                attacker.stdin.close()
                assert attacker.stdout is not None
                await attacker.stdout.readline()
            times: list[float] = []
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                began = time.perf_counter()
                await client.request("reload/status")
                times.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(0.01)
            attacker.kill()
            await attacker.wait()
            return sorted(times)


async def main(seconds: float, seed: int) -> None:
    """Print a table."""
    noise = random.Random(seed)
    print(f"seed {seed}; {CONNECTIONS} connections without a token; the client's response times in ms")
    print(f"{'they send':26} {'p50':>7} {'p99':>7} {'max':>7} {'requests':>9}")
    bodies = {"nothing": b""} | {name: make() for name, make in _WORST.items()}
    for name, body in {**bodies, "noise": noise.randbytes(60_000)}.items():
        times = await measure(body, seconds)
        p99 = times[int(len(times) * 0.99)]
        print(f"{name:26} {times[len(times) // 2]:7.1f} {p99:7.1f} {times[-1]:7.1f} {len(times):9}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        asyncio.run(attack_from_all(int(sys.argv[2])))
    else:
        arguments = [*sys.argv[1:], "5", "1"]
        asyncio.run(main(float(arguments[0]), int(arguments[1] if len(sys.argv) > 2 else 1)))
