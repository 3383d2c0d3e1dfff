"""Pass messages between an editor and a server, and handle those about file watching."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from reloadls.proxy import rewrite
from reloadls.proxy.messages import Message, MessageStream, Noise, Part, framed, message_of
from reloadls.proxy.pipes import Outlet
from reloadls.proxy.settings import RegistrationChange, Settings
from reloadls.proxy.watching.worker import RegistrationWorker

if TYPE_CHECKING:
    from reloadls.proxy.sidecar import ReloadSidecar

__all__ = ["ProxySession"]

_NOISE_LINES: Final = 20
"""The most log lines about bytes outside of any message."""
_log = logging.getLogger("reloadls.proxy")


class ProxySession:
    """One editor and one server: `from_editor` and `from_server` receive bytes and pass them on.

    Args:
        settings: the settings of the proxy.
        to_server: the connection to the server.
        to_editor: the connection to the editor.
        sidecar: the reloadls service on the same connection, if there is one.
    """

    def __init__(
        self, settings: Settings, to_server: Outlet, to_editor: Outlet, sidecar: ReloadSidecar | None = None
    ) -> None:
        self._settings = settings
        self._sidecar = sidecar
        self._worker = RegistrationWorker(settings, to_server, to_editor)
        self._directions = {
            "the editor": _Direction(to_server, self._editor_message),
            "the server": _Direction(to_editor, self._server_message),
        }
        self._state: Literal["new", "supplying", "watched"] = "new"
        self._initialized = False
        self._push_only_id: Any = None
        """The id of an `initialize` from which the capability to pull diagnostics was removed."""
        self._ours: Counter[str] = Counter()
        self._split_requests: dict[Any, tuple[rewrite.Registered, ...]] = {}
        self._noise_count = 0

    # -- the two directions --------------------------------------------------------------------------------

    def from_editor(self, data: bytes) -> None:
        """Pass on bytes from the editor."""
        self._pass_on("the editor", data)

    def from_server(self, data: bytes) -> None:
        """Pass on bytes from the server."""
        self._pass_on("the server", data)

    def on_editor_closed(self) -> None:
        """Pass on the rest of an unfinished message, then close the server's input."""
        self._end("the editor")

    def on_server_closed(self) -> None:
        """Pass on the rest of an unfinished message, then close the editor's input."""
        self._end("the server")

    async def stop(self) -> None:
        """Stop watching."""
        await self._worker.stop()

    def _pass_on(self, who: str, data: bytes) -> None:
        direction = self._directions[who]
        out: list[bytes] = []
        mid_message = False
        for piece in direction.stream.feed(data):
            mid_message = isinstance(piece, Part) and not piece.last
            if isinstance(piece, Message):
                out.append(_handle(direction, piece))
            else:
                if isinstance(piece, Noise):
                    self._log_noise(who, piece)
                out.append(piece.raw)
        if self._state == "watched" and not direction.plain and self._sidecar is None:
            direction.plain = True
            out.append(direction.stream.give_up())
        if any(out):
            direction.outlet.write(b"".join(out) if len(out) > 1 else out[0], mid_message=mid_message)

    def _end(self, who: str) -> None:
        direction = self._directions[who]
        if rest := direction.stream.end():
            _log.warning("%s disconnected in the middle of a message", who)
            direction.outlet.write(rest)
        direction.outlet.close()

    def _log_noise(self, who: str, noise: Noise) -> None:
        self._noise_count += 1
        if self._noise_count <= _NOISE_LINES and noise.raw.strip():
            more = "; further ones are not logged" if self._noise_count == _NOISE_LINES else ""
            _log.warning("%s sent bytes outside of any message, passing them on: %.80r%s", who, noise.raw, more)

    # -- messages of the editor ----------------------------------------------------------------------------

    def _editor_message(self, message: Message) -> bytes:
        raw = message.raw
        if self._sidecar is not None and self._sidecar.is_for_service(message):
            return b""
        if self._state == "new":
            return self._on_initialize(message) if b'"initialize"' in raw else raw
        if self._state != "supplying":
            return raw
        if b'"initialize' in raw and (handled := self._on_handshake(message)) is not None:
            return handled
        if b"didChangeWatchedFiles" in raw:
            return self._on_changes(message)
        if b"didChangeWorkspaceFolders" in raw:
            self._on_folders(message)
        elif b"didOpen" in raw:
            self._on_opened(message)
        elif self._split_requests and b'"method"' not in raw:
            self._on_response(message)
        elif b'"shutdown"' in raw and _method(message) == "shutdown":
            self._worker.mute()
        return raw

    def _on_initialize(self, message: Message) -> bytes:
        request = rewrite.parse(message.body)
        if request is None or request.get("method") != "initialize":
            return message.raw
        if self._sidecar is not None:
            self._sidecar.on_initialize(request)
        if rewrite.watches_already(request) and not (self._settings.always or self._settings.globs):
            _log.info("the client watches files itself: passing everything on unchanged (--always changes that)")
            self._state = "watched"
            return message.raw
        self._state = "supplying"
        self._worker.start(rewrite.folders_of(request))
        self._push_only_id = None
        if rewrite.stale_pulls(request) and not self._settings.keep_pull:
            self._push_only_id = request.get("id")
            request = rewrite.without_pulling(request)
        return framed(rewrite.encode(rewrite.offer_watching(request)))

    def _on_handshake(self, message: Message) -> bytes | None:
        """Return the bytes for the server if this is a repeated `initialize`, as after an error; else None."""
        method = _method(message)
        if method == "initialized" and not self._initialized:
            self._initialized = True
            self._worker.on_initialized()
        return self._on_initialize(message) if method == "initialize" else None

    def _on_opened(self, message: Message) -> None:
        """Note the editor's spelling of the file's URI."""
        notification = rewrite.parse(message.body)
        if notification is not None and notification.get("method") == "textDocument/didOpen":
            uri = rewrite.document_of(notification)
            if uri is not None:
                self._worker.note_spelling(uri)

    def _on_changes(self, message: Message) -> bytes:
        notification = rewrite.parse(message.body)
        if notification is None or notification.get("method") != rewrite.WATCHED_FILES:
            return message.raw
        params = notification.get("params")
        changes = params.get("changes") if isinstance(params, dict) else None
        if not isinstance(params, dict) or not isinstance(changes, list):
            return message.raw
        for uri in rewrite.uris_of(changes):
            self._worker.note_spelling(uri)
        new = self._worker.only_new(changes)
        if len(new) == len(changes):
            return message.raw
        _log.info("dropped %d changes of the editor: already sent", len(changes) - len(new))
        return framed(rewrite.encode(notification | {"params": params | {"changes": new}})) if new else b""

    def _on_folders(self, message: Message) -> None:
        notification = rewrite.parse(message.body)
        if notification is None or notification.get("method") != "workspace/didChangeWorkspaceFolders":
            return
        params = notification.get("params")
        event = params.get("event") if isinstance(params, dict) else None
        if not isinstance(event, dict):
            return
        added, removed = (tuple(rewrite.uris_of(event.get(name))) for name in ("added", "removed"))
        self._worker.submit(RegistrationChange(added=added, removed=removed))

    def _on_response(self, message: Message) -> None:
        """Drop the proxy's part of a registration if the client refuses its own part."""
        answer = rewrite.parse(message.body)
        if answer is None or "method" in answer or not rewrite.is_id(answer.get("id")):
            return
        refused = self._split_requests.pop(answer["id"], ())
        if refused and "error" in answer:
            self._worker.submit(RegistrationChange(refused=refused))
            self._ours -= Counter(registered.id for registered in refused)

    # -- messages of the server ----------------------------------------------------------------------------

    def _server_message(self, message: Message) -> bytes:
        if self._state == "supplying" and b"egisterCapability" in message.raw:
            handled = self._on_registration(message)
            if handled is not None:
                return handled
        if self._push_only_id is not None and b'"result"' in message.raw:
            message = self._on_initialize_response(message)
        return message.raw if self._sidecar is None else self._sidecar.rewrite_answer(message)

    def _on_initialize_response(self, message: Message) -> Message:
        """Return the message for the editor in place of a response to `initialize`."""
        answer = rewrite.parse(message.body)
        if answer is None or "method" in answer or answer.get("id") != self._push_only_id:
            return message
        self._push_only_id = None
        changed = rewrite.only_pushed(answer)
        return message if changed is None else message_of(rewrite.encode(changed))

    def _on_registration(self, message: Message) -> bytes | None:
        """Return the bytes for the editor if this is a request about watching; else None."""
        request = rewrite.parse(message.body)
        if request is None or not rewrite.is_id(request.get("id")):
            return None
        if request.get("method") == rewrite.REGISTER:
            split = rewrite.split_registration(request)
        elif request.get("method") == rewrite.UNREGISTER:
            split = rewrite.split_unregistration(request, self._ours)
        else:
            return None
        if not split.ours and not split.gone:
            return None
        for id in split.gone:
            del self._ours[id]
        self._ours.update(registered.id for registered in split.ours)
        if split.others is not None and split.ours:
            self._split_requests[request["id"]] = split.ours
        answers = split.others is None
        self._worker.submit(RegistrationChange(add=split.ours, remove=split.gone, answers=answers, id=request["id"]))
        return b"" if split.others is None else framed(rewrite.encode(split.others))


class _Direction:
    """One direction: its input, its output, and the handler of its messages."""

    def __init__(self, outlet: Outlet, handle: Callable[[Message], bytes]) -> None:
        self.stream = MessageStream()
        self.outlet = outlet
        self.handle = handle
        self.plain = False


def _handle(direction: _Direction, message: Message) -> bytes:
    """Handle a message; if the handler fails, pass the message on unchanged."""
    try:
        return direction.handle(message)
    except Exception:
        _log.exception("internal error: passing a message on unchanged: %.200r", message.raw)
        return message.raw


def _method(message: Message) -> object:
    request = rewrite.parse(message.body)
    return None if request is None else request.get("method")
