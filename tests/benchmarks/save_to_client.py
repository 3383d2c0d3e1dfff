"""Times a save until a client has read it, at ``debounceMs: 1``, beside a plain read of inotify in the same run.

Run from the root of the repository, on Linux: `PYTHONPATH=server python -m tests.benchmarks.save_to_client [saves]`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

from reloadls.protocol import frame, to_uri
from reloadls.watch.sources.linux.calls import CLOSE_WRITE, InotifyCalls

FILES = 1000


class Times:
    """When each save was seen last, by one reader."""

    def __init__(self) -> None:
        self.seen = threading.Event()
        self.at = 0.0

    def note(self) -> None:
        """It has been seen now."""
        self.at = time.perf_counter()
        self.seen.set()


def read_inotify(descriptor: int, times: Times) -> None:
    """Read the kernel's events."""
    os.set_blocking(descriptor, True)
    while os.read(descriptor, 65536):
        times.note()


def read_body(stream: IO[bytes]) -> bytes:
    """The next message."""
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return stream.read(length)


def ask(process: subprocess.Popen[bytes], method: str, params: object) -> None:
    """Send a request and wait for its answer."""
    assert process.stdin and process.stdout
    process.stdin.write(frame(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()))
    process.stdin.flush()
    while b'"id"' not in (body := read_body(process.stdout)) or b'"result"' not in body:
        assert body and b'"error"' not in body, body


def read_service(stream: IO[bytes], times: Times) -> None:
    """Read what the service sends."""
    while body := read_body(stream):
        if b'"reload/didChange"' in body:
            times.note()


def main() -> None:
    """Print the two, and what lies between them."""
    saves = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    raw, service = Times(), Times()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FILES):
            Path(folder, f"f{number}.py").write_text("x")
        calls = InotifyCalls()
        descriptor = calls.open()
        calls.add(descriptor, folder, CLOSE_WRITE)
        command = [sys.executable, "-m", "reloadls", "serve", "--stdio"]
        environment = {**os.environ, "XDG_STATE_HOME": folder + ".state"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdin and process.stdout
            options = {"debounceMs": 1, "maxWaitMs": 1000}
            roots = [{"uri": to_uri(folder), "name": "w"}]
            params = {
                "processId": None,
                "capabilities": {},
                "workspaceFolders": roots,
                "initializationOptions": options,
            }
            ask(process, "initialize", params)
            process.stdin.write(frame(b'{"jsonrpc": "2.0", "method": "initialized", "params": {}}'))
            process.stdin.flush()
            ask(process, "reload/sync", {})
            threading.Thread(target=read_inotify, args=(descriptor, raw), daemon=True).start()
            threading.Thread(target=read_service, args=(process.stdout, service), daemon=True).start()
            found = [one_save(Path(folder, f"f{number % FILES}.py"), raw, service) for number in range(saves)]
            process.kill()
    for name, column in (("inotify", 0), ("client", 1)):
        times = sorted(times[column] for times in found)
        print(f"{name:10}{statistics.median(times):8.2f} ms p50{times[int(len(times) * 0.99)]:8.2f} ms p99")
    print(f"between   {statistics.median(client - plain for plain, client in found):8.2f} ms p50")


def one_save(path: Path, raw: Times, service: Times) -> tuple[float, float]:
    """How many ms after a save each has seen it."""
    raw.seen.clear()
    service.seen.clear()
    time.sleep(0.03)
    with path.open("w") as file:
        file.write("y" * (1 + time.perf_counter_ns() % 1000))
    begun = time.perf_counter()
    if not (raw.seen.wait(5) and service.seen.wait(5)):
        raise SystemExit("a save was not seen")
    return (raw.at - begun) * 1000, (service.at - begun) * 1000


if __name__ == "__main__":
    main()
