"""The receiving half of an endpoint: every request gets exactly one reply.

It does no I/O: a transport feeds it bytes and is notified of the end by `on_exit`.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from reloadls.wire.framing import Frame, Framer, FramingError
from reloadls.wire.jsonio import loads
from reloadls.wire.text import show

from .calls import Call, Calls, run_handler
from .convert import structure_initialize, structure_params
from .envelope import Malformed, MessageId, Notification, Request, Response, classify
from .errors import (
    InternalFault,
    InvalidParams,
    InvalidRequest,
    RequestCancelled,
    UnknownMethod,
    UnreadableMessage,
)
from .lifecycle import Lifecycle
from .message_types import params_type
from .outbound import Encoded, Outbound, encode_result

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

__all__ = ["Inbound"]

_log = logging.getLogger(__name__)
_SHUTDOWN_S: Final = 5.0
"""Seconds that `exit` waits for the answer to `shutdown`."""


class Inbound(Outbound):
    """A pygls protocol whose reading and dispatch leave no request unanswered."""

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        self._calls = Calls()
        self._lifecycle = Lifecycle()
        self._framer = Framer()
        self._garbled = False
        self._notification_tasks: set[asyncio.Future[Any]] = set()
        self.exit_code: int | None = None
        self.on_exit: Callable[[int], None] | None = None
        self.received = 0
        """The number of received messages, including unreadable ones."""
        self.on_received: Callable[[int], None] = lambda _: None
        """Called with `received` before each message is processed; the message is ignored if it calls `stop`."""
        self.admit: Callable[[Any], Any] = lambda params: params
        """Called with the params of `initialize` as received, before any other processing. Returns the params to use,
        or raises `JsonRpcException` to refuse the client. Set by the transport."""
        super().__init__(server, converter)

    # What a transport calls

    def feed(self, data: bytes) -> None:
        """Process the next bytes of a framed stream."""
        for event in self._framer.feed(data):
            if self.exit_code is not None:
                return
            if isinstance(event, Frame):
                self.receive_body(event.body)
            elif self._count_message():
                self._on_framing_error(event)

    def receive_body(self, body: bytes) -> None:
        """Process one message, a UTF-8 JSON text, from a transport with its own frames."""
        if not self._count_message():
            return
        try:
            message = loads(body)
        except ValueError as exc:
            self._garbled = True
            self._send_error(None, UnreadableMessage(str(exc)))
            return
        self._garbled = False
        self.receive(message)

    def _count_message(self) -> bool:
        """Count one message, readable or not, and return whether to process it."""
        self.received += 1
        self.on_received(self.received)
        return self.exit_code is None

    def receive(self, message: object) -> None:
        """Process one message, as plain JSON data."""
        match classify(message, self._request_futures):
            case Request() as request:
                self._on_request(request)
            case Notification() as notification:
                self._on_notification(notification)
            case Response() as response:
                self._on_response(response)
            case Malformed(msg_id, error):
                self._send_error(msg_id, error)

    def end_of_input(self) -> None:
        """Handle the end of input."""
        self.stop()

    def stop(self, code: int | None = None) -> None:
        """End the connection; also for signals and the exit of the parent process. Only the first call counts.

        Args:
            code: the exit code; None: 0 after `shutdown`, else 1, as in LSP.
        """
        if self.exit_code is not None:
            return
        self.exit_code = self._lifecycle.exit_code if code is None else code
        if self.on_exit is not None:
            self.on_exit(self.exit_code)

    async def settle(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for the requests in flight, then answer the rest as cancelled."""
        if pending := self._calls.pending:
            await asyncio.wait(pending, timeout=timeout)
            await asyncio.sleep(0)  # callbacks of the finished futures send the replies
        self._cancel_all("the connection is ending")

    def close(self) -> None:
        """Answer the requests in flight as cancelled, then send nothing more; see `detach`."""
        self._cancel_all("the connection is closed")
        self.detach()
        for task in list(self._notification_tasks):
            task.cancel()

    # Dispatch

    def _on_framing_error(self, event: FramingError) -> None:
        if event.kind == "garbage" and self._garbled:
            return  # the rest of a message that was answered as unreadable
        self._send_error(None, UnreadableMessage(event.reason))

    def _on_request(self, request: Request) -> None:
        try:
            handler, params = self._prepare(request)
        except JsonRpcException as error:
            self._send_error(request.id, error)
            return
        except Exception as exc:
            _log.exception("request %r could not be processed", request.method)
            self._send_error(request.id, InternalFault(request.method, exc))
            return
        call = self._calls.open(request.id, request.method)
        self._lifecycle.began(request.method)
        contextvars.copy_context().run(self._run_request, call, handler, params)

    def _prepare(self, request: Request) -> tuple[Callable[..., Any], Any]:
        if request.id in self._calls:
            raise InvalidRequest(f"a request with the id {show(request.id)} is still in flight")
        if refusal := self._lifecycle.refuse(request.method):
            raise refusal
        return self._get_handler(request.method), self._typed_params(request.method, request.params)

    def _get_handler(self, feature_name: str) -> Callable[..., Any]:
        handler = self.fm.builtin_features.get(feature_name) or self.fm.features.get(feature_name)
        if handler is None:
            raise UnknownMethod(feature_name)
        return handler  # type: ignore[no-any-return]  # pygls keeps its features in plain dicts

    def _typed_params(self, method: str, params: Any) -> Any:
        if method == types.INITIALIZE:
            return structure_initialize(self._converter, self.admit(params))
        cls = params_type(method)
        return params if cls is None else structure_params(self._converter, params, cls)

    def _run_request(self, call: Call, handler: Callable[..., Any], params: Any) -> None:
        self._ctx_msg_id.set(call.id)
        try:
            outcome = run_handler(handler, (params,), {}, lambda: self._server.thread_pool)
        except (Exception, asyncio.CancelledError) as exc:
            self._fail(call, exc)
            return
        if isinstance(outcome, asyncio.Future):
            call.work = outcome
            outcome.add_done_callback(partial(self._on_done, call))
        else:
            self._answer(call, outcome)

    def _on_done(self, call: Call, work: asyncio.Future[Any]) -> None:
        if work.cancelled():
            self._fail(call, asyncio.CancelledError())
        elif exc := work.exception():
            self._fail(call, exc)
        else:
            self._answer(call, work.result())

    def _answer(self, call: Call, result: Any) -> None:
        if not self._calls.close(call):
            return
        try:
            body = encode_result(call.id, result if isinstance(result, Encoded) else self._plain(result))
        except Exception as exc:
            _log.exception("the result of %r can't be sent", call.method)
            self._lifecycle.ended(call.method, succeeded=False)
            self._send_error(call.id, InternalFault(call.method, exc))
            return
        self._lifecycle.ended(call.method, succeeded=True)
        self._write(body)

    def _fail(self, call: Call, exc: BaseException) -> None:
        if not self._calls.close(call):
            return
        self._lifecycle.ended(call.method, succeeded=False)
        if isinstance(exc, asyncio.CancelledError):
            exc = RequestCancelled()
        if not isinstance(exc, JsonRpcException):
            _log.error("request %r failed", call.method, exc_info=exc)
            exc = InternalFault(call.method, exc)
        self._send_error(call.id, exc)

    def _cancel(self, call: Call, reason: str) -> None:
        work = call.work
        self._fail(call, RequestCancelled(reason))
        if work is not None:
            work.cancel()

    def _cancel_all(self, reason: str, *, but: MessageId | None = None) -> None:
        for call in self._calls:
            if call.id != but:
                self._cancel(call, reason)

    def _on_notification(self, notification: Notification) -> None:
        method = notification.method
        if not self._lifecycle.accepts_notification(method):
            _log.debug("ignoring notification %r in this state", method)
        elif method == types.CANCEL_REQUEST:
            self._on_cancel(notification.params)
        elif method == types.EXIT and (work := self._shutting_down()) is not None:
            # The answer to `shutdown` comes first, within a time limit.
            work.add_done_callback(lambda _: self._run_notification(notification))
            work.get_loop().call_later(_SHUTDOWN_S, self.stop)
        else:
            self._run_notification(notification)

    def _shutting_down(self) -> asyncio.Future[Any] | None:
        return next((call.work for call in self._calls if call.method == types.SHUTDOWN), None)

    def _on_cancel(self, params: Any) -> None:
        msg_id = params.get("id") if isinstance(params, dict) else None
        call = self._calls.get(msg_id) if isinstance(msg_id, int | str) else None
        # These two change the connection's state and can't be undone half-way.
        if call is None or call.method in (types.INITIALIZE, types.SHUTDOWN):
            _log.debug("ignoring a cancellation of %s: not in flight", show(params))
        else:
            self._cancel(call, "the client cancelled the request")

    def _run_notification(self, notification: Notification) -> None:
        method = notification.method
        try:
            handler = self._get_handler(method)
            params = self._typed_params(method, notification.params)
            context = contextvars.copy_context()
            outcome = context.run(run_handler, handler, (params,), {}, lambda: self._server.thread_pool)
        except UnknownMethod:
            _log.log(
                logging.DEBUG if method.startswith("$/") else logging.INFO,
                "ignoring notification %r: no handler",
                method,
            )
        except InvalidParams as exc:
            _log.warning("ignoring notification %r: %s", method, exc)
        except JsonRpcException as exc:
            _log.warning("ignoring notification %r: %s", method, exc.message)
        except (Exception, asyncio.CancelledError):
            _log.exception("notification %r failed", method)
        else:
            if isinstance(outcome, asyncio.Future):
                self._notification_tasks.add(outcome)
                outcome.add_done_callback(partial(self._on_notification_done, method))

    def _on_notification_done(self, method: str, work: asyncio.Future[Any]) -> None:
        self._notification_tasks.discard(work)
        if work.cancelled() or (exc := work.exception()) is None:
            return
        if isinstance(exc, JsonRpcException):
            _log.warning("ignoring notification %r: %s", method, exc.message)
        else:
            _log.error("notification %r failed", method, exc_info=exc)

    # What pygls's own transports and clients call

    def structure_message(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the object unchanged: params are converted once the method is known."""
        return data

    def handle_message(self, message: Any) -> None:
        """Process one message."""
        self.receive(message)
