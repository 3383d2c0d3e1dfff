"""Where links lead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.watch.disk.links import Links, link_chain


def check(tmp_path: Path, links: dict[str, str], start: str, expected: list[str]) -> None:
    """Make `links`, and see which paths `start` leads through."""
    for name, to in links.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(to.replace("$", str(tmp_path)))
    chain = link_chain(str(tmp_path / start))
    assert [os.path.relpath(path, tmp_path) for path in chain] == expected


@pytest.mark.parametrize(
    ("links", "start", "expected"),
    [
        ({"l": "f"}, "l", ["f"]),
        ({"l": "missing/deep"}, "l", ["missing/deep"]),
        ({"l": "$/a/b"}, "l", ["a/b"]),
        ({"l": "m", "m": "n", "n": "f"}, "l", ["m", "n", "f"]),
        ({"d/l": "../f"}, "d/l", ["f"]),
        ({"d/l": "./.././d/../f"}, "d/l", ["f"]),
        ({"config": "..data/config", "..data": "..v1"}, "config", ["..data", "..v1/config"]),
        ({"l": "d/e/f", "d": "x", "x/e": "y"}, "l", ["d", "x/e", "x/y/f"]),
        ({"l": "d/../f", "d": "x/y"}, "l", ["d", "x/f"]),
        ({"a": "b", "b": "a"}, "a", ["b"]),
        ({"a": "a"}, "a", []),
        ({"a": "b", "b": "c", "c": "b"}, "a", ["b", "c"]),
        ({"l": "$/l2/f", "l2": "$/d"}, "l", ["l2", "d/f"]),
        ({"l": "f//"}, "l", ["f"]),
    ],
)
def test_a_chain_holds_every_link_on_the_way_and_the_end(
    links: dict[str, str], start: str, expected: list[str], tmp_path: Path
) -> None:
    if start in ("a",) and links.get("a") in ("a", "b"):  # a loop: the end is one of its links, or nowhere
        for name, to in links.items():
            (tmp_path / name).symlink_to(to)
        assert set(expected) <= {os.path.relpath(path, tmp_path) for path in link_chain(str(tmp_path / start))}
        return
    check(tmp_path, links, start, expected)


def test_a_longer_chain_than_the_kernel_follows_ends(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"l{number}").symlink_to(f"l{number + 1}")
    assert len(link_chain(str(tmp_path / "l0"))) <= 42


def test_dependents() -> None:
    links = Links()
    links.put("/r/a", ("/o/x", "/o/y"))
    links.put("/r/b", ("/o/y",))
    assert links.depend_on("/o/y") == ["/r/a", "/r/b"]
    assert links.depend_on("/o/x") == ["/r/a"]
    assert links.depend_on("/o") == ["/r/a", "/r/b"]
    assert links.depend_on("/") == ["/r/a", "/r/b"]
    assert links.depend_on("/o/x/below") == []
    assert sorted(links.targets()) == ["/o/x", "/o/y"]
    links.put("/r/a", ("/o/z",))
    assert links.depend_on("/o/x") == []
    links.drop("/r/b")
    links.drop("/r/b")
    links.drop("/never")
    assert links.targets() == {"/o/z"}
    links.drop("/r/a")
    assert (links.targets(), links.depend_on("/")) == (set(), [])


_paths = st.sampled_from(["/o/a", "/o/b", "/o/c/d", "/p/e"])
_ops = st.lists(
    st.tuples(st.sampled_from(["/r/1", "/r/2", "/r/3"]), st.none() | st.lists(_paths, unique=True).map(tuple))
)


@given(_ops)
def test_dependents_follow_whatever_is_put_and_dropped(ops: list[tuple[str, tuple[str, ...] | None]]) -> None:
    links, model = Links(), dict[str, tuple[str, ...]]()
    for link, chain in ops:
        if chain is None:
            links.drop(link)
            model.pop(link, None)
        else:
            links.put(link, chain)
            model[link] = chain
    for asked in ("/", "/o", "/o/a", "/o/c", "/o/c/d", "/p", "/q"):
        inside = asked.rstrip("/") + "/"
        assert links.depend_on(asked) == sorted(
            link for link, chain in model.items() if any(path == asked or path.startswith(inside) for path in chain)
        )
    assert set(links.targets()) == {path for chain in model.values() for path in chain}
