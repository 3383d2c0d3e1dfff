"""Print the changes that a service reports for a folder, until N have come: `python service_client.py FOLDER N`."""

from __future__ import annotations

import asyncio
import sys

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from reloadls.protocol import ChangeBatch, ClientProtocol, SyncParams, make_converter
from reloadls.wire import methods


async def main(folder: str, count: int) -> None:
    """Start the service, watch, and shut it down."""
    client = LanguageClient("example", "1", protocol_cls=ClientProtocol, converter_factory=make_converter)
    enough = asyncio.Event()
    seen = 0

    @client.feature(methods.DID_CHANGE)
    def on_change(batch: ChangeBatch) -> None:
        nonlocal seen
        for change in batch.changes:
            print(change.type, change.uri.rpartition("/")[2], flush=True)
        seen += len(batch.changes)
        if seen >= count:
            enough.set()

    await client.start_io(sys.executable, "-m", "reloadls", "serve", "--stdio")
    options = {"paths": [folder], "debounceMs": 50, "watchedFiles": False}
    await client.initialize_async(
        types.InitializeParams(capabilities=types.ClientCapabilities(), initialization_options=options)
    )
    client.initialized(types.InitializedParams())
    await client.protocol.send_request_async(methods.SYNC, SyncParams())
    print("watching", flush=True)
    await enough.wait()
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
