"""What a client may ask of this program, and how each request is answered."""

from __future__ import annotations

import json
import logging
from typing import Any, Protocol

from .encode import from_uri

__all__ = ["RequestHandler", "RequestFailed", "handle"]

_log = logging.getLogger(__name__)

Json = dict[str, Any]


class RequestFailed(Exception):
    """A request is understood, and can't be carried out here."""


class _BadParams(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.data = {"field": field, "reason": reason}


class RequestHandler(Protocol):
    """Who knows the answers. Called on the event loop; `client` is whoever asks."""

    def status(self) -> Json:
        """How things are."""

    async def trigger(self, paths: list[str] | None) -> list[Json]:
        """Take files up now; what became of it."""

    async def follow(self, client: object, roots: list[str], files: list[str]) -> Json:
        """Tell a client from now on what changes in `roots` and of `files`; how watching goes.

        Raises:
            CantBeDone: these roots are not watched here, or too many follow.
        """

    def pause(self, client: object) -> None:
        """Take nothing up until somebody resumes, or this client leaves."""

    def resume(self) -> None:
        """Go on."""

    def restart(self) -> None:
        """Start the program anew; raises CantBeDone where nobody can."""

    def left(self, client: object) -> None:
        """A client is gone."""


async def handle(body: bytes, handler: RequestHandler, client: object) -> Json | None:
    """The answer to one message; None if it wants none."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return _error(None, -32700, "this is no JSON")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return _error(None, -32600, "this is no request: it must be an object with jsonrpc '2.0'")
    id_, method = message.get("id"), message.get("method")
    if not isinstance(method, str):
        is_response = "result" in message or "error" in message
        return None if is_response else _error(_request_id(id_), -32600, "this is no request: it has no method")
    if "id" not in message:
        return None  # nobody need tell us anything
    if _request_id(id_) is None:
        return _error(None, -32600, "the id must be a string or a whole number")
    return await _reply(id_, method, message.get("params"), handler, client)


async def _reply(id_: Any, method: str, params: Any, handler: RequestHandler, client: object) -> Json:
    try:
        result = await _result(method, params, handler, client)
    except LookupError:
        return _error(id_, -32601, f"unknown method {method[:100]!r}")
    except _BadParams as error:
        return _error(id_, -32602, str(error), error.data)
    except RequestFailed as error:
        return _error(id_, -32803, str(error), {"reason": str(error)})
    except Exception as error:
        _log.exception("%s failed", method)
        return _error(id_, -32603, f"a fault of reloadls: {type(error).__name__}")
    return {"jsonrpc": "2.0", "id": id_, "result": result}


async def _result(method: str, params: Any, handler: RequestHandler, client: object) -> Any:
    if method not in _FIELDS:
        raise LookupError(method)
    checked = _checked(params, _FIELDS[method])
    if method == "reload/trigger":
        return await handler.trigger(_paths(checked.get("uris")))
    if method == "reload/follow":
        roots, files = (_paths(checked.get(name), name) or [] for name in ("roots", "files"))
        return await handler.follow(client, roots, files)
    if method == "reload/pause":
        handler.pause(client)
    elif method == "reload/resume":
        handler.resume()
    elif method == "reload/restart":
        handler.restart()
    return handler.status()


_FIELDS: dict[str, frozenset[str]] = {
    "reload/status": frozenset({"metrics"}),
    "reload/trigger": frozenset({"uris"}),
    "reload/follow": frozenset({"roots", "files"}),
    "reload/pause": frozenset(),
    "reload/resume": frozenset(),
    "reload/restart": frozenset(),
}


def _checked(params: Any, fields: frozenset[str]) -> Json:
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise _BadParams("", "params must be an object")
    for name in params:
        if name not in fields:
            raise _BadParams(str(name)[:100], "is not known here")
    return params


def _paths(uris: Any, name: str = "uris") -> list[str] | None:
    if uris is None:
        return None
    if not isinstance(uris, list):
        raise _BadParams(name, "must be a list of file:// URIs")
    paths = []
    for index, uri in enumerate(uris):
        if not isinstance(uri, str):
            raise _BadParams(f"{name}[{index}]", "must be a file:// URI")
        try:
            paths.append(from_uri(uri))
        except ValueError as error:
            raise _BadParams(f"{name}[{index}]", str(error)) from None
    return paths


def _request_id(id_: Any) -> int | str | None:
    return id_ if isinstance(id_, (int, str)) and not isinstance(id_, bool) else None


def _error(id_: Any, code: int, message: str, data: Json | None = None) -> Json:
    error: Json = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": id_, "error": error}
