"""The errors that this package can send.

    pygls.exceptions.JsonRpcException
    ├── JsonRpcParseError ── UnreadableMessage       -32700  not a JSON message
    ├── JsonRpcInvalidRequest ── InvalidRequest      -32600  JSON, but not a valid request in this state
    ├── JsonRpcMethodNotFound ── UnknownMethod       -32601
    ├── JsonRpcInvalidParams ── InvalidParams        -32602  data: {field, reason}
    ├── JsonRpcServerNotInitialized ── NotInitialized -32002
    ├── JsonRpcRequestCancelled ── RequestCancelled  -32800
    ├── RequestFailed                                -32803  data: {uri?, reason}
    └── JsonRpcInternalError ── InternalFault        -32603  internal error; the traceback goes to the log
    ConnectionError
    └── ConnectionLost                               the peer disconnected before it answered
    ValueError
    └── Mismatch                                     a value does not fit its field; becomes InvalidParams

A handler may raise any of the first group; the client receives exactly that code, message and data.
"""

from __future__ import annotations

from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)

__all__ = [
    "ConnectionLost",
    "InternalFault",
    "InvalidParams",
    "InvalidRequest",
    "Mismatch",
    "NotInitialized",
    "RequestCancelled",
    "RequestFailed",
    "UnknownMethod",
    "UnreadableMessage",
]


class UnreadableMessage(JsonRpcParseError):
    """The input is not a JSON message: invalid header, invalid JSON, or over the size limit."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the message can't be read: {reason}")


class InvalidRequest(JsonRpcInvalidRequest):
    """The message is JSON, but not a valid request in the current state."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class UnknownMethod(JsonRpcMethodNotFound):
    """The method has no handler."""

    def __init__(self, method: str) -> None:
        super().__init__(f"unknown method {method!r}")
        self.method = method


class InvalidParams(JsonRpcInvalidParams):
    """A parameter is invalid.

    `field` is the path to it as the client wrote it (`textDocument.uri`, `paths[2]`; empty for the params
    as a whole), `reason` completes the sentence that begins with it ("must be a string, not 5").
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field or 'params'} {reason}", data={"field": field, "reason": reason})
        self.field = field
        self.reason = reason


class NotInitialized(JsonRpcServerNotInitialized):
    """A request arrived before `initialize` was answered."""

    def __init__(self, method: str) -> None:
        super().__init__(f"{method!r} arrived before 'initialize' was answered")


class RequestCancelled(JsonRpcRequestCancelled):
    """The client cancelled the request, or the connection is ending."""

    def __init__(self, reason: str = "the request was cancelled") -> None:
        super().__init__(reason)


class RequestFailed(JsonRpcException):
    """The request is valid but failed (LSP's RequestFailed); `uri` names the file, if any."""

    CODE = -32803
    MESSAGE = "Request Failed"

    def __init__(self, reason: str, *, uri: str | None = None) -> None:
        data = {"reason": reason} if uri is None else {"uri": uri, "reason": reason}
        super().__init__(reason, data=data)
        self.reason = reason
        self.uri = uri


class InternalFault(JsonRpcInternalError):
    """An internal error. Names the method and the exception; the traceback stays in the log."""

    def __init__(self, method: str, cause: BaseException) -> None:
        super().__init__(f"{method!r} failed: {type(cause).__name__}: {_first_line(cause)}")


class ConnectionLost(ConnectionError):
    """The peer disconnected before it answered one of our requests."""


class Mismatch(ValueError):
    """A value does not fit its field; `reason` completes "<field> …".

    `field` is set, as spelt on the wire, where the raiser sees the object around the field.
    """

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


def _first_line(cause: BaseException, limit: int = 300) -> str:
    lines = str(cause).splitlines() or ["no message"]
    return lines[0][:limit]
