"""Classify a received JSON value: request, notification, response, or malformed.

Pure decision logic by JSON-RPC 2.0 (sections 4 to 6) and LSP's base protocol, which has no batches. A response is never
answered, however malformed, or two peers could answer each other forever.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

from attrs import frozen

from reloadls.wire.text import show

from .errors import InvalidRequest

__all__ = ["Incoming", "Malformed", "MessageId", "Notification", "Request", "Response", "classify"]

MessageId = int | str

_VERSION: Final = "2.0"
_MAX_ID: Final = 2**63
"""JSON libraries round larger integers, so that the reply would carry another id."""


@frozen
class Request:
    """Requires exactly one reply. `params` is an object, an array, or None if absent or null."""

    id: MessageId
    method: str
    params: Any


@frozen
class Notification:
    """Requires no reply."""

    method: str
    params: Any


@frozen
class Response:
    """Answers one of our requests; `id` is None if the peer could not read it."""

    id: MessageId | None
    result: Any
    error: Any


@frozen
class Malformed:
    """Not a valid message. The error reply carries the id if it is readable."""

    id: MessageId | None
    error: InvalidRequest


Incoming = Request | Notification | Response | Malformed


def classify(message: object, awaited: Container[MessageId] = ()) -> Incoming:
    """Classify a JSON value.

    Args:
        message: the value.
        awaited: the ids of our own requests without a response.
    """
    if isinstance(message, list):
        return _malformed(None, "a message must be an object, not an array: LSP has no batches")
    if not isinstance(message, dict):
        return _malformed(None, f"a message must be an object, not {show(message)}")
    if "method" in message:
        return _classify_call(message)
    msg_id = _readable_id(message.get("id"))
    if "result" in message or "error" in message or (msg_id is not None and msg_id in awaited):
        # Some clients omit a `result` that is null.
        return Response(msg_id, message.get("result"), message.get("error"))
    return _malformed(msg_id, "a message must have a method, a result or an error")


def _classify_call(message: dict[str, Any]) -> Incoming:
    raw_id, method, params = message.get("id"), message["method"], message.get("params")
    msg_id = _readable_id(raw_id)
    if message.get("jsonrpc") != _VERSION:
        return _malformed(msg_id, f'jsonrpc must be "2.0", not {show(message.get("jsonrpc"))}')
    if not isinstance(method, str):
        return _malformed(msg_id, f"method must be a string, not {show(method)}")
    if "id" in message and msg_id is None:
        return _malformed(None, f"id must be a string or an integer of 64 bits, not {show(raw_id)}")
    if not isinstance(params, dict | list | None):
        return _malformed(msg_id, f"params must be an object or an array, not {show(params)}")
    return Notification(method, params) if msg_id is None else Request(msg_id, method, params)


def _readable_id(value: object) -> MessageId | None:
    if isinstance(value, str):
        return value
    if type(value) is int and -_MAX_ID <= value < _MAX_ID:
        return value
    return None


def _malformed(msg_id: MessageId | None, reason: str) -> Malformed:
    return Malformed(msg_id, InvalidRequest(reason))
