"""Many roots: each path finds its roots, and nothing that depends on all of them is made again for one save."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reloadls.base.paths import prefix_of
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.roots import Root, RootIndex
from reloadls.watch.snapshot.snapshot import Snapshot

_PATHS = st.lists(st.sampled_from(["a", "b", "ab", "a.b"]), max_size=4).map(lambda names: "/" + "/".join(names))


@given(st.lists(_PATHS, unique=True), _PATHS)
def test_a_path_finds_the_roots_at_above_and_below_it(paths: list[str], path: str) -> None:
    related = [
        root for root in paths if path == root or root.startswith(prefix_of(path)) or path.startswith(prefix_of(root))
    ]
    assert [root.path for root in RootIndex(map(Root, paths)).related(path)] == related


def test_what_follows_from_all_roots_is_kept_until_one_changes(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in "abc"]
    for root in roots:
        root.mkdir()
        (root / "f").touch()
    snapshot = Snapshot(Scope([*roots, tmp_path / "missing"]))
    snapshot.begin()
    watched, status = snapshot.watch_set(), snapshot.status()
    (roots[1] / "f").write_text("1")
    assert len(snapshot.reconcile([str(roots[1] / "f")])) == 1
    assert snapshot.watch_set() is watched
    assert snapshot.status() == status
    (roots[1] / "g").touch()
    snapshot.reconcile([str(roots[1] / "g")])
    assert [root.files for root in snapshot.status()[0]] == [1, 2, 1, 0]
    (tmp_path / "missing").touch()
    snapshot.reconcile([str(tmp_path / "missing")])
    assert [root.files for root in snapshot.status()[0]] == [1, 2, 1, 1]
    assert snapshot.watch_set() != watched
    assert snapshot.status()[1] == ()
