"""What stands between an editor and a server: every message goes on as it came, but for what the proxy is for."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from reloadls.proxy import rewrite as amend
from reloadls.proxy.messages import Message, MessageStream, Noise, Part, framed, message_of
from reloadls.proxy.orders import Order, Settings
from reloadls.proxy.pipes import Outlet
from reloadls.proxy.watching.supply import Supply

if TYPE_CHECKING:
    from reloadls.proxy.sidecar import Beside

__all__ = ["Session"]

_NOISE_LINES: Final = 20
"""How many lines the log gets about bytes that belong to no message."""
_log = logging.getLogger("reloadls.proxy")


class Session:
    """One editor and one server.

    Its two ways are `from_editor` and `from_server`: each is given what arrives, and passes it on.

    Args:
        settings: how watching is supplied.
        to_server, to_editor: where messages of our own go.
        beside: our own service, if the editor is to have that on the same connection.
    """

    def __init__(self, settings: Settings, to_server: Outlet, to_editor: Outlet, beside: Beside | None = None) -> None:
        self._settings = settings
        self._beside = beside
        self._supply = Supply(settings, to_server, to_editor)
        self._ways = {
            "the editor": _Way(to_server, self._editor_message),
            "the server": _Way(to_editor, self._server_message),
        }
        self._state: Literal["new", "supplying", "watched"] = "new"
        self._initialized = False
        self._pushed: Any = None
        """The id of an `initialize` in which the offer to pull diagnostics was left out."""
        self._ours: Counter[str] = Counter()
        self._parted: dict[Any, tuple[amend.Registered, ...]] = {}
        self._noises = 0

    # -- the two ways --------------------------------------------------------------------------------------

    def from_editor(self, data: bytes) -> None:
        """Pass on what came from the editor."""
        self._pass_on("the editor", data)

    def from_server(self, data: bytes) -> None:
        """Pass on what came from the server."""
        self._pass_on("the server", data)

    def editor_left(self) -> None:
        """Pass on what is left of an unfinished message, and then the end."""
        self._end("the editor")

    def server_left(self) -> None:
        """The same the other way."""
        self._end("the server")

    async def stop(self) -> None:
        """Watch no more."""
        await self._supply.stop()

    def _pass_on(self, who: str, data: bytes) -> None:
        way = self._ways[who]
        out: list[bytes] = []
        mid_message = False
        for piece in way.stream.feed(data):
            mid_message = isinstance(piece, Part) and not piece.last
            if isinstance(piece, Message):
                out.append(_met(way, piece))
            else:
                if isinstance(piece, Noise):
                    self._log_noise(who, piece)
                out.append(piece.raw)
        if self._state == "watched" and not way.plain and self._beside is None:
            way.plain = True
            out.append(way.stream.give_up())
        if any(out):
            way.outlet.write(b"".join(out) if len(out) > 1 else out[0], mid_message=mid_message)

    def _end(self, who: str) -> None:
        way = self._ways[who]
        if rest := way.stream.end():
            _log.warning("%s left in the middle of a message", who)
            way.outlet.write(rest)
        way.outlet.close()

    def _log_noise(self, who: str, noise: Noise) -> None:
        self._noises += 1
        if self._noises <= _NOISE_LINES and noise.raw.strip():
            more = "; no more such lines follow" if self._noises == _NOISE_LINES else ""
            _log.warning("%s sent what is no message, passed on as it is: %.80r%s", who, noise.raw, more)

    # -- what the editor says ------------------------------------------------------------------------------

    def _editor_message(self, message: Message) -> bytes:
        raw = message.raw
        if self._beside is not None and self._beside.takes(message):
            return b""
        if self._state == "new":
            return self._meet_initialize(message) if b'"initialize"' in raw else raw
        if self._state != "supplying":
            return raw
        if b'"initialize' in raw and (met := self._meet_handshake(message)) is not None:
            return met
        if b"didChangeWatchedFiles" in raw:
            return self._meet_changes(message)
        if b"didChangeWorkspaceFolders" in raw:
            self._meet_folders(message)
        elif b"didOpen" in raw:
            self._meet_opened(message)
        elif self._parted and b'"method"' not in raw:
            self._meet_answer(message)
        elif b'"shutdown"' in raw and _method(message) == "shutdown":
            self._supply.hush()
        return raw

    def _meet_initialize(self, message: Message) -> bytes:
        request = amend.parse(message.body)
        if request is None or request.get("method") != "initialize":
            return message.raw
        if self._beside is not None:
            self._beside.meet_initialize(request)
        if amend.watches_already(request) and not (self._settings.always or self._settings.globs):
            _log.info("the client watches files by itself: everything is passed on as it is (--always changes that)")
            self._state = "watched"
            return message.raw
        self._state = "supplying"
        self._supply.begin(amend.folders_of(request))
        self._pushed = None
        if amend.stale_pulls(request) and not self._settings.keep_pull:
            self._pushed = request.get("id")
            request = amend.without_pulling(request)
        return framed(amend.encode(amend.offer_watching(request)))

    def _meet_handshake(self, message: Message) -> bytes | None:
        """What the server is to get of a repeated `initialize`, as after a refusal; None if it is none."""
        method = _method(message)
        if method == "initialized" and not self._initialized:
            self._initialized = True
            self._supply.initialized()
        return self._meet_initialize(message) if method == "initialize" else None

    def _meet_opened(self, message: Message) -> None:
        """Note how the editor spells the file's URI."""
        notification = amend.parse(message.body)
        if notification is not None and notification.get("method") == "textDocument/didOpen":
            uri = amend.document_of(notification)
            if uri is not None:
                self._supply.spell(uri)

    def _meet_changes(self, message: Message) -> bytes:
        notification = amend.parse(message.body)
        if notification is None or notification.get("method") != amend.WATCHED_FILES:
            return message.raw
        params = notification.get("params")
        changes = params.get("changes") if isinstance(params, dict) else None
        if not isinstance(params, dict) or not isinstance(changes, list):
            return message.raw
        for uri in amend.uris_of(changes):
            self._supply.spell(uri)
        news = self._supply.take(changes)
        if len(news) == len(changes):
            return message.raw
        _log.info("%d changes that the editor tells were told already", len(changes) - len(news))
        return framed(amend.encode(notification | {"params": params | {"changes": news}})) if news else b""

    def _meet_folders(self, message: Message) -> None:
        notification = amend.parse(message.body)
        if notification is None or notification.get("method") != "workspace/didChangeWorkspaceFolders":
            return
        params = notification.get("params")
        event = params.get("event") if isinstance(params, dict) else None
        if not isinstance(event, dict):
            return
        added, removed = (tuple(amend.uris_of(event.get(name))) for name in ("added", "removed"))
        self._supply.order(Order(added=added, removed=removed))

    def _meet_answer(self, message: Message) -> None:
        """If the client refuses what was left of a request of which we took a part, the server has none of it."""
        answer = amend.parse(message.body)
        if answer is None or "method" in answer or not amend.is_id(answer.get("id")):
            return
        refused = self._parted.pop(answer["id"], ())
        if refused and "error" in answer:
            self._supply.order(Order(refused=refused))
            self._ours -= Counter(registered.id for registered in refused)

    # -- what the server says ------------------------------------------------------------------------------

    def _server_message(self, message: Message) -> bytes:
        if self._state == "supplying" and b"egisterCapability" in message.raw:
            met = self._meet_registration(message)
            if met is not None:
                return met
        if self._pushed is not None and b'"result"' in message.raw:
            message = self._meet_initialize_answer(message)
        return message.raw if self._beside is None else self._beside.amend_answer(message)

    def _meet_initialize_answer(self, message: Message) -> Message:
        """What the editor is to get of an answer to `initialize`."""
        answer = amend.parse(message.body)
        if answer is None or "method" in answer or answer.get("id") != self._pushed:
            return message
        self._pushed = None
        changed = amend.only_pushed(answer)
        return message if changed is None else message_of(amend.encode(changed))

    def _meet_registration(self, message: Message) -> bytes | None:
        """What the editor is to get of a request about watching; None if it is none."""
        request = amend.parse(message.body)
        if request is None or not amend.is_id(request.get("id")):
            return None
        if request.get("method") == amend.REGISTER:
            split = amend.split_registration(request)
        elif request.get("method") == amend.UNREGISTER:
            split = amend.split_unregistration(request, self._ours)
        else:
            return None
        if not split.ours and not split.gone:
            return None
        for id in split.gone:
            del self._ours[id]
        self._ours.update(registered.id for registered in split.ours)
        if split.others is not None and split.ours:
            self._parted[request["id"]] = split.ours
        answers = split.others is None
        self._supply.order(Order(add=split.ours, remove=split.gone, answers=answers, id=request["id"]))
        return b"" if split.others is None else framed(amend.encode(split.others))


class _Way:
    """One direction: what has come of it, where it goes, and who looks at its messages."""

    def __init__(self, outlet: Outlet, meet: Callable[[Message], bytes]) -> None:
        self.stream = MessageStream()
        self.outlet = outlet
        self.meet = meet
        self.plain = False


def _met(way: _Way, message: Message) -> bytes:
    """What goes on for `message`: itself, if there is anything about it that we can't do."""
    try:
        return way.meet(message)
    except Exception:
        _log.exception("a message is passed on as it is: %.200r", message.raw)
        return message.raw


def _method(message: Message) -> object:
    request = amend.parse(message.body)
    return None if request is None else request.get("method")
