"""Other content is a change whatever its mtime, size and inode say; other metadata is none.

Sources: reproducible archives (https://reproducible-builds.org/docs/source-date-epoch/) unpacked one over the other,
``rsync --checksum --inplace``, and file systems mounted over one another.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from reloadls.watch.scope.scope import Scope
from reloadls.watch.snapshot.snapshot import Snapshot
from tests.support.watching import SOURCES, WatchRecorder, watching

_OLD = 1_000_000_000


def write_back(path: Path, text: str) -> None:
    """Write in place, and put the mtime back."""
    before = path.stat()
    with path.open("r+") as file:
        file.write(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def write_mapped(path: Path, text: str) -> None:
    before = path.stat()
    descriptor = os.open(path, os.O_RDWR)
    os.pwrite(descriptor, text.encode(), 0)
    os.utime(descriptor, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.close(descriptor)


def replace_alike(path: Path, text: str) -> None:
    """Put another file of the same mtime and size in its place."""
    before = path.stat()
    other = path.with_name(path.name + ".new")
    other.write_text(text)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)


def delete_and_make(path: Path, text: str) -> None:
    """The new file may get the inode of the old one."""
    before = path.stat()
    path.unlink()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def unpack(path: Path, text: str) -> None:
    """An archive in which each mtime is fixed."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(path.name)
        member.mtime, member.size = _OLD, len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        tar.extractall(path.parent, filter="fully_trusted")


def rsync(path: Path, text: str) -> None:
    source = path.parent.parent / "source"
    source.mkdir(exist_ok=True)
    (source / path.name).write_text(text)
    os.utime(source / path.name, (_OLD, _OLD))
    subprocess.run(["rsync", "-a", "--checksum", "--inplace", source / path.name, path], check=True)


WRITES: list[Callable[[Path, str], None]] = [
    write_back,
    write_mapped,
    replace_alike,
    delete_and_make,
    unpack,
    pytest.param(rsync, marks=pytest.mark.skipif(shutil.which("rsync") is None, reason="there is no rsync")),  # type: ignore[list-item]
]


def chmod(path: Path) -> None:
    path.chmod(0o600)


def link(path: Path) -> None:
    os.link(path, path.parent.parent / "another name")


def unlink_other(path: Path) -> None:
    (path.parent.parent / "other name").unlink()


