"""A source of your own: a folder of Consul's key-value store, followed with blocking queries.

    config = LiveConfig(Settings, [ConsulSource("http://127.0.0.1:8500", "app/")])

See docs/configuration.md, "A source of your own".
"""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.parse
from http.client import HTTPConnection
from typing import Any

from reloadls.config import Part, Place, SourceFailed, Text


class ConsulSource:
    """All keys below a prefix: ``app/db/url`` is ``db.url``.

    Args:
        address: Consul's HTTP address.
        prefix: the folder, with a slash at its end.
        wait_s: how long Consul may wait for a change, in seconds.
        required: whether the configuration can't start without it.
    """

    every_s = 0.0  # `fetch` itself waits until something has changed

    def __init__(self, address: str, prefix: str, *, wait_s: int = 300, required: bool = True) -> None:
        self.name = f"consul {prefix}"
        self.required = required
        self._host = urllib.parse.urlsplit(address).netloc
        self._prefix, self._wait_s = prefix, wait_s
        self._connection: HTTPConnection | None = None

    async def fetch(self, known: Part | None) -> Part | None:
        """Return what Consul holds; after the first time, once its index has changed."""
        index = 0 if known is None else known.cursor
        try:
            status, found, data = await asyncio.to_thread(self._get, index)
        except (OSError, ValueError) as error:
            raise SourceFailed(f"can't be reached: {type(error).__name__}") from None
        if status not in (200, 404):  # 404: there are no keys
            raise SourceFailed(f"answered with status {status}")
        if known is not None and found == known.cursor:  # nothing has changed within `wait_s`
            return None
        entries = json.loads(data) if status == 200 else []
        return self._part(entries, found if found >= index else 0)  # an index that goes back starts anew

    async def close(self) -> None:
        """End the query that waits."""
        if self._connection is not None and self._connection.sock is not None:
            self._connection.sock.close()

    def _get(self, index: int) -> tuple[int, int, bytes]:
        query = urllib.parse.urlencode({"recurse": "", "index": index, "wait": f"{self._wait_s}s"})
        self._connection = connection = HTTPConnection(self._host, timeout=self._wait_s * 1.2)
        try:
            connection.request("GET", f"/v1/kv/{urllib.parse.quote(self._prefix)}?{query}")
            answer = connection.getresponse()
            return answer.status, int(answer.headers["X-Consul-Index"] or 0), answer.read()
        finally:
            connection.close()

    def _part(self, entries: list[dict[str, Any]], cursor: int) -> Part:
        values: dict[str, Any] = {}
        places = {}
        for entry in entries:
            key = tuple(filter(None, entry["Key"].removeprefix(self._prefix).split("/")))
            if not key or entry["Key"].endswith("/"):
                continue
            inner = values
            for step in key[:-1]:
                inner = inner.setdefault(step, {})
            inner[key[-1]] = Text(base64.b64decode(entry["Value"] or "").decode())
            places[key] = Place(name=entry["Key"])
        return Part(values, places, cursor=cursor)
