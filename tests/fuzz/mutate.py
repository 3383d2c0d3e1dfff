"""Messages that are nearly right, and bytes that are not."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["Mutator"]

_ODD: list[Any] = [
    None, True, 0, -1, 2**31, 2**63, 2**70, 1.5, 1e308, "", "x", "\0", "\ud800", "\u202e\x1b]0;x\x07", "x" * 5000, [],
    {}, [[]], [None], {"": None}, "file:///", "file:///etc/passwd", "file://host/x", "untitled:x", "file:///%00", "%",
    "..", "*" * 100, "[", "{a,b}" * 20, "!", "reload/status", "initialize", "$/cancelRequest", "__proto__", "1" * 400,
]  # fmt: skip
_BYTES = (
    b"\r\n", b"\r\n\r\n", b"\n\n", b"Content-Length: 0\r\n\r\n", b"Content-Length: -1\r\n\r\n",
    b"Content-Length: 99999999999\r\n\r\n", b"content-length:1\n", b"Content-Type: x; charset=utf-16\r\n",
    b"X-Content-Length: 5\r\n", b"\0", b"\xff\xfe",
    b"[" * 2000, b'{"a":' * 500, b"NaN", b"1e999", b'"\\ud800"',
)  # fmt: skip


class Mutator:
    """Makes odd messages of good ones.

    Args:
        chance: decides.
        messages: good ones.
    """

    def __init__(self, chance: random.Random, messages: list[dict[str, Any]]) -> None:
        self._chance = chance
        self._messages = messages

    def message(self) -> Any:
        """A good message, or one in which up to four things are odd."""
        message = copy.deepcopy(self._chance.choice(self._messages))
        if "id" in message:
            message["id"] = self._chance.randrange(1000)
        for _ in range(self._chance.choice((0, 1, 1, 2, 4))):
            message = self._harmed(message)
        return message

    def body(self) -> bytes:
        """A message as JSON; now and then not quite."""
        body = json.dumps(self.message()).encode("utf-8", "surrogatepass")
        return self._bytes(body) if self._chance.random() < 0.2 else body

    def stream(self) -> bytes:
        """Framed messages, or what looks like them."""
        bodies = [self.body() for _ in range(self._chance.randrange(1, 6))]
        data = b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies)
        return self._bytes(data) if self._chance.random() < 0.4 else data

    def _harmed(self, value: Any) -> Any:
        if isinstance(value, dict) and value and self._chance.random() < 0.85:
            key = self._chance.choice(list(value))
            acts: list[Callable[[], Any]] = [
                lambda: value | {key: self._harmed(value[key])},
                lambda: value | {key: self._harmed(value[key])},
                lambda: {name: each for name, each in value.items() if name != key},
                lambda: value | {str(self._chance.choice(_ODD)): value[key]},
            ]
            return self._chance.choice(acts)()
        if isinstance(value, list) and value and self._chance.random() < 0.7:
            at = self._chance.randrange(len(value))
            return [*value[:at], self._harmed(value[at]), *value[at + self._chance.randrange(2) :]]
        return self._chance.choice(_ODD)

    def _bytes(self, data: bytes) -> bytes:
        for _ in range(self._chance.randrange(1, 5)):
            at = self._chance.randrange(len(data) + 1)
            end = at + self._chance.randrange(20)
            put = self._chance.choice([b"", self._chance.randbytes(self._chance.randrange(10)), *_BYTES])
            data = data[:at] + put + data[end:]
        return data
