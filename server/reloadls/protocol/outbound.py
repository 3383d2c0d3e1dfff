"""The sending half of an endpoint: replies, notifications, our own requests and their responses.

One write per message, only on the loop's thread, and nothing once the peer has disconnected.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pygls.exceptions import JsonRpcException

from reloadls.wire.framing import frame
from reloadls.wire.jsonio import dumps
from reloadls.wire.text import show

from .convert import explain
from .envelope import MessageId, Response
from .errors import ConnectionLost
from .message_types import MessageTypes, result_type
from .messages import Change, ChangeBatch

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

__all__ = [
    "Encoded",
    "Outbound",
    "encode_change_batch",
    "encode_changes",
    "encode_notification",
    "encode_result",
    "encode_watched_files",
]

_log = logging.getLogger(__name__)
# LSP's FileChangeType
_FILE_CHANGE_TYPES: Final = {"created": 1, "modified": 2, "deleted": 3}


class Outbound(MessageTypes):
    """A pygls protocol whose sending is safe and fast. `_request_futures` holds our own requests only."""

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.get_ident()
        self._detached = False
        self._writes: set[asyncio.Future[Any]] = set()
        super().__init__(server, converter)

    def set_writer(self, writer: Any, include_headers: bool = True) -> None:
        """Set the writer of messages, called as `writer.write(bytes)`; no headers if it has its own frames."""
        super().set_writer(writer, include_headers)
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._detached = False

    def detach(self) -> None:
        """Send nothing from now on; pending requests fail with `ConnectionLost`."""
        self._detached = True
        for msg_id in list(self._request_futures):
            self._resolve(msg_id, ConnectionLost("the client disconnected before it answered"))

    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification; `params` is a message class, or plain data."""
        self.send_raw(method, self._plain(params))

    def send_raw(self, method: str, params: Any | None = None) -> None:
        """Send a notification whose params are plain data: fast for large ones."""
        self.send_body(encode_notification(method, params))

    def send_body(self, body: bytes) -> None:
        """Send an encoded message; see `encode_notification` for one that goes to many clients."""
        self._write(body)

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: MessageId | None = None,
    ) -> Future[Any]:
        """Send a request.

        Args:
            method: the method.
            params: a message class or plain data.
            callback: called with the result.
            msg_id: the id; None creates one.

        Returns:
            A future of the typed result; it raises `JsonRpcException` or `ConnectionLost`.
        """
        msg_id = str(uuid.uuid4()) if msg_id is None else msg_id
        message = {"jsonrpc": self.VERSION, "id": msg_id, "method": method}
        if params is not None:
            message["params"] = self._plain(params)
        body = self._encode(message)
        future: Future[Any] = Future()
        if callback is not None:
            future.add_done_callback(lambda done: _call_back(callback, done))
        self._request_futures[msg_id] = future
        self._result_types[msg_id] = result_type(method)
        self._write(body)
        if self._detached:
            self._resolve(msg_id, ConnectionLost("the client has disconnected"))
        return future

    def _on_response(self, response: Response) -> None:
        if response.id is None or response.id not in self._request_futures:
            _log.warning("ignoring a response to no request: id %s %s", show(response.id), show(response.error))
            return
        cls = self._result_types.get(response.id)
        outcome: Any
        if response.error is not None:
            outcome = _remote_error(response.error)
        else:
            try:
                outcome = response.result if cls is None else self._converter.structure(response.result, cls)
            except Exception as exc:
                field, reason = explain(exc)
                outcome = JsonRpcException(f"invalid result: {field} {reason}")
        self._resolve(response.id, outcome)

    def _resolve(self, msg_id: MessageId, outcome: Any) -> None:
        future = self._request_futures.pop(msg_id, None)
        self._result_types.pop(msg_id, None)
        if future is None:
            return
        with suppress(InvalidStateError):  # the caller has stopped waiting
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _send_error(self, msg_id: MessageId | None, error: JsonRpcException) -> None:
        body: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.data is not None:
            body["data"] = self._plain(error.data)
        message = {"jsonrpc": self.VERSION, "id": msg_id, "error": body}
        try:
            encoded = self._encode(message)
        except Exception:
            _log.exception("the data of an error can't be sent: %s", error.message)
            body.pop("data", None)
            encoded = self._encode(message)
        self._write(encoded)

    def _send_data(self, data: Any) -> None:
        # pygls's own method, for the parts of it that still use it.
        self._write(self._encode(self._plain(data)))

    def _plain(self, value: Any) -> Any:
        return self._converter.unstructure(value)

    @staticmethod
    def _encode(message: Any) -> bytes:
        return dumps(message)

    def _write(self, body: bytes) -> None:
        if self._loop is not None and threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._write, body)
            return
        writer = self.writer
        if writer is None or self._detached:
            _log.debug("dropped %d bytes: no client", len(body))
            return
        try:
            pending = writer.write(frame(body) if self._include_headers else body)
        except (OSError, RuntimeError) as exc:
            _log.debug("the client has disconnected: %s", exc)
            self.detach()
            return
        if inspect.isawaitable(pending):
            self._follow(asyncio.ensure_future(pending))

    def _follow(self, write: asyncio.Future[Any]) -> None:
        self._writes.add(write)
        write.add_done_callback(self._on_written)

    def _on_written(self, write: asyncio.Future[Any]) -> None:
        self._writes.discard(write)
        if not write.cancelled() and (exc := write.exception()):
            _log.debug("the client has disconnected: %s", exc)
            self.detach()


def encode_notification(method: str, params: Any | None = None) -> bytes:
    """Encode a notification whose params are plain data."""
    message = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return dumps(message)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A result as JSON text: a large one can be encoded on another thread."""

    body: bytes


def encode_result(msg_id: MessageId, result: Any) -> bytes:
    """Encode a response; `result` is plain data or `Encoded`."""
    if isinstance(result, Encoded):
        return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (dumps(msg_id), result.body)
    return dumps({"jsonrpc": "2.0", "id": msg_id, "result": result})


def encode_change_batch(batch: ChangeBatch) -> dict[str, Any]:
    """Return the params of `reload/didChange`, as the converter would, but faster: batches may be large."""
    params: dict[str, Any] = {
        "clock": batch.clock,
        "since": batch.since,
        "at": batch.at,
        "cause": batch.cause,
        "changes": encode_changes(batch.changes),
    }
    if batch.partial:
        params["partial"] = True
    return params


def encode_changes(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    """Return changes as plain data."""
    return [
        {"uri": change.uri, "type": change.type}
        if change.renamed_from is None
        else {"uri": change.uri, "type": change.type, "renamedFrom": change.renamed_from}
        for change in changes
    ]


def encode_watched_files(batch: ChangeBatch) -> dict[str, Any]:
    """Return the params of `workspace/didChangeWatchedFiles` for the same files in the same order."""
    types = _FILE_CHANGE_TYPES
    return {"changes": [{"uri": change.uri, "type": types[change.type]} for change in batch.changes]}


def _remote_error(error: Any) -> JsonRpcException:
    if not isinstance(error, dict):
        return JsonRpcException(f"the client answered with an error: {show(error)}")
    code = error.get("code")
    return JsonRpcException(
        str(error.get("message") or "the client answered with an error"),
        code=code if type(code) is int else None,
        data=error.get("data"),
    )


def _call_back(callback: Callable[[Any], None], done: Future[Any]) -> None:
    if done.cancelled() or done.exception() is not None:
        _log.debug("no result: not calling the callback")
        return
    try:
        callback(done.result())
    except Exception:
        _log.exception("the callback of a response failed")