def set_attribute(path: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system has them
        os.setxattr(path, "user.reloadls", b"1")


def open_and_close(path: Path) -> None:
    path.open("a").close()


TOUCHES = [chmod, link, unlink_other, set_attribute, open_and_close]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file that was written long ago, and has a second name elsewhere."""
    made = tmp_path / "root"
    made.mkdir()
    (made / "file").write_text("old")
    os.link(made / "file", tmp_path / "other name")
    os.utime(made / "file", (_OLD, _OLD))
    return made


def watched(root: Path, source: str, *, as_file: bool = False) -> AbstractAsyncContextManager[WatchRecorder]:
    return watching([root / "file" if as_file else root], **SOURCES[source])


@pytest.mark.parametrize("as_file", [False, True], ids=["folder", "file"])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("source", SOURCES)
async def test_other_content_is_reported(
    source: str, write: Callable[[Path, str], None], as_file: bool, root: Path
) -> None:
    async with watched(root, source, as_file=as_file) as reported:
        for text in ("new", "one", "two"):
            write(root / "file", text)
            await reported.until({str(root / "file"): "modified"})
            reported.clear()


@pytest.mark.parametrize("as_file", [False, True], ids=["folder", "file"])
@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.parametrize("source", SOURCES)
async def test_other_metadata_is_not(source: str, touch: Callable[[Path], None], as_file: bool, root: Path) -> None:
    async with watched(root, source, as_file=as_file) as reported:
        touch(root / "file")
        if as_file:
            (root / "file").write_text("after it")
            await reported.until({str(root / "file"): "modified"})
            assert [len(batch) for batch in reported.batches] == [1]
        else:
            await reported.only({}, root / "sentinel")


@pytest.mark.parametrize("source", SOURCES)
async def test_other_metadata_is_not_reported_at_a_link_either(source: str, root: Path, tmp_path: Path) -> None:
    (tmp_path / "other name").unlink()  # else the file is watched itself, and its digest is known
    for name, target in (("link", "file"), ("link to the link", "link")):
        (root / name).symlink_to(target)
    async with watched(root, source) as reported:
        for number in range(2):
            (root / "file").chmod(0o600 + number)
            await reported.only({}, root / "sentinel")
            (root / "file").write_text(f"after it {number}")
            await reported.until({str(root / name): "modified" for name in ("file", "link", "link to the link")})
            reported.clear()


@pytest.mark.parametrize("source", SOURCES)
async def test_metadata_and_then_content(source: str, root: Path) -> None:
    async with watched(root, source) as reported:
        for number in range(3):
            (root / "file").chmod(0o600 + number)
            write_back(root / "file", f"no{number}")
            await reported.until({str(root / "file"): "modified"})
            reported.clear()


@pytest.mark.parametrize("source", SOURCES)
async def test_a_folder_whose_mode_changes_with_all_that_is_in_it(source: str, root: Path) -> None:
    for number in range(50):
        (root / f"d{number % 5}").mkdir(exist_ok=True)
        (root / f"d{number % 5}" / f"f{number}").write_text("1")
    async with watched(root, source) as reported:
        subprocess.run(["chmod", "-R", "go-rwx", root], check=True)
        await reported.only({}, root / "sentinel")


@pytest.mark.parametrize("write", [write_back, replace_alike, delete_and_make])
def test_a_look_at_everything_finds_it(write: Callable[[Path, str], None], root: Path) -> None:
    snapshot = Snapshot(Scope([root]))
    snapshot.begin()
    write(root / "file", "new")
    assert [change.change_type for change in snapshot.reconcile()] == ["modified"]
    assert snapshot.reconcile() == []


def test_what_an_earlier_process_has_seen_counts(root: Path) -> None:
    earlier = Snapshot(Scope([root]))
    earlier.begin()
    write_back(root / "file", "new")
    later = Snapshot(Scope([root]))
    assert [change.change_type for change in later.begin(earlier.entries())] == ["modified"]
    unknown = {path: (*entry[:4], 0, 0) for path, entry in later.entries().items()}
    assert Snapshot(Scope([root])).begin(unknown) == [], "an older version kept no ctime"


def test_a_gitignore_with_other_content_has_other_rules(root: Path) -> None:
    (root / ".gitignore").write_text("a\n")
    for name in "ab":
        (root / name).write_text("1")
    snapshot = Snapshot(Scope([root]))
    snapshot.begin()
    write_back(root / ".gitignore", "b\n")
    snapshot.reconcile([str(root / ".gitignore")])
    assert {os.path.basename(path) for path in snapshot.files()} == {".gitignore", "a", "file"}


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("source", [source for source in SOURCES if source != "watchfiles"])
async def test_an_image_mounted_over_another(source: str, tmp_path: Path) -> None:
    """Two file systems that agree in all but their content: made by the same steps, as images of a build are."""
    root = tmp_path / "root"
    root.mkdir()
    with mounted_images(root):
        async with watched(root, source) as reported:
            subprocess.run(["mount", "--bind", tmp_path / "image1", root / "mnt"], check=True)
            await reported.until({str(root / "mnt" / "file"): "modified"})


@contextlib.contextmanager
def mounted_images(root: Path) -> Iterator[None]:
    images = [root.parent / f"image{number}" for number in range(2)]
    (root / "mnt").mkdir()
    try:
        for image in images:
            image.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "none", image], check=True)
            (image / "file").write_text(image.name)
            os.utime(image / "file", (_OLD, _OLD))
        subprocess.run(["mount", "--bind", images[0], root / "mnt"], check=True)
        yield
    finally:
        for place in (root / "mnt", root / "mnt", *images):
            subprocess.run(["umount", "--lazy", place], check=False, stderr=subprocess.DEVNULL)
