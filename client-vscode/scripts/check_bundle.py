"""Whether a bundled server works with the Python that runs this: everything is imported from it, and it tells a change.

    python3.12 -I -S client-vscode/scripts/check_bundle.py client-vscode/bundled/libs

It must use nothing but the standard library: `-I -S` keeps the interpreter's own packages out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
LAUNCH = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('reloadls', run_name='__main__')"


def main() -> None:
    libs = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        tell = check_server(libs, Path(folder).resolve())
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"== the bundle works with Python {version}: {tell}")


def check_server(libs: str, folder: Path) -> str:
    argv = [sys.executable, "-I", "-S", "-B", "-c", LAUNCH, libs, "serve", "--stdio"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        late = threading.Timer(PATIENCE_S, server.kill)
        late.start()
        try:
            return converse(server, folder)
        finally:
            late.cancel()
            server.kill()


def converse(server: subprocess.Popen[bytes], folder: Path) -> str:
    options = {"debounceMs": 1}
    params = {
        "processId": os.getpid(),
        "rootUri": folder.as_uri(),
        "capabilities": {},
        "initializationOptions": options,
    }
    send(server, {"id": 1, "method": "initialize", "params": params})
    capabilities = wait(server, lambda message: message.get("id") == 1)["result"]["capabilities"]
    assert capabilities["experimental"]["reload"]["version"] == 1, capabilities
    send(server, {"method": "initialized", "params": {}})
    status = wait(server, lambda message: message.get("method") == "reload/didChangeStatus")["params"]
    assert status["state"] == "watching", status
    (folder / "new.py").write_text("x = 1\n", encoding="utf-8")
    batch = wait(server, lambda message: message.get("method") == "reload/didChange")["params"]
    assert batch["changes"] == [{"uri": (folder / "new.py").as_uri(), "type": "created"}], batch
    send(server, {"id": 2, "method": "shutdown"})
    wait(server, lambda message: message.get("id") == 2)
    send(server, {"method": "exit"})
    assert server.wait() == 0, server.returncode
    return f"watching with the {status['backend']} backend"


def send(server: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert server.stdin is not None
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    server.stdin.flush()


def wait(server: subprocess.Popen[bytes], wanted: Any) -> dict[str, Any]:
    while True:
        message = read(server)
        if "error" in message:
            raise SystemExit(f"the bundled server answered {message}")
        if wanted(message):
            return message


def read(server: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert server.stdout is not None
    length = 0
    while header := server.stdout.readline().strip():
        name, _, value = header.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    if not length:
        raise SystemExit(f"the bundled server ended, or took over {PATIENCE_S:.0f} s")
    message: dict[str, Any] = json.loads(server.stdout.read(length))
    return message


if __name__ == "__main__":
    main()
