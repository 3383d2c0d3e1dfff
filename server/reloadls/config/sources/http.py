"""A document from a web server."""

from __future__ import annotations

import asyncio
import base64
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.message import Message
from typing import Any, Final, TypeVar

from reloadls.config.errors import MissingExtra, SourceFailed
from reloadls.config.formats.text import Format, parse_text
from reloadls.config.source import OwnSource, Part
from reloadls.config.sources.files import decode, shown_name
from reloadls.config.sources.tables import table_of

__all__ = ["HttpSource"]

_MOST_BYTES: Final = 16 * 1024 * 1024
_UNCHANGED: Final = 304

T = TypeVar("T")


class HttpSource(OwnSource):
    """A document that is fetched again and again, with the server's ``ETag`` and ``Last-Modified`` where it has them.

    Args:
        url: an ``http`` or ``https`` URL. A password and a query in it are never shown.
        every_s: seconds from one fetch to the next.
        format: ``json``, ``toml``, ``yaml`` or ``env``; None: by the content type or the
            URL's ending, else JSON.
        table: the dotted name of the table that holds the configuration; "" for the whole document.
        headers: sent with each request; never shown.
        timeout_s: how long the server may take, in seconds.
        required: whether the configuration can't start without it.
    """

    def __init__(
        self,
        url: str,
        *,
        every_s: float = 30.0,
        format: Format | None = None,
        table: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        required: bool = True,
    ) -> None:
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"url {shown_name(url)!r}: must begin with http:// or https://")
        for name, value in (("every_s", every_s), ("timeout_s", timeout_s)):
            if not value > 0:
                raise ValueError(f"{name} {value!r}: must be above 0 seconds")
        self.name = shown_name(url)
        self.required, self.every_s = required, every_s
        self._url, basic = _without_user(url)
        self._format, self._table = format, table
        self._headers, self._timeout_s = basic | dict(headers or {}), timeout_s

    def __repr__(self) -> str:
        return f"HttpSource({self.name!r}, every_s={self.every_s:g})"

    async def fetch(self, known: Part | None) -> Part | None:
        """See `Source.fetch`."""
        return await _on_thread(lambda: self._fetch(known))

    async def close(self) -> None:
        """See `Source.close`."""

    def _fetch(self, known: Part | None) -> Part | None:
        request = urllib.request.Request(self._url, headers=self._headers)  # noqa: S310 - checked above
        for header, value in (known.cursor or {}).items() if known is not None else ():
            request.add_header(header, value)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310
                data, headers = answer.read(_MOST_BYTES + 1), answer.headers
        except urllib.error.HTTPError as error:
            code = error.code
            error.close()
            if code == _UNCHANGED:
                return None
            message = f"answered with status {code}"
        except urllib.error.URLError as error:
            message = f"can't be reached: {_reason(error)}"
        except (OSError, ValueError) as error:
            message = f"can't be reached: {type(error).__name__}"
        else:
            return self._parsed(data, headers)
        raise SourceFailed(message)

    def _parsed(self, data: bytes, headers: Message) -> Part:
        if len(data) > _MOST_BYTES:
            raise SourceFailed(f"answered with more than {_MOST_BYTES >> 20} MiB")
        part = table_of(parse_text(decode(data), self._format or self._guess(headers)), self._table)
        cursor = {
            asked: headers[given]
            for asked, given in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
            if headers[given]
        }
        return replace(part, cursor=cursor)

    def _guess(self, headers: Message) -> Format:
        kind = headers.get_content_type().lower()
        ending = self._url.partition("#")[0].partition("?")[0].rpartition(".")[2].lower()
        for name, format in (("json", "json"), ("toml", "toml"), ("yaml", "yaml"), ("yml", "yaml"), ("env", "env")):
            if kind.endswith(name) or ending == name:
                return format  # type: ignore[return-value]
        return "json"


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without user and password, and the header that stands for them."""
    parts = urllib.parse.urlsplit(url)
    user, mark, host = parts.netloc.rpartition("@")
    if not mark:
        return url, {}
    text = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {text}"}


def _reason(error: urllib.error.URLError) -> str:
    reason = error.reason
    return (reason.strerror if isinstance(reason, OSError) else None) or type(reason).__name__


async def _on_thread(call: Callable[[], T]) -> T:
    """Run a call on a thread of its own that never keeps the process, or a cancelled caller, waiting."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except (SourceFailed, MissingExtra) as failed:
            error = failed
        except Exception as failed:
            error = SourceFailed(f"{type(failed).__name__} was raised")
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is closed
            return

    threading.Thread(target=work, name="reloadls-config-http", daemon=True).start()
    return await done
