"""An agent's client: multilspy asks a server about a file that it has opened, while others change on disk.

Run by the Python that multilspy is installed for; its arguments are one JSON object.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def initialize_params(workspace: str) -> dict[str, Any]:
    """What multilspy says of itself to a server: that it watches files, which it does not."""
    place = importlib.resources.files("multilspy.language_servers.jedi_language_server") / "initialize_params.json"
    text = place.read_text(encoding="utf-8")
    for name, value in {
        "$rootPath": workspace,
        "$rootUri": Path(workspace).as_uri(),
        "$uri": Path(workspace).as_uri(),
        "$name": os.path.basename(workspace),
    }.items():
        text = text.replace(json.dumps(name), json.dumps(value))
    params: dict[str, Any] = json.loads(text)
    del params["_description"]
    return {**params, "processId": os.getpid(), "initializationOptions": {}}


async def run(given: dict[str, Any]) -> None:
    """Print whether it was answered as before, and then as after the edit."""
    from multilspy.lsp_protocol_handler.server import (  # type: ignore[import-not-found]
        LanguageServerHandler,
        ProcessLaunchInfo,
    )

    async def nothing(_: Any) -> None:
        return

    async def configuration(params: Any) -> list[Any]:
        return [{} for _ in params["items"]]

    workspace, file = os.getcwd(), Path(given["file"]).absolute()
    server = LanguageServerHandler(ProcessLaunchInfo(cmd=given["command"], cwd=workspace))
    for method in ("client/registerCapability", "window/workDoneProgress/create", "workspace/diagnostic/refresh"):
        server.on_request(method, nothing)
    server.on_request("workspace/configuration", configuration)
    for method in ("window/logMessage", "$/progress", "textDocument/publishDiagnostics", "window/showMessage"):
        server.on_notification(method, nothing)
    await server.start()
    await server.send.initialize(initialize_params(workspace))
    server.notify.initialized({})
    document = {"uri": file.as_uri(), "languageId": given["language"], "version": 1, "text": file.read_text()}
    server.notify.did_open_text_document({"textDocument": document})
    line, character = given["position"]
    params = {"textDocument": {"uri": file.as_uri()}, "position": {"line": line, "character": character}}

    async def hover() -> str:
        try:
            return str(await server.send.hover(params))
        except Exception as error:  # such as ContentModified, after which a client asks again
            print(f"hover failed: {error!r}", file=sys.stderr)
            return ""

    async def answers(wanted: str, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while wanted not in await hover():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.05)
        return True

    print("before", await answers(given["before"], 60), flush=True)
    await asyncio.sleep(1)  # nobody says when a server has finished its own start
    name, text = given["edit"]
    Path(name).write_text(text)
    print("after", await answers(given["after"], given["within"]), flush=True)
    os._exit(0)  # the server is ended by the test


asyncio.run(run(json.loads(sys.argv[1])))
