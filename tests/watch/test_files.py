"""A folder's files behave as a dict does, packed or not."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reloadls.watch.snapshot.files import Entry, Files

_NAMES = st.sampled_from(["a", "b", "ab", "a.b", "ä", os.fsdecode(b"\xff"), " ", "a\nb"])
_ANY = st.integers(-(2**70), 2**70)
_FINE = st.integers(0, 2**63 - 1)
_ENTRIES = st.tuples(_FINE, _FINE, _FINE, st.integers(0, 7), _FINE, st.sampled_from([0, 1, 2**40]))
_STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "pop", "pack", "unpack"]), _NAMES, _ENTRIES | st.tuples(*[_ANY] * 6)),
    max_size=30,
)


@given(st.dictionaries(_NAMES, _ENTRIES), _STEPS)
def test_files_are_a_dict(begin: dict[str, Entry], steps: list[tuple[str, str, Entry]]) -> None:
    files, model = Files(dict(begin)), dict(begin)
    for step, name, entry in steps:
        if step == "set":
            files[name] = model[name] = entry
        elif step == "pop":
            assert files.pop(name, None) == model.pop(name, None)
        else:
            getattr(files, step)()
        assert (list(files.items()), list(files), len(files)) == (list(model.items()), list(model), len(model))
        for known in ("a", "b", "ab", "a/b", "", "/", name):
            assert (known in files, files.get(known)) == (known in model, model.get(known))


@pytest.mark.parametrize(
    ("entries", "is_packed"),
    [
        ([], True),
        ([(1, 2, 3, 0, 5, 6)], True),
        ([(-1, 2, 3, 0, 5, 6)], True),
        ([(1, 2, 3, 0, 5, 6), (1, 2, 3, 0, 5, 7)], False),
        ([(2**63, 2, 3, 0, 5, 6)], False),
        ([(1, 2, 3, 0, 5, 6)] * 256, True),
        ([(1, 2, 3, 0, 5, 6)] * 257, False),
    ],
)
def test_files_of_one_device_are_packed(entries: list[Entry], is_packed: bool) -> None:
    files = Files({str(number): entry for number, entry in enumerate(entries)})
    assert files.is_packed == is_packed
    assert list(files.values()) == entries
