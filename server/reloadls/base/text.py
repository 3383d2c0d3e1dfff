"""Escape foreign text so that a terminal or a log can show it."""

from __future__ import annotations

__all__ = ["shown"]

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def shown(text: str) -> str:
    r"""Return `text` with all characters escaped that are not printable.

    These are control characters, newlines, bidi overrides and other invisible characters, and bytes that are not UTF-8:
    ``\x1b``, ``\n``, ``\u202e``, ``\xff``.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(char: str) -> str:
    code = ord(char)
    if char.isprintable():
        return char
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return _SHORT.get(char) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
