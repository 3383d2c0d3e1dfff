"""The requests that clients may send to this program, and the replies."""

from __future__ import annotations

import json
import logging
from typing import Any, Protocol

from reloadls.wire import methods

from .encode import from_uri

__all__ = ["RequestHandler", "RequestFailed", "handle"]

_log = logging.getLogger(__name__)

Json = dict[str, Any]


class RequestFailed(Exception):
    """The request is valid but can't be carried out."""


class _BadParams(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.data = {"field": field, "reason": reason}


class RequestHandler(Protocol):
    """Carries out requests. Called on the event loop; `client` identifies the sender."""

    def status(self) -> Json:
        """Return the status."""

    async def trigger(self, paths: list[str] | None) -> list[Json]:
        """Reload files now; return the reports."""

    async def follow(self, client: object, roots: list[str], files: list[str]) -> Json:
        """Notify a client from now on of changes in `roots` and of `files`; return the state of watching.

        Raises:
            RequestFailed: this process does not watch these roots, or has too many followers.
        """

    def acknowledge(self, client: object, outcome: Json) -> None:
        """Note what a follower did with a batch; raises RequestFailed if it says nothing of that."""

    def pause(self, client: object) -> None:
        """Apply nothing until a client resumes, or this client disconnects."""

    def resume(self) -> None:
        """Apply changes again."""

    async def drain(self, pool: str) -> None:
        """Have a session pool admit no more sessions; raises RequestFailed if it can't."""

    def restart(self) -> None:
        """Restart the program; raises RequestFailed if it has no supervisor."""

    def on_disconnect(self, client: object) -> None:
        """A client has disconnected."""


async def handle(body: bytes, handler: RequestHandler, client: object) -> Json | None:
    """Return the reply to one message; None if it needs none."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return _error(None, -32700, "invalid JSON")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return _error(None, -32600, "not a request: must be an object with jsonrpc '2.0'")
    id_, method = message.get("id"), message.get("method")
    if not isinstance(method, str):
        is_response = "result" in message or "error" in message
        return None if is_response else _error(_request_id(id_), -32600, "not a request: no method")
    if "id" not in message:
        return None  # this program handles no notifications
    if _request_id(id_) is None:
        return _error(None, -32600, "the id must be a string or an integer")
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
        return _error(id_, -32603, f"internal error: {type(error).__name__}")
    return {"jsonrpc": "2.0", "id": id_, "result": result}


async def _result(method: str, params: Any, handler: RequestHandler, client: object) -> Any:
    if method not in _FIELDS:
        raise LookupError(method)
    checked = _checked(params, _FIELDS[method])
    if method == methods.TRIGGER:
        return await handler.trigger(_paths(checked.get("uris")))
    if method == "reload/follow":
        roots, files = (_paths(checked.get(name), name) or [] for name in ("roots", "files"))
        return await handler.follow(client, roots, files)
    if method == "reload/acknowledge":
        handler.acknowledge(client, checked)
        return None
    if method == methods.PAUSE:
        handler.pause(client)
    elif method == methods.RESUME:
        handler.resume()
    elif method == methods.DRAIN:
        await handler.drain(_name(checked, "pool"))
    elif method == "reload/restart":
        handler.restart()
    return handler.status()


_FIELDS: dict[str, frozenset[str]] = {
    methods.STATUS: frozenset({"metrics"}),
    methods.TRIGGER: frozenset({"uris"}),
    "reload/follow": frozenset({"roots", "files"}),
    "reload/acknowledge": frozenset({"batch", "applied", "failed"}),
    methods.PAUSE: frozenset(),
    methods.RESUME: frozenset(),
    methods.DRAIN: frozenset({"pool"}),
    "reload/restart": frozenset(),
}


def _checked(params: Any, fields: frozenset[str]) -> Json:
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise _BadParams("", "params must be an object")
    for name in params:
        if name not in fields:
            raise _BadParams(str(name)[:100], "unknown field")
    return params


def _name(params: Json, field: str) -> str:
    value = params.get(field)
    if not isinstance(value, str):
        raise _BadParams(field, "must be a string")
    return value


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
