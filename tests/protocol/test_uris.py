"""URIs: exact for every name a file system can hold, and clear about what is no file."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.protocol import InvalidParams, from_uri, paths_from, to_uri
from reloadls.wire.uris import _windows_from_uri, _windows_to_uri

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX paths")


@posix_only
@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/", "file:///"),
        ("/a", "file:///a"),
        ("/a/b.py", "file:///a/b.py"),
        ("/a b/c#d?e%f", "file:///a%20b/c%23d%3Fe%25f"),
        ("/é/日.py", "file:///%C3%A9/%E6%97%A5.py"),
        ("/a/-._~x", "file:///a/-._~x"),
        ("/~home/@x:y", "file:///~home/%40x%3Ay"),
        ("/bad\udcff/\udcfe.py", "file:///bad%FF/%FE.py"),
        ("/new\nline", "file:///new%0Aline"),
    ],
)
def test_a_path_and_its_uri(path: str, uri: str) -> None:
    assert to_uri(path) == uri
    assert from_uri(uri) == path


@posix_only
@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"\0", b"0")), min_size=1))
def test_any_name_of_bytes_survives_both_ways(parts: list[bytes]) -> None:
    path = os.fsdecode(b"/" + b"/".join(parts))
    assert from_uri(to_uri(path)) == path
    assert to_uri(path).isascii()


@posix_only
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("FILE:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file:/a", "/a"),
        ("file:///a%2fb", "/a/b"),
        ("file:///100%", "/100%"),
        ("file:///é", "/é"),
    ],
)
def test_other_spellings_are_understood(uri: str, path: str) -> None:
    assert from_uri(uri) == path


@posix_only
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "must be a file:// URI"),
        ("/a", "must be a file:// URI"),
        ("untitled:Untitled-1", "must be a file:// URI"),
        ("https://x/a", "must be a file:// URI"),
        ("file://server/share/a", 'not on the host "server"'),
        ("file:///a%00b", "NUL"),
        ("file:///a\0b", "NUL"),
        ("file:///a?b", "no query"),
        ("file:///a#b", "no fragment"),
        ("file:a", "absolute path"),
        ("file://", "absolute path"),
        ("file:///\ud800", "Unicode"),
    ],
)
def test_what_is_no_file_is_refused(uri: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        from_uri(uri)
    str(caught.value).encode()  # can be sent


@posix_only
@pytest.mark.parametrize("path", ["", "a", "a/b", "./a", "/a\0b", "/a\0/b"])
def test_what_has_no_uri_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        to_uri(path)


@posix_only
def test_a_list_of_uris_names_the_bad_one() -> None:
    assert paths_from(["file:///a", "file:///b"], field="uris") == ["/a", "/b"]
    with pytest.raises(InvalidParams) as caught:
        paths_from(["file:///a", "http://b"], field="uris")
    assert caught.value.field == "uris[1]"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("C:\\a b\\c.py", "file:///c%3A/a%20b/c.py"),
        ("c:\\", "file:///c%3A/"),
        ("\\\\server\\share\\x", "file://server/share/x"),
    ],
)
def test_windows_paths(path: str, uri: str) -> None:
    assert _windows_to_uri(path) == uri
    host, raw = uri.removeprefix("file://").split("/", 1)
    assert _windows_from_uri(uri, host, "/" + raw).lower() == path.lower()
