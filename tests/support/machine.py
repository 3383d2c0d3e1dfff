"""The stateful test: after a sync, the reported files equal the files on disk, whatever was done."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.support.disk import Disk, State, state_of

__all__ = ["OPERATIONS", "Teller", "check"]

OPERATIONS = int(os.environ.get("RELOADLS_TEST_OPERATIONS", "10000"))
"""How many random operations each random test does, about."""

_PARTS = ["a", "b.py", "c d", "é", "new\nline", "\udcff\udcfe", "x", "quote'\"", "%41#?", "-n", "dir"]
NAMES = st.lists(st.sampled_from(_PARTS), min_size=1, max_size=3).map("/".join)
TEXTS = st.sampled_from(["", "one", "two", "three\n" * 50])

_RACY_S = 0.05
"""A file that was written this shortly before a look may be reported again (racy)."""


def _stamps_of(paths: Iterable[str]) -> dict[str, float]:
    stamps = {}
    for path in paths:
        with contextlib.suppress(OSError):
            stamps[path] = os.stat(path).st_ctime
    return stamps


class Teller(Protocol):
    """Receives reports about a folder: a subscriber of a pipeline, or a client of the service."""

    @property
    def picture(self) -> set[str]:
        """Every file that was reported to exist."""

    @property
    def told(self) -> dict[str, str]:
        """Path → its last reported change since this was last cleared."""

    def sync(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def refresh(self) -> None: ...
    def leave(self) -> None: ...


def check(make_teller: Callable[[str], Teller], *, operations: int = OPERATIONS) -> None:
    """Run random operations, each followed by a sync and a comparison.

    Args:
        make_teller: returns a receiver of reports about the given folder.
        operations: how many comparisons are made at least.
    """
    synced = itertools.count()
    done = 0

    class Machine(DiskMachine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = tempfile.mkdtemp()
            root, outside = Path(self.folder, "root"), Path(self.folder, "outside")
            root.mkdir()
            outside.mkdir()
            self.begin(Disk(root, outside), make_teller(os.fspath(root)), lambda: next(synced))

        def teardown(self) -> None:
            self.teller.leave()
            shutil.rmtree(self.folder)

    while done < operations:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=20,
                stateful_step_count=50,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
        done = next(synced)


class DiskMachine(RuleBasedStateMachine):
    """Does something to the disk, then syncs and compares."""

    disk: Disk
    teller: Teller
    before: State
    paused: int
    """How many more operations are done before what was paused is resumed."""
    looked: float
    stamped: dict[str, float]
    """When each file's inode changed last, of those that were there."""
    on_synced: Callable[[], object]

    def begin(self, disk: Disk, teller: Teller, on_synced: Callable[[], object]) -> None:
        self.disk, self.teller, self.on_synced = disk, teller, on_synced
        self.paused = 0
        self.before = state_of(disk.root)
        self.stamped = _stamps_of(self.before)
        self.looked = time.time()
        assert teller.picture == set(self.before)

    def check(self) -> None:
        if self.paused:
            self.paused -= 1
            if self.paused:
                return
            self.teller.resume()
        self.teller.sync()
        self.on_synced()
        now = state_of(self.disk.root)
        assert self.teller.picture == set(now), "the reported files differ from the disk"
        changed = {path for path in now.keys() | self.before.keys() if now.get(path) != self.before.get(path)}
        missed = {path for path in changed if path not in self.teller.told}
        assert not missed, f"changed, but not reported: {missed}"
        same = (self.teller.told.keys() & now.keys() & self.before.keys()) - changed
        invented = {path for path in same if self._written(path) < self.looked - _RACY_S}
        assert not invented, f"reported, but not changed: {invented}"
        self.teller.told.clear()
        self.before = now
        self.stamped = _stamps_of(now)
        self.looked = time.time()

    def _written(self, path: str) -> float:
        """When a file was written, or given another time of its own, before it was looked at, as far as is known."""
        return max(self.before[path][0] / 1e9, self.stamped.get(path, 0.0))

    def _do(self, method: str, *args: Any, **options: Any) -> None:
        os.makedirs(self.disk.root, exist_ok=True)
        with contextlib.suppress(OSError):  # a link that leads nowhere, or to itself, can't be written
            getattr(self.disk, method)(*args, **options)
        self.check()

    @rule(name=NAMES, text=TEXTS)
    def write(self, name: str, text: str) -> None:
        self._do("write", name, text)

    @rule(name=NAMES, text=TEXTS)
    def append(self, name: str, text: str) -> None:
        self._do("append", name, text)

    @rule(name=NAMES)
    def truncate(self, name: str) -> None:
        self._do("truncate", name)

    @rule(name=NAMES, mode=st.sampled_from([0o600, 0o644, 0o755]))
    def chmod(self, name: str, mode: int) -> None:
        self._do("chmod", name, mode)

    @rule(name=NAMES, at=st.sampled_from([None, 0.0, 1e9, 4e9]))
    def touch(self, name: str, at: float | None) -> None:
        self._do("touch", name, at)

    @rule(name=NAMES, text=TEXTS)
    def replace(self, name: str, text: str) -> None:
        self._do("replace", name, text)

    @rule(name=NAMES)
    def write_back(self, name: str) -> None:
        self._do("write_back", name)

    @rule(name=NAMES, text=TEXTS)
    def unpack(self, name: str, text: str) -> None:
        self._do("unpack", name, text)

    @rule(name=NAMES, to=NAMES, outside=st.booleans())
    def hard_link(self, name: str, to: str, outside: bool) -> None:
        self._do("hard_link", name, to, outside=outside)

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        self._do("rename", old, new)

    @rule(name=NAMES)
    def move_out(self, name: str) -> None:
        self._do("move_out", name)

    @rule(name=NAMES, files=st.integers(0, 12))
    def move_in(self, name: str, files: int) -> None:
        self._do("move_in", name, files)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self._do("delete", name)

    @rule(name=NAMES, text=TEXTS)
    def recreate(self, name: str, text: str) -> None:
        self._do("recreate", name, text)

    @rule(name=NAMES, depth=st.integers(1, 6))
    def make_folders(self, name: str, depth: int) -> None:
        self._do("make_folders", name, depth)

    @rule(name=NAMES, to=NAMES, outside=st.booleans())
    def link(self, name: str, to: str, outside: bool) -> None:
        self._do("link", name, to, outside=outside)

    @rule(name=NAMES, text=TEXTS)
    def write_outside(self, name: str, text: str) -> None:
        self._do("write_outside", name, text)

    @rule(name=NAMES)
    def drop_outside(self, name: str) -> None:
        self._do("drop_outside", name)

    @rule()
    def delete_root(self) -> None:
        self._do("delete_root")

    @rule()
    def delete_and_restore_root(self) -> None:
        self.disk.delete_root()
        self._do("restore_root")

    @rule()
    def refresh(self) -> None:
        self.teller.refresh()
        self.check()

    @rule(operations=st.integers(1, 5))
    def pause(self, operations: int) -> None:
        if not self.paused:
            self.teller.pause()
            self.paused = operations
