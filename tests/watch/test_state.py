"""What is kept for the next start: exactly what was committed, or nothing and a message that says why."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reloadls.watch.change import ChangeType, FileChange, net_changes
from reloadls.watch.journal import Batch, Journal
from reloadls.watch.snapshot.folder import Entry
from reloadls.watch.state import store as state
from reloadls.watch.state.store import StateBusy, StateFailed, StateFile, state_folder

KEY = '{"roots": ["/p"]}'
AT = datetime(2030, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
ENTRY: Entry = (1_700_000_000_123_456_789, 10, 4711, 0, 1_700_000_001_000_000_001, 0)
FILES: Mapping[str, Entry] = {
    f"/p/{number:03}.py": (ENTRY[0] + number, number, number, number % 8, number, 0) for number in range(200)
}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "watch")


@contextmanager
def opened(folder: str, key: str = KEY) -> Iterator[StateFile]:
    with closing(StateFile.open(folder, key)) as file:
        yield file


def run(file: StateFile) -> Journal:
    """Begin a run, as anyone who keeps state does."""
    journal = Journal(history=file.saved.history if file.saved else None)
    file.begin(journal.epoch, journal.number)
    return journal


def write(
    file: StateFile, journal: Journal, path: str, kind: ChangeType = "modified", entry: Entry | None = ENTRY
) -> Batch:
    batch = journal.append([FileChange(Path(path), kind)], "watch", AT)
    file.append(batch, {path: entry})
    return batch


def kept(folder: str, files: Mapping[str, Entry] = FILES) -> Batch:
    """Keep `files`, then change one of them; return the last batch."""
    with opened(folder) as file:
        journal = run(file)
        file.rewrite(journal.number, files, "rules")
        return write(file, journal, next(iter(files)))


def the_file(folder: str) -> Path:
    (path,) = Path(folder).glob("*.sqlite")
    return path


def parts(batch: Batch) -> tuple[object, ...]:
    return batch.clock, batch.since, batch.at, batch.cause, batch.changes


# -- what is kept ----------------------------------------------------------------------------------------


def test_at_first_there_is_nothing(folder: str) -> None:
    with opened(folder) as file:
        assert (file.saved, file.set_aside) == (None, None)
        run(file)
    with opened(folder) as file:
        assert (file.saved, file.set_aside) == (None, None), (
            "a run that has not said which files there are left nothing"
        )


def test_files_and_batches_come_back_as_they_were(folder: str) -> None:
    with opened(folder) as file:
        journal = run(file)
        file.rewrite(journal.number, {"/p/a": ENTRY, "/p/gone": ENTRY, "/p/same": ENTRY}, "rules")
        new, changed = (5, 6, 7, 1, 5, 0), (8, 9, 10, 2, 9, 0)
        batch = journal.append(
            [
                FileChange(Path("/p/new"), "created", Path("/p/gone")),
                FileChange(Path("/p/gone"), "deleted"),
                FileChange(Path("/p/a"), "modified"),
            ],
            "save",
            AT,
        )
        file.append(batch, {"/p/new": new, "/p/gone": None, "/p/a": changed})
    with opened(folder) as file:
        assert file.saved is not None
        assert file.saved.files == {"/p/a": changed, "/p/new": new, "/p/same": ENTRY}
        assert file.saved.rules == "rules"
        assert file.saved.history.number == 1
        assert file.saved.history.epochs == ((journal.epoch, 0, 1),)
        assert [parts(one) for one in file.saved.history.batches] == [parts(batch)]
        run(file)
        assert file.saved is None, "who has begun a run needs it no more"


@pytest.mark.parametrize(
    "entry",
    [(0, 0, 0, 0, 0, 0), (-1, 5, 5, 3, -1, 0), (-(10**18) - 1, 0, 1, 7, 2**63, 0),
     (2**63, 2**63, 2**64 - 1, 2**32 - 1, 1, 0), (10**22 + 999_999_999, 1, 1, 0, 10**22, 0),
     (-(10**22) - 1, 1, 1, 0, -(10**22) - 1, 0)],
)  # fmt: skip
def test_every_number_that_stat_can_give_comes_back(folder: str, entry: Entry) -> None:
    with opened(folder) as file:
        journal = run(file)
        file.rewrite(journal.number, {"/p/a": entry}, "")
        write(file, journal, "/p/b", "created", entry)
    with opened(folder) as file:
        assert file.saved is not None
        assert file.saved.files == {"/p/a": entry, "/p/b": entry}


NAMES = [
    "plain",
    "sp ace",
    "new\nline",
    "tab\t",
    "quote'\"",
    "umläut",
    "日本",
    "\U0001f600",
    "\udcff\udc80",
    "e\u0301",
    "r",
    "\\",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_comes_back(folder: str, name: str) -> None:
    path, before = f"/p/{name}", f"/p/old {name}"
    with opened(folder, key=name) as file:
        journal = run(file)
        file.rewrite(journal.number, {before: ENTRY}, name if name.isprintable() else "")
        changes = [FileChange(Path(path), "created", Path(before)), FileChange(Path(before), "deleted")]
        batch = journal.append(changes, "watch", AT)
        file.append(batch, {path: ENTRY, before: None})
    with opened(folder, key=name) as file:
        assert file.set_aside is None
        assert file.saved is not None
        assert file.saved.files == {path: ENTRY}
        assert [one.changes for one in file.saved.history.batches] == [tuple(changes)]


def test_a_rewrite_forgets_what_was_before(folder: str) -> None:
    kept(folder)
    with opened(folder) as file:
        journal = run(file)
        write(file, journal, "/p/more", "created")
        journal.forget()
        file.rewrite(journal.number, {"/p/other": ENTRY}, "other rules")
    with opened(folder) as file:
        assert file.saved is not None
        assert (dict(file.saved.files), file.saved.rules) == ({"/p/other": ENTRY}, "other rules")
        assert file.saved.history.batches == ()
        assert file.saved.history.epochs == ((journal.epoch, 1, 3),)


def test_clocks_of_earlier_runs_are_answered_as_long_as_what_came_since_is_kept(folder: str) -> None:
    with opened(folder) as file:
        first = run(file)
        file.rewrite(first.number, {}, "")
        clocks = [first.clock, write(file, first, "/p/a").clock]
        reported_but_lost = first.append([], "watch").clock
    with opened(folder) as file:
        second = run(file)
        clocks += [second.clock, write(file, second, "/p/b").clock]
    with opened(folder) as file:
        third = run(file)
        write(file, third, "/p/c")
        names = [[change.path.name for change in third.since(clock) or ()] for clock in clocks]
        assert names == [["a", "b", "c"], ["b", "c"], ["b", "c"], ["c"]]
        assert third.since(reported_but_lost) is None


def test_the_oldest_changes_are_forgotten(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_JOURNAL_LIMIT", 5)
    with opened(folder) as file:
        first = run(file)
        file.rewrite(first.number, {}, "")
        clocks = [first.clock, *(write(file, first, f"/p/{number}").clock for number in range(8))]
    with opened(folder) as file:
        second = run(file)
        assert [len(second.since(clock) or "none") for clock in clocks] == [4, 4, 4, 5, 4, 3, 2, 1, 4]
        assert second.since(clocks[-1]) == []
        many = second.append([FileChange(Path(f"/p/{number}"), "modified") for number in range(6)], "watch")
        file.append(many, {f"/p/{number}": ENTRY for number in range(6)})
    with opened(folder) as file:
        assert file.saved is not None
        assert (len(file.saved.files), file.saved.history.number, file.saved.history.batches) == (8, 9, ())
        run(file)
    with opened(folder) as file:
        assert file.saved is not None
        assert len(file.saved.history.epochs) == 2, "runs whose clocks can't be answered any more are forgotten, too"


def test_only_so_many_runs_are_known(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_RUNS_KEPT", 3)
    kept(folder)
    for _ in range(6):
        with opened(folder) as file:
            journal = run(file)
    with opened(folder) as file:
        assert file.saved is not None
        assert len(file.saved.history.epochs) == 4
        assert file.saved.history.epochs[-1] == (journal.epoch, 1, 1)


def test_a_batch_that_was_not_kept_makes_those_before_it_useless(folder: str) -> None:
    kept(folder)
    with opened(folder) as file:
        journal = run(file)
        journal.append([FileChange(Path("/p/lost"), "created")], "watch")
        batch = write(file, journal, "/p/b", "created")
    with opened(folder) as file:
        assert file.saved is not None
        assert [parts(one) for one in file.saved.history.batches] == [parts(batch)]
        assert "/p/b" in file.saved.files


def test_a_journal_that_was_not_kept_is_lost_but_the_files_are_not(folder: str) -> None:
    kept(folder)
    with opened(folder) as file:
        file.begin("abc", 77)
    with opened(folder) as file:
        assert file.set_aside is None
        assert file.saved is not None
        assert (file.saved.history.number, file.saved.history.batches) == (77, ())
        assert len(file.saved.files) == len(FILES)


def test_scopes_do_not_share(folder: str) -> None:
    kept(folder)
    with opened(folder, "other") as file, opened(folder) as same:
        assert file.saved is None
        assert same.saved is not None


def test_it_may_be_used_on_one_thread_after_another(folder: str) -> None:
    files: list[StateFile] = []
    thread = threading.Thread(target=lambda: files.append(StateFile.open(folder, KEY)))
    thread.start()
    thread.join()
    with closing(files[0]) as file:
        file.rewrite(run(file).number, FILES, "")


def test_it_is_closed_once(folder: str) -> None:
    file = StateFile.open(folder, KEY)
    file.close()
    file.close()
    with pytest.raises(StateFailed, match="closed"):
        file.begin("abc", 0)


_paths = st.sampled_from(["/a", "/b", "/c/d", "/\udcff"])
_entries = st.tuples(
    st.integers(-(2**70), 2**70),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 7),
    st.integers(-(2**70), 2**70),
    st.just(0),
)
_changes = st.dictionaries(_paths, st.none() | _entries, min_size=1)
_steps = st.lists(st.one_of(_changes, st.sampled_from(["restart", "forget", "lose"])), max_size=20)


@given(_steps)
@settings(max_examples=60)
def test_restarts_change_nothing(steps: list[Mapping[str, Entry | None] | str]) -> None:
    """Beside one that never ends: the files are the same, and what is answered of any clock is."""
    files: dict[str, Entry] = {}
    reported: list[FileChange] = []
    clocks: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = StateFile.open(folder, KEY)
        try:
            journal = run(file)
            file.rewrite(journal.number, files, "")
            for step in steps:
                clocks[journal.clock] = len(reported)
                if step == "forget":
                    journal.forget()
                    file.rewrite(journal.number, files, "")
                    clocks.clear()
                elif isinstance(step, str):
                    lost = journal.append([], "watch").clock if step == "lose" else ""
                    file.close()
                    file = StateFile.open(folder, KEY)
                    assert file.set_aside is None
                    assert file.saved is not None
                    assert file.saved.files == files
                    journal = run(file)
                    assert journal.since(lost) is None
                else:
                    changes = [_change(path, entry, files) for path, entry in step.items() if entry or path in files]
                    file.append(journal.append(changes, "watch"), step)
                    reported += changes
                    files = {path: entry for path, entry in {**files, **step}.items() if entry is not None}
            for clock, position in clocks.items():
                assert journal.since(clock) == net_changes(reported[position:])
        finally:
            file.close()


def _change(path: str, entry: Entry | None, files: Mapping[str, Entry]) -> FileChange:
    if entry is None:
        return FileChange(Path(path), "deleted")
    return FileChange(Path(path), "modified" if path in files else "created")


# -- what is not trusted ---------------------------------------------------------------------------------


def sql(*statements: str, **pragmas: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)
            for name, value in pragmas.items():
                connection.execute(f"PRAGMA {name} = {value}")

    return damage


def content(data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(data)

    return damage


def overwrite(offset: int, data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        changed = bytearray(path.read_bytes())
        changed[offset : offset + len(data)] = data
        path.write_bytes(changed)

    return damage


def cut(part: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(path.stat().st_size * part))


def another_scope(path: Path) -> None:
    with opened(str(path.parent), "another") as file:
        file.rewrite(run(file).number, FILES, "rules")
    (another,) = set(path.parent.glob("*.sqlite")) - {path}
    os.replace(another, path)


def another_database(path: Path) -> None:
    path.unlink()
    sql("CREATE TABLE notes (text)")(path)
    path.chmod(0o600)


def link(path: Path) -> None:
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def linked_log(path: Path) -> None:
    (path.parent / f"{path.name}-wal").symlink_to(path)


DAMAGES: list[tuple[str, Callable[[Path], None], str]] = [
    ("cut to a few bytes", cut(0.001), "malformed"),
    ("cut in half", cut(0.5), "malformed"),
    ("garbage", content(random.Random(1).randbytes(20_000)), "not a database"),
    ("text", content(b"hello"), "not a database|malformed"),
    ("nothing but zeros", content(bytes(20_000)), "not a database"),
    ("a broken message", overwrite(3500, b"\xff" * 596), "sqlite reports"),
    ("garbage in the middle", overwrite(4096 * 2, random.Random(2).randbytes(4096)), "sqlite reports|malformed"),
    ("can't be written to", overwrite(18, b"\x03"), "readonly"),
    ("another database", another_database, "not a reloadls state file"),
    ("another application's", sql(application_id=7), "not a reloadls state file"),
    ("a later version", sql(user_version=3), "version 3"),
    ("another scope's", another_scope, "another scope"),
    ("another table", sql("CREATE TABLE more (x)"), "unexpected schema"),
    ("a trigger", sql("CREATE TRIGGER t AFTER UPDATE ON head BEGIN DELETE FROM files; END"), "unexpected schema"),
    ("a table is missing", sql("DROP TABLE batches"), "unexpected schema"),
    ("no head", sql("DELETE FROM head"), "0 heads"),
    ("two heads", sql("INSERT INTO head SELECT body FROM head"), "2 heads"),
    ("a head of another type", sql("UPDATE head SET body = 5"), "its head"),
    ("an empty head", sql("UPDATE head SET body = x''"), "its head"),
    ("a head of zeros", sql("UPDATE head SET body = zeroblob(4)"), "its head"),
    ("another head", sql("UPDATE head SET body = body || x'20'"), "its head"),
    ("a file is missing", sql("DELETE FROM files WHERE path = x'2f702f3030332e7079'"), "1 files are missing"),
    ("all files are missing", sql("DELETE FROM files"), "200 files are missing"),
    ("a file is renamed", sql("UPDATE files SET path = x'2f70' WHERE path = x'2f702f3030332e7079'"), "checksum"),
    (
        "a path of another type",
        sql("UPDATE files SET path = 5 WHERE path = x'2f702f3030332e7079'"),
        "format",
    ),
    ("a path that is text", sql("UPDATE files SET path = 'a' WHERE path = x'2f702f3030332e7079'"), "checksum"),
    ("an entry of another type", sql("UPDATE files SET entry = 1.5"), "format"),
    ("an entry that is text", sql("UPDATE files SET entry = 'x'"), "format"),
    ("an entry of another size", sql("UPDATE files SET entry = x'00'"), "format"),
    ("entries of zeros", sql("UPDATE files SET entry = zeroblob(36)"), "checksum"),
    ("a batch is missing", sql("DELETE FROM batches"), "missing"),
    ("a batch of another number", sql("UPDATE batches SET number = 2"), "another batch"),
    ("a batch of another type", sql("UPDATE batches SET body = 'x'"), "its journal"),
    ("a batch of another size", sql("UPDATE batches SET size = 'x'"), "missing"),
    ("an empty batch", sql("UPDATE batches SET body = x'00000000'"), "its journal"),
    ("another batch", sql("UPDATE batches SET body = body || x'00'"), "checksum"),
    ("a link", link, "is a link"),
    ("a folder", directory, "not a regular file"),
    ("a linked log", linked_log, "wal: is a link"),
    ("others may write", lambda path: path.chmod(0o602), "is writable by other users"),
    ("the group may write", lambda path: path.chmod(0o660), "is writable by other users"),
]


@pytest.mark.parametrize(("damage", "reason"), [case[1:] for case in DAMAGES], ids=[case[0] for case in DAMAGES])
def test_a_damaged_or_foreign_state_file_is_set_aside(folder: str, damage: Callable[[Path], None], reason: str) -> None:
    check_set_aside(folder, damage, reason)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_state_file_of_another_user_is_set_aside(folder: str) -> None:
    check_set_aside(folder, lambda path: os.chown(path, 12345, -1), "belongs to user 12345")


def check_set_aside(folder: str, damage: Callable[[Path], None], reason: str) -> None:
    kept(folder)
    path = the_file(folder)
    damage(path)
    with opened(folder) as file:
        aside = path.with_suffix(".damaged-1")
        assert file.saved is None
        assert file.set_aside is not None
        assert file.set_aside.startswith(f"{path} can't be used: ")
        assert file.set_aside.endswith(f"; renamed to {aside}")
        assert re.search(reason, file.set_aside)
        assert os.path.lexists(aside)
    kept(folder)
    with opened(folder) as file:
        assert file.set_aside is None
        assert file.saved is not None
        assert len(file.saved.files) == len(FILES)


def test_the_last_three_are_kept_aside(folder: str) -> None:
    for number in range(5):
        with opened(folder):
            pass
        the_file(folder).write_text(f"damaged, number {number}")
    with opened(folder):
        pass
    found = {path.name.partition(".")[2]: path.read_text() for path in Path(folder).glob("*.damaged-*")}
    assert found == {f"damaged-{place}": f"damaged, number {5 - place}" for place in (1, 2, 3)}


def test_the_message_names_what_is_wrong_once(folder: str) -> None:
    kept(folder)
    the_file(folder).write_text("damaged")
    with opened(folder) as file:
        assert file.set_aside is not None
        assert len(file.set_aside.splitlines()) == 1


@dataclass(frozen=True)
class Sound:
    path: Path
    content: bytes = field(repr=False)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    folder = str(tmp_path_factory.mktemp("sound"))
    kept(folder)
    with opened(folder) as file:  # some pages become free, and some files go
        journal = run(file)
        for number in range(20, 150):
            write(file, journal, f"/p/{number:03}.py", "deleted", None)
    return Sound(the_file(folder), the_file(folder).read_bytes())


def check_flip(sound: Sound, offset: int, value: int) -> None:
    path, changed = sound.path, bytearray(sound.content)
    changed[offset % len(changed)] ^= value
    for other in path.parent.glob("*damaged*"):
        other.unlink()
    path.write_bytes(changed)
    with opened(str(path.parent)) as file:
        if file.saved is not None:
            assert file.set_aside is None
            assert len(file.saved.files) == 70
            assert all(file.saved.files[name] == FILES[name] for name in list(file.saved.files)[1:])
            assert file.saved.history.number == len(file.saved.history.batches) == 131
        else:
            assert file.set_aside is not None
        try:
            journal = run(file)
            file.rewrite(journal.number, FILES, "")
            write(file, journal, "/p/a", "created")
        except StateFailed:
            return  # what was not looked at since nothing is in it may be broken, too; that is found on use
    with opened(str(path.parent)) as file:
        assert file.saved is not None
        assert file.saved.files == {**FILES, "/p/a": ENTRY}


@pytest.mark.parametrize("value", [1, 255])
def test_a_byte_that_differs_in_the_head_changes_nothing_or_is_noticed(sound: Sound, value: int) -> None:
    for offset in range(120):
        check_flip(sound, offset, value)


@given(offset=st.integers(0, 2**20), value=st.integers(1, 255))
@settings(max_examples=200)
def test_a_byte_that_differs_anywhere_changes_nothing_or_is_noticed(sound: Sound, offset: int, value: int) -> None:
    check_flip(sound, offset, value)


# -- the folder ------------------------------------------------------------------------------------------


def test_the_folder_and_the_file_are_the_users_alone(folder: str) -> None:
    before = os.umask(0)
    try:
        kept(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(the_file(folder).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_used(folder: str, mode: int) -> None:
    Path(folder).mkdir(parents=True)
    Path(folder).chmod(mode)
    with pytest.raises(StateFailed, match=f"{folder}: is writable by other users \\(mode {mode:o}\\)"):
        StateFile.open(folder, KEY)


def test_a_linked_folder_is_not_used(folder: str, tmp_path: Path) -> None:
    Path(folder).parent.mkdir()
    Path(folder).symlink_to(tmp_path)
    with pytest.raises(StateFailed, match="is a link"):
        StateFile.open(folder, KEY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_state_folder_of_another_user_is_not_used(folder: str) -> None:
    Path(folder).mkdir(parents=True)
    os.chown(folder, 12345, -1)
    with pytest.raises(StateFailed, match="belongs to user 12345"):
        StateFile.open(folder, KEY)


def test_without_a_usable_folder_no_state_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("file", "file/watch"):
        with pytest.raises(OSError, match="file"):
            StateFile.open(str(tmp_path / folder), KEY)


def test_the_folder_is_where_the_platform_keeps_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert state_folder() == str(tmp_path / "reloadls" / "watch")


def age(path: Path, days: float) -> None:
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then), follow_symlinks=False)


def test_the_state_of_unwatched_scopes_is_removed_after_a_while(folder: str) -> None:
    for key in ("unused", "in use", "recent", "damaged"):
        with opened(folder, key) as file:
            run(file)
    with opened(folder, "in use") as in_use:
        names = {key: Path(folder, _name(key)) for key in ("unused", "in use", "recent", "damaged")}
        names["damaged"].with_suffix(".sqlite").rename(names["damaged"].with_suffix(".damaged-2"))
        foreign = [Path(folder, name) for name in ("notes.sqlite", "0" * 31 + ".sqlite", "0" * 32 + ".txt", "x.lock")]
        for path in foreign:
            path.touch()
        for path in Path(folder).iterdir():
            age(path, 29 if path.stem == names["recent"].name else 31)
        left = {path.name for path in foreign} | {"open.lock"}
        with opened(folder):
            pass
        for key in (KEY, "in use", "recent"):
            left |= {_name(key) + ".sqlite", _name(key) + ".lock"}
        assert {path.name for path in Path(folder).iterdir()} - {
            path.name for path in Path(folder).glob("*-wal")
        } == left
        run(in_use)


def test_a_subscriber_that_returns_late_finds_its_state(folder: str) -> None:
    kept(folder)
    for path in Path(folder).iterdir():
        age(path, 400)
    with opened(folder) as file:
        assert file.saved is not None


def _name(key: str) -> str:
    with tempfile.TemporaryDirectory() as folder, opened(folder, key):
        return the_file(folder).stem


# -- other processes, and the worst of ends --------------------------------------------------------------


def python(code: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_one_process_keeps_a_scopes_state(folder: str) -> None:
    code = """
        import sys
        from reloadls.watch.state.store import StateFile
        file = StateFile.open(sys.argv[1], sys.argv[2])
        print("open", flush=True)
        sys.stdin.read()
    """
    with ended(python(code, folder, KEY)) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StateBusy, match="used by another process"):
            StateFile.open(folder, KEY)
        with opened(folder, "another"):
            pass
        other.kill()
        other.wait()
        with opened(folder) as file:
            assert file.set_aside is None


def test_within_one_process_there_is_one_too(folder: str) -> None:
    with opened(folder) as file:
        journal = run(file)
        file.rewrite(journal.number, FILES, "")
        with pytest.raises(StateBusy):
            StateFile.open(folder, KEY)
        write(file, journal, "/p/a", "created")
    with opened(folder) as file:
        assert file.saved is not None
        assert len(file.saved.files) == len(FILES) + 1


KEEPS_ON = """
    import os, sys
    from datetime import datetime, UTC
    from pathlib import Path
    from reloadls.watch.change import FileChange
    from reloadls.watch.journal import Journal
    from reloadls.watch.state.store import StateFile
    from tests.watch.test_state import REWRITE, at_number, step_to

    def keep_on(folder, key):
        file = StateFile.open(folder, key)
        journal = Journal(history=file.saved and file.saved.history)
        if file.saved is None:
            file.begin(journal.epoch, journal.number)
            file.rewrite(journal.number, at_number(journal.number), "")
        else:
            file.begin(journal.epoch, journal.number)
        while True:
            if journal.number % REWRITE == 0:
                journal.forget()
                file.rewrite(journal.number, at_number(journal.number), "")
            else:
                changes, entries = step_to(journal.number + 1)
                file.append(journal.append(changes, "watch"), entries)
            os.write(1, b"%d\\n" % journal.number)

    for _ in sys.stdin:
        if os.fork() == 0:
            os.write(1, b"pid %d\\n" % os.getpid())
            keep_on(*sys.argv[1:])
        os.wait()
        os.write(1, b"dead\\n")
