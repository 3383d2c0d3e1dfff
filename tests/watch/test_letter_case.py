"""Renames that change nothing but the case, where names of other case are the same: a file system of our own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reloadls.watch.flush import Pacing
from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.snapshot import Snapshot
from reloadls.watch.sources.choose import SourceName
from tests.support.fuse import mounted, needs_fuse
from tests.support.watching import SOURCES, piping

pytestmark = needs_fuse


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "mount", casefold=True) as fuse:
        (fuse.root / "Readme").write_text("text")
        (fuse.root / "Src" / "Inner").mkdir(parents=True)
        (fuse.root / "Src" / "Inner" / "a.py").write_text("a = 1")
        (fuse.root / "Äther").write_text("text")
        (fuse.root / "Target").write_text("text")
        (fuse.root / "Link").symlink_to("Target")
        yield fuse.root


def move(old: str, new: str) -> Callable[[Path], object]:
    return lambda root: os.rename(root / old, root / new)


def replace(old: str, new: str) -> Callable[[Path], object]:
    """Delete one, write another of the same name but for the case."""

    def act(root: Path) -> None:
        (root / old).unlink()
        (root / new).write_text("new text")

    return act


def there_and_back(root: Path) -> None:
    os.rename(root / "Readme", root / "readme")
    os.rename(root / "readme", root / "README")
    os.rename(root / "README", root / "Readme")


def file_to_folder(root: Path) -> None:
    (root / "Readme").unlink()
    (root / "README").mkdir()
    (root / "README" / "x").write_text("x")


def folder_to_file(root: Path) -> None:
    shutil.rmtree(root / "Src")
    (root / "SRC").write_text("x")


STEPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (move("Readme", "readme"), "Readme:d readme:c"),
    "a file to capitals": (move("Readme", "README"), "Readme:d README:c"),
    "a letter with an accent": (move("Äther", "äther"), "Äther:d äther:c"),
    "a link": (move("Link", "link"), "Link:d link:c"),
    "a folder": (move("Src", "src"), "Src/Inner/a.py:d src/Inner/a.py:c"),
    "a folder in another": (move("Src/Inner", "Src/inner"), "Src/Inner/a.py:d Src/inner/a.py:c"),
    "a file in a folder": (move("Src/Inner/a.py", "Src/Inner/A.py"), "Src/Inner/a.py:d Src/Inner/A.py:c"),
    "another file": (replace("Readme", "README"), "Readme:d README:c"),
    "there and back": (there_and_back, ""),
    "a folder in place of a file": (file_to_folder, "Readme:d README/x:c"),
    "a file in place of a folder": (folder_to_file, "Src/Inner/a.py:d SRC:c"),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("step", STEPS)
async def test_the_old_name_is_removed(root: Path, source: SourceName, step: str) -> None:
    act, expected = STEPS[step]
    pacing = Pacing(debounce=0.02, max_wait=0.2, poll_delay=0.02, use=source)
    async with piping([root], pacing=pacing) as (reported, pipeline):
        act(root)
        await pipeline.sync()
        found = {os.path.relpath(path, root): kind[0] for path, kind in reported.net().items()}
        if step == "there and back":
            found.pop("Readme", None)  # it may count as written
        assert found == dict(item.split(":") for item in expected.split())
        assert sorted(await pipeline.files()) == sorted(os.fspath(path) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("order", [("Readme", "readme"), ("readme", "Readme"), ("readme",)])
def test_in_whatever_order_the_names_are_hinted_at(root: Path, order: tuple[str, ...]) -> None:
    snapshot = Snapshot(Scope([root]))
    snapshot.begin()
    os.rename(root / "Readme", root / "readme")
    changes = snapshot.reconcile(os.path.join(root, name) for name in order)
    assert {(change.path.name, change.change_type) for change in changes} == {
        ("Readme", "deleted"),
        ("readme", "created"),
    }
    assert not snapshot.reconcile([os.path.join(root, "README")])  # a name that nobody gave it
    assert os.path.join(root, "README") not in set(snapshot.files())
