"""Convert file paths to `file://` URIs and back, exactly, for every name that a file system allows.

A URI contains the raw bytes of a name, percent-encoded (RFC 8089, RFC 3986). So a name that is not UTF-8
(`surrogateescape` in a Python path) survives the round trip through a client. Only letters, digits and `-._~/` are left
as they are, as in the URIs of VS Code: clients treat two spellings of one file as two files.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from .text import show

__all__ = ["from_uri", "one_spelling", "to_uri"]

_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
_DRIVE = re.compile(r"/?([A-Za-z])[:|](?=/|$)")


def to_uri(path: str) -> str:
    """Return the `file://` URI of an absolute path.

    Raises:
        ValueError: the path is not absolute, or contains a NUL.
    """
    if os.name == "nt":
        return _windows_to_uri(path)
    folder, slash, name = path.rpartition("/")
    # Most paths are new names in known folders, so only the name is encoded each time.
    return _encode_folder(folder, bool(slash)) + _encode(name)


def from_uri(uri: str) -> str:
    """Return the path of a `file://` URI.

    Raises:
        ValueError: another scheme, another host, a query or fragment, a NUL, or no absolute path.
    """
    host, raw = _split(uri)
    if os.name == "nt":
        return _windows_from_uri(uri, host, raw)
    if host.lower() not in ("", "localhost"):
        raise ValueError(f"must name a file on this machine, not on the host {show(host)}")
    return os.fsdecode(_decode(uri, raw))


def one_spelling(uri: str) -> str:
    """Return a URI, or an absolute path, as the normal form of all its spellings.

    `file:/p`, `file:///p/`, `file:///%70` and `/p` become `file:///p`. A URI that is not a file on this machine is
    returned as it is.
    """
    try:
        path = uri if os.path.isabs(uri) else from_uri(uri)
        path = os.path.normpath(path)
        return to_uri("/" + path.lstrip("/") if os.name != "nt" else path)
    except ValueError:
        return uri


@lru_cache(maxsize=4096)
def _encode_folder(folder: str, absolute: bool) -> str:
    if not absolute or (folder and not folder.startswith("/")):
        raise ValueError(f"only an absolute path has a URI, not {show(folder)}")
    return f"file://{quote(_to_bytes(folder), safe='/~')}/"


def _encode(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else quote(_to_bytes(name), safe="~")


def _to_bytes(text: str) -> bytes:
    if "\0" in text:
        raise ValueError(f"a path can't hold a NUL: {show(text)}")
    return os.fsencode(text)


def _split(uri: str) -> tuple[str, str]:
    """Return the host and the encoded path."""
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme.lower() != "file":
        raise ValueError(f"must be a file:// URI, not {show(uri)}")
    for mark, name in (("?", "query"), ("#", "fragment")):
        if mark in rest:
            raise ValueError(f"must have no {name} (a {mark!r} in a name is %{ord(mark):02X}), not {show(uri)}")
    if not rest.startswith("//"):
        return "", rest
    host, slash, path = rest[2:].partition("/")
    return host, slash + path


def _decode(uri: str, raw: str) -> bytes:
    try:
        path = unquote_to_bytes(raw)
    except UnicodeEncodeError:
        raise ValueError(f"must be Unicode text, without lone surrogates, not {show(uri)}") from None
    if not path.startswith(b"/"):
        raise ValueError(f"must hold an absolute path, not {show(uri)}")
    if b"\0" in path:
        raise ValueError(f"must not hold a NUL, not {show(uri)}")
    return path


def _windows_to_uri(path: str) -> str:
    r"""Return `file:///c%3A/a%20b` for `C:\a b`, `file://host/share/x` for `\\host\share\x`, as VS Code does."""
    path = path.replace("\\", "/")
    if "\0" in path:
        raise ValueError(f"a path can't hold a NUL: {show(path)}")
    if drive := _DRIVE.match(path):
        path = f"/{drive[1].lower()}:{path[drive.end() :]}"
    elif path.startswith("//"):
        host, _, rest = path[2:].partition("/")
        return f"file://{quote(host)}/{_quote_text(rest)}"
    else:
        raise ValueError(f"only an absolute path has a URI, not {show(path)}")
    return f"file://{_quote_text(path)}"


def _windows_from_uri(uri: str, host: str, raw: str) -> str:
    path = _decode(uri, raw).decode("utf-8", "surrogatepass")
    if host.lower() not in ("", "localhost"):
        return f"//{host}{path}".replace("/", "\\")
    drive = _DRIVE.match(path)
    if drive is None:
        raise ValueError(f"must hold a drive or a host, not {show(uri)}")
    return f"{drive[1].lower()}:{path[drive.end() :] or '/'}".replace("/", "\\")


def _quote_text(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="/~")