"""
REWRITE = 50


def step_to(number: int) -> tuple[list[FileChange], dict[str, Entry | None]]:
    """The batch that leads to `number`, of one file or of hundreds."""
    paths = [f"/p/{number % 13}"] if number % 7 else [f"/p/many {index}" for index in range(300)]
    entry = None if number % 5 == 0 else (number, number, number, 0, number, 0)
    kind: ChangeType = "deleted" if entry is None else "modified"
    return [FileChange(Path(path), kind) for path in paths], dict.fromkeys(paths, entry)


def at_number(number: int) -> dict[str, Entry]:
    """All files at `number`. Where the journal forgets, nothing changes."""
    files: dict[str, Entry | None] = {}
    for earlier in range(max(1, number - 200), number + 1):  # by then every file has been written again
        if (earlier - 1) % REWRITE:
            files.update(step_to(earlier)[1])
    return {path: entry for path, entry in files.items() if entry is not None}


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork")
def test_after_a_kill_every_acknowledged_batch_is_kept(folder: str) -> None:
    acknowledged, moments = 0, random.Random(4)
    with ended(python(KEEPS_ON, folder, KEY)) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for _ in range(50):
            parent.stdin.write("go\n")
            parent.stdin.flush()
            pid = int(parent.stdout.readline().removeprefix("pid "))
            for _ in range(moments.choice([0, 1, 2, 10, 60])):
                acknowledged = int(parent.stdout.readline())
            os.kill(pid, signal.SIGKILL)
            while (line := parent.stdout.readline()) != "dead\n":
                acknowledged = int(line)
            with opened(folder) as file:
                assert file.set_aside is None
                if file.saved is None:
                    assert acknowledged == 0
                    continue
                number = file.saved.history.number
                assert number - acknowledged in (0, 1)
                assert file.saved.files == at_number(number)
                for batch in file.saved.history.batches:
                    assert list(batch.changes) == step_to(int(batch.clock.rpartition(":")[2]))[0]
    assert acknowledged > 300


def test_after_a_power_loss_it_is_as_it_was_at_some_moment(folder: str, tmp_path: Path) -> None:
    with opened(folder) as file:
        file.rewrite(run(file).number, {}, "")
    with opened(folder) as file:
        journal = run(file)
        clocks, files = [journal.clock], [dict[str, Entry]()]
        for number in range(1, 30):
            changes, entries = step_to(number)
            batch = journal.append(changes, "watch")
            file.append(batch, entries)
            clocks.append(batch.clock)
            files.append({path: entry for path, entry in {**files[-1], **entries}.items() if entry is not None})
        path = the_file(folder)
        log = Path(f"{path}-wal").read_bytes()
        numbers = set()
        for size in (*range(0, len(log), 1000), len(log)):
            lost = tmp_path / f"lost {size}"
            lost.mkdir(0o700)
            shutil.copy(path, lost)
            (lost / f"{path.name}-wal").write_bytes(log[:size])
            with opened(str(lost)) as found:
                assert found.set_aside is None
                assert found.saved is not None
                number = found.saved.history.number
                assert found.saved.files == files[number]
                begun = journal.epoch in {run[0] for run in found.saved.history.epochs}
                assert begun or number == 0
                after = Journal(history=found.saved.history)
                for index, clock in enumerate(clocks):
                    changes = [change for step in range(index + 1, number + 1) for change in step_to(step)[0]]
                    expected = net_changes(changes) if index <= number else None
                    assert after.since(clock) == (expected if begun else None)
                numbers.add(number)
            shutil.rmtree(lost)
        assert {0, 29} < numbers


def test_a_full_disk_ends_it_and_what_was_there_stays(folder: str) -> None:
    kept(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with opened(folder) as file:
        journal = run(file)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
            with pytest.raises(StateFailed, match=str(the_file(folder))):
                for number in range(1000):
                    last = journal.clock
                    write(file, journal, f"/p/new {number}", "created")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        with pytest.raises(StateFailed, match="closed"):
            write(file, journal, "/p/later", "created")
        with opened(folder) as next_one:
            assert next_one.set_aside is None
            assert next_one.saved is not None
            assert number > 3
            assert len(next_one.saved.files) == len(FILES) + number
            after = Journal(history=next_one.saved.history)
            assert after.since(last) == []
            assert after.since(journal.clock) is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can make a disk")
    if subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=400k,mode=700", "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("no disk can be made here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("how", ["append", "rewrite"])
def test_a_disk_that_is_really_full_too(small_disk: Path, how: str) -> None:
    folder = str(small_disk / "watch")
    kept(folder)
    with opened(folder) as file:
        journal = run(file)
        (small_disk / "filler").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 40_000))
        with pytest.raises(StateFailed, match="full"):
            if how == "rewrite":
                file.rewrite(journal.number, {f"{path} {number}": ENTRY for path in FILES for number in range(50)}, "")
            for number in range(5000):
                write(file, journal, f"/p/new {number}", "created")
    (small_disk / "filler").unlink()
    with opened(folder) as file:
        assert file.set_aside is None
        assert file.saved is not None
        assert len(file.saved.files) == len(FILES) + (number if how == "append" else 0)


def test_a_disk_that_is_full_from_the_first_has_no_state(small_disk: Path) -> None:
    folder = str(small_disk / "watch")
    os.makedirs(folder, 0o700)
    (small_disk / "filler").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096))
    with pytest.raises((StateFailed, OSError)):
        StateFile.open(folder, KEY)
    (small_disk / "filler").unlink()
    kept(folder)
