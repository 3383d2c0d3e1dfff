"""Folders of ours are the user's alone, whatever the umask, and a program and its editor find the same one."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reloadls.base import folders
from reloadls.base.folders import make_private, runtime_folder
from reloadls.reload.runtime.endpoint.folder import targets_folder as made_folder
from reloadls.service.targets.advert import check_folders, targets_folder
from reloadls.service.transports import read_or_make_token
from reloadls.service.transports.unix_socket import listen_on_path
from reloadls.watch.state.folder import make_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
UMASKS = pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777], ids=oct)


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder that every account can reach."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@contextlib.contextmanager
def under(umask: int) -> Iterator[None]:
    before = os.umask(umask)
    try:
        yield
    finally:
        os.umask(before)


def modes(top: Path) -> set[int]:
    """The modes of all folders below `top`."""
    return {stat.S_IMODE(path.stat().st_mode) for path in top.rglob("*") if path.is_dir()}


@UMASKS
def test_every_missing_folder_is_made_for_the_owner_alone(tmp_path: Path, umask: int) -> None:
    with under(umask):
        make_private(os.fspath(tmp_path / "a" / "b" / "c"))
        make_folder(os.fspath(tmp_path / "state" / "reloadls" / "watch"))
        read_or_make_token(os.fspath(tmp_path / "home" / "deep" / "token"))
        with listen_on_path(os.fspath(tmp_path / "sockets" / "s"), 1):
            pass
    assert modes(tmp_path) == {0o700}


@UMASKS
def test_a_missing_runtime_folder_is_made_and_found(
    runtime: Path,
    umask: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(runtime / "x" / "y"))
    expected = targets_folder()
    with under(umask):
        assert made_folder() == expected == targets_folder()
    check_folders(expected)
    assert modes(runtime) == {0o700}


class TestRuntimeFolder:
    @pytest.fixture(autouse=True)
    def given(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "runtime"
        folder.mkdir(0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(folder))
        return folder

    def check(self, *, used: bool) -> None:
        given = os.environ["XDG_RUNTIME_DIR"]
        assert (runtime_folder() == os.path.join(given, "reloadls")) == used

    @pytest.mark.parametrize(
        ("mode", "used"), [(0o700, True), (0o755, True), (0o500, True), (0o775, False), (0o1777, False)]
    )
    def test_others_must_not_write_to_it(self, given: Path, mode: int, used: bool) -> None:
        given.chmod(mode)
        self.check(used=used)

    @pytest.mark.parametrize("value", ["", "relative", "~/x"])
    def test_it_must_be_absolute(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        self.check(used=False)

    def test_a_missing_one_is_used(self, given: Path) -> None:
        given.rmdir()
        self.check(used=True)

    def test_a_file_and_a_link_to_nothing_are_not(self, given: Path) -> None:
        given.rmdir()
        given.touch()
        self.check(used=False)
        given.unlink()
        given.symlink_to("nothing")
        self.check(used=False)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_another_users_is_not(self, given: Path) -> None:
        os.chown(given, 12345, 12345)
        self.check(used=False)

    def test_neither_tmpdir_nor_a_library_matters(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        before = runtime_folder()
        monkeypatch.setenv("TMPDIR", "/elsewhere")
        assert runtime_folder() == before
        assert not hasattr(folders, "platformdirs")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_another_account_gets_at_nothing(runtime: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries to enter, list, read, connect to and write into all that was made."""
    runtime.chmod(0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(runtime / "run"))
    with under(umask):
        made_folder()
        make_folder(os.fspath(runtime / "state" / "watch"))
        (runtime / "state" / "watch" / "x.sqlite").touch()
        read_or_make_token(os.fspath(runtime / "token" / "token"))
        with listen_on_path(os.fspath(runtime / "socket" / "s"), 1):
            done = subprocess.run(
                [sys.executable, "-I", "-c", _INTRUDER, os.fspath(runtime)],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
            )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


_INTRUDER = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
top = sys.argv[1]
paths = ["run", "run/reloadls", "run/reloadls/targets", "state", "state/watch", "state/watch/x.sqlite",
         "token", "token/token", "socket", "socket/s"]
def connect(path):
    socket.socket(socket.AF_UNIX).connect(path)
def put(path):
    open(os.path.join(path, "mine"), "w")
tries = [os.listdir, os.chdir, lambda path: open(path, "rb"), lambda path: open(path, "ab"), connect, put, os.unlink,
         os.rmdir, lambda path: os.rename(path, path + "x"), lambda path: os.symlink("x", path + "/link")]
for name in paths:
    for number, attempt in enumerate(tries):
        try:
            attempt(os.path.join(top, name))
        except OSError:
            continue
        print(name, number)
"""
