"""Merge the diagnostics of the server and of the reloadls service: an editor shows only the last ones published.

The server's diagnostics pass unchanged, except for files that have diagnostics of the service, too. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from reloadls.proxy import rewrite
from reloadls.wire.uris import from_uri

__all__ = ["PUBLISH", "Diagnostics"]

PUBLISH: Final = "textDocument/publishDiagnostics"
_KEPT: Final = 32 * 1024 * 1024

_Json = dict[str, Any]


class Diagnostics:
    """The last diagnostics of both, by file.

    Args:
        kept: the most bytes of the server's diagnostics to remember. Beyond that the oldest are dropped; such a file
            shows only the service's diagnostics until the server publishes again.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._size = 0
        self._server: OrderedDict[str, bytes] = OrderedDict()
        self._service: dict[str, tuple[str, list[Any]]] = {}

    def from_server(self, message: _Json, body: bytes) -> _Json | None:
        """Remember diagnostics of the server.

        Args:
            message: the parsed notification.
            body: the same as bytes.

        Returns:
            The notification for the editor; None if `message` passes unchanged.
        """
        params = _params(message)
        if params is None:
            return None
        file = _file(params["uri"])
        self._remember(file, body if params["diagnostics"] else b"")
        if file not in self._service:
            return None
        return message | {"params": params | {"diagnostics": params["diagnostics"] + self._service[file][1]}}

    def from_service(self, message: _Json) -> _Json:
        """Remember diagnostics of the service, and return the notification for the editor."""
        params = _params(message)
        if params is None:
            return message
        file = _file(params["uri"])
        if params["diagnostics"]:
            self._service[file] = params["uri"], params["diagnostics"]
        else:
            self._service.pop(file, None)
        return self._merged(file, params["uri"])

    def service_ended(self) -> list[_Json]:
        """Forget the service's diagnostics, and return the notifications that restore the server's."""
        published, self._service = self._service, {}
        return [self._merged(file, uri) for file, (uri, _) in published.items()]

    def _merged(self, file: str, uri: str) -> _Json:
        """Merge both, without a version: an editor with a newer one would ignore the service's part, too."""
        theirs = _params(rewrite.parse(self._server.get(file, b"")) or {}) or {"uri": uri, "diagnostics": []}
        theirs.pop("version", None)
        params = theirs | {"diagnostics": theirs["diagnostics"] + self._service.get(file, (uri, []))[1]}
        return {"jsonrpc": "2.0", "method": PUBLISH, "params": params}

    def _remember(self, file: str, body: bytes) -> None:
        self._size += len(body) - len(self._server.pop(file, b""))
        if body:
            self._server[file] = body
        while self._size > self._kept:
            self._size -= len(self._server.popitem(last=False)[1])


def _params(message: _Json) -> _Json | None:
    params = message.get("params")
    if not isinstance(params, dict) or not isinstance(params.get("uri"), str):
        return None
    return dict(params) if isinstance(params.get("diagnostics"), list) else None


def _file(uri: str) -> str:
    """Return the same key for every spelling of a file's URI."""
    try:
        return "file:" + from_uri(uri)
    except ValueError:
        return uri
