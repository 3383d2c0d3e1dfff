"""Which values must not be shown, and text without them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from reloadls.config.source import Key
from reloadls.config.values.keys import leaves

__all__ = ["HIDDEN", "Redactor", "is_secret_name", "shown_value"]

HIDDEN: Final = "********"
_PARTS: Final = ("password", "passwd", "passphrase", "passcode", "secret", "token", "credential", "apikey")
_WORDS: Final = {"key", "keys", "pwd", "pass", "pw", "auth", "dsn"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):([^/\s]*)@")
_SHORTEST: Final = 4
"""A shorter secret may be part of any word: what contains one is hidden as a whole."""


def is_secret_name(name: object) -> bool:
    """Return whether a key is named like a secret: ``api_key``, ``dbPassword``, ``tokens``."""
    text = str(name)
    squeezed = re.sub(r"[^a-z]", "", text.lower())
    if any(part in squeezed for part in _PARTS):
        return True
    return any(word.lower() in _WORDS for word in _WORD.findall(text))


def shown_value(value: Any, *, secret: bool) -> str:
    """Return a value as text for people; of a URL the password is hidden."""
    if secret:
        return HIDDEN
    return _IN_URL.sub(rf"\1:{HIDDEN}@", repr(str(value) if isinstance(value, str) else value))


class Redactor:
    """Takes secrets out of text that something else made, such as the message of a user's exception.

    Args:
        trees: values whose secrets are known.
        is_secret: whether the value at a key is one.
    """

    def __init__(self, trees: Iterable[Any], is_secret: Callable[[Key], bool]) -> None:
        self._secrets: set[str] = set()
        for tree in trees:
            for key, value in leaves(tree):
                self._collect(key, value, is_secret)

    def _collect(self, key: Key, value: Any, is_secret: Callable[[Key], bool]) -> None:
        if isinstance(value, list | tuple):
            for index, each in enumerate(value):
                self._collect((*key, index), each, is_secret)
        elif isinstance(value, dict):
            for name, each in value.items():
                self._collect((*key, name), each, is_secret)
        elif isinstance(value, bool) or value is None:
            return
        elif is_secret(key):
            self._add(str(value))
        elif isinstance(value, str):
            for match in _IN_URL.finditer(value):
                self._add(match[2])

    def _add(self, text: str) -> None:
        self._secrets.update(filter(None, (text, text.strip(), repr(text)[1:-1], *text.split("\n"))))

    def __call__(self, text: str) -> str:
        """Return `text` without secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            if secret not in text:
                continue
            if len(secret) < _SHORTEST:
                return "the reason is hidden, since it holds a secret"
            text = text.replace(secret, HIDDEN)
        return text
