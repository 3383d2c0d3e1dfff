"""Map methods to message classes: lsprotocol's for LSP, those of `messages` for ours.

`MessageTypes` gives pygls the classes of whole messages; the endpoint itself needs the types of params and results.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import attrs
from lsprotocol.types import METHOD_TO_TYPES
from pygls.protocol import LanguageServerProtocol

from .messages import NOTIFICATION_TYPES, REQUEST_TYPES

__all__ = ["ClientProtocol", "MessageTypes", "params_type", "result_type"]


def params_type(method: str) -> Any | None:
    """Return the type of a method's params; None if it has none, or is unknown."""
    if method in REQUEST_TYPES:
        return REQUEST_TYPES[method][0]
    if method in NOTIFICATION_TYPES:
        return NOTIFICATION_TYPES[method]
    types = METHOD_TO_TYPES.get(method)
    return types[2] if types else None


@cache
def _response_field(method: str) -> Any | None:
    types = METHOD_TO_TYPES.get(method)
    if not types or types[1] is None:
        return None
    return attrs.fields_dict(types[1])["result"].type


def result_type(method: str) -> Any | None:
    """Return the type of a request's result; None if it is unknown."""
    return REQUEST_TYPES[method][1] if method in REQUEST_TYPES else _response_field(method)


class MessageTypes(LanguageServerProtocol):
    """Adds the `reload/` methods to those of pygls."""

    # pygls caches these per instance in a cache of the class, which would keep every connection alive.
    def get_message_type(  # type: ignore[override]  # a plain method is what the cache wraps
        self, method: str
    ) -> type[Any] | None:
        """Return the class of a whole request or notification."""
        return _MESSAGES.get(method) or METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(  # type: ignore[override]  # as above
        self, method: str
    ) -> type[Any] | None:
        """Return the class of a whole response."""
        return _RESPONSES.get(method) or METHOD_TO_TYPES.get(method, (None, None))[1]


class ClientProtocol(MessageTypes):
    """For clients: `BaseLanguageClient(…, protocol_cls=ClientProtocol)` receives typed `reload/` messages."""


def _message_class(method: str, name: str, **types: Any) -> type[Any]:
    members = {key: attrs.field(type=value) for key, value in types.items()}
    constants = {"jsonrpc": "2.0"} if "result" in types else {"method": method, "jsonrpc": "2.0"}
    for key, value in constants.items():
        members[key] = attrs.field(type=str, default=value, metadata={"always": True})
    return attrs.make_class(name, members, frozen=True)


def _class_name(method: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in method.split("/"))


_MESSAGES: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {
        method: _message_class(method, f"{_class_name(method)}Request", id=int | str, params=params)
        for method, (params, _) in REQUEST_TYPES.items()
    }
    | {
        method: _message_class(method, f"{_class_name(method)}Notification", params=params)
        for method, params in NOTIFICATION_TYPES.items()
    }
)

_RESPONSES: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {
        method: _message_class(method, f"{_class_name(method)}Response", id=int | str, result=result)
        for method, (_, result) in REQUEST_TYPES.items()
    }
)
