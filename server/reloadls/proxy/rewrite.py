"""Rewrite single messages: pure functions of plain JSON values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = [
    "REGISTER",
    "UNREGISTER",
    "WATCHED_FILES",
    "Registered",
    "Split",
    "document_of",
    "encode",
    "failure",
    "folders_of",
    "is_id",
    "offer_watching",
    "only_pushed",
    "parse",
    "split_registration",
    "split_unregistration",
    "stale_pulls",
    "success",
    "warning",
    "watches_already",
    "without_pulling",
]

Json = dict[str, Any]

WATCHED_FILES: Final = "workspace/didChangeWatchedFiles"
REGISTER: Final = "client/registerCapability"
UNREGISTER: Final = "client/unregisterCapability"


@dataclass(frozen=True, slots=True)
class Registered:
    """One registration: its id, and its watchers as the server sent them."""

    id: str
    watchers: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A request of the server, split into the proxy's part and the client's.

    Attributes:
        ours: the registrations of watchers.
        gone: the ids of removed registrations of watchers.
        others: the request for the client; None if nothing is left for it.
    """

    ours: tuple[Registered, ...] = ()
    gone: tuple[str, ...] = ()
    others: Json | None = field(default=None)


def parse(body: bytes) -> Json | None:
    """Return the JSON object in `body`; None for anything else."""
    try:
        value = json.loads(body, parse_float=_number, parse_constant=_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _number(text: str) -> float:
    """Parse a number; refuse one that can't be encoded again, so that the message passes unchanged."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} can't be encoded again")
    return number


def encode(message: Mapping[str, Any]) -> bytes:
    """Return the message as JSON text, in ASCII: a lone surrogate stays the escape that it was."""
    return json.dumps(message, separators=(",", ":")).encode("ascii")


def is_id(value: object) -> bool:
    """Return whether `value` is a valid request id."""
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def success(id: Any) -> Json:
    """Return a response with the result null."""
    return {"jsonrpc": "2.0", "id": id, "result": None}


def failure(id: Any, message: str) -> Json:
    """Return an error response (RequestFailed)."""
    return {"jsonrpc": "2.0", "id": id, "error": {"code": -32803, "message": message}}


def warning(text: str) -> Json:
    """Return the notification that shows `text` to the user as a warning."""
    return {"jsonrpc": "2.0", "method": "window/showMessage", "params": {"type": 2, "message": text}}


def watches_already(initialize: Json) -> bool:
    """Return whether the client supports registrations of file watchers."""
    return (
        _at(initialize, "params", "capabilities", "workspace", "didChangeWatchedFiles", "dynamicRegistration") is True
    )


def offer_watching(initialize: Json) -> Json:
    """Return `initialize` with the capability to watch files added."""
    params = _object(initialize.get("params"))
    capabilities = _object(params.get("capabilities"))
    workspace = _object(capabilities.get("workspace"))
    offered = _object(workspace.get("didChangeWatchedFiles"))
    offered |= {"dynamicRegistration": True, "relativePatternSupport": True}
    workspace |= {"didChangeWatchedFiles": offered}
    return initialize | {"params": params | {"capabilities": capabilities | {"workspace": workspace}}}


def stale_pulls(initialize: Json) -> bool:
    """Return whether the client pulls diagnostics but can't refresh them, as Neovim 0.11."""
    capabilities = _at(initialize, "params", "capabilities")
    pulls = isinstance(_at(capabilities, "textDocument", "diagnostic"), dict)
    return pulls and _at(capabilities, "workspace", "diagnostics", "refreshSupport") is not True


def without_pulling(initialize: Json) -> Json:
    """Return `initialize` without the capability to pull diagnostics, so that the server publishes them."""
    params = _object(initialize.get("params"))
    capabilities = _object(params.get("capabilities"))
    documents: Json = {"publishDiagnostics": {}} | _object(capabilities.get("textDocument"))
    documents.pop("diagnostic", None)
    return initialize | {"params": params | {"capabilities": capabilities | {"textDocument": documents}}}


def only_pushed(answer: Json) -> Json | None:
    """Return the response to `initialize` without `diagnosticProvider`, which would show diagnostics twice.

    Servers announce it to every client, including those that can't pull. None if the response does not hold it.
    """
    result = _object(answer.get("result"))
    capabilities = _object(result.get("capabilities"))
    if capabilities.pop("diagnosticProvider", None) is None:
        return None
    return answer | {"result": result | {"capabilities": capabilities}}


def folders_of(initialize: Json) -> list[str]:
    """Return the URIs of the workspace folders or, of an older client, the URI or path of its root."""
    params = _object(initialize.get("params"))
    folders = params.get("workspaceFolders")
    if isinstance(folders, list) and (uris := uris_of(folders)):
        return uris
    root = params.get("rootUri") or params.get("rootPath")
    return [root] if isinstance(root, str) else []


def uris_of(folders: Any) -> list[str]:
    """Return the URIs in a list of workspace folders."""
    if not isinstance(folders, list):
        return []
    return [folder["uri"] for folder in folders if isinstance(folder, dict) and isinstance(folder.get("uri"), str)]


def document_of(notification: Json) -> str | None:
    """Return the URI of the notification's text document."""
    uri = _at(notification, "params", "textDocument", "uri")
    return uri if isinstance(uri, str) else None


def split_registration(request: Json) -> Split:
    """Split `client/registerCapability` into registrations of watchers and the request for the client."""
    entries = _at(request, "params", "registrations")
    if not isinstance(entries, list):
        return Split(others=request)
    ours, others = _parted(entries, lambda entry: entry.get("method") == WATCHED_FILES and _has_id(entry))
    registered = tuple(Registered(entry["id"], _watchers(entry)) for entry in ours)
    return Split(registered, (), _with(request, "registrations", others) if others or not ours else None)


def split_unregistration(request: Json, known: Iterable[str]) -> Split:
    """Split `client/unregisterCapability` into `known` registrations and the request for the client."""
    # The first one is the specification's spelling of the field.
    name = next((name for name in ("unregisterations", "unregistrations") if _at(request, "params", name)), None)
    entries = _at(request, "params", name) if name else None
    if name is None or not isinstance(entries, list):
        return Split(others=request)
    there = set(known)
    ours, others = _parted(entries, lambda entry: _has_id(entry) and entry["id"] in there)
    return Split((), tuple(entry["id"] for entry in ours), _with(request, name, others) if others or not ours else None)


def _parted(entries: list[Any], mine: Any) -> tuple[list[Json], list[Any]]:
    ours = [entry for entry in entries if isinstance(entry, dict) and mine(entry)]
    return ours, [entry for entry in entries if not (isinstance(entry, dict) and mine(entry))]


def _has_id(entry: Json) -> bool:
    return isinstance(entry.get("id"), str)


def _watchers(entry: Json) -> tuple[Any, ...]:
    watchers = _at(entry, "registerOptions", "watchers")
    return tuple(watchers) if isinstance(watchers, list) else ()


def _with(request: Json, name: str, entries: list[Any]) -> Json:
    return request | {"params": request["params"] | {name: entries}}


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _object(value: Any) -> Json:
    return dict(value) if isinstance(value, dict) else {}
