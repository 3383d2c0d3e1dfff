"""The writers: all or nothing, and no name that leads elsewhere."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reloadls.records import RecordDataError, RecordFolderError, RecordNameError, remove, write
from tests.cli.running import environment


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\0b", ".hidden", "x" * 251, "a\nb", "\udcff"]
)
def test_an_id_that_is_no_plain_file_name_is_refused(tmp_path: Path, name: str) -> None:
    for kind, record in (("tasks", name), (name, "a")):
        if len(name) == 251 and kind == name:
            continue
        for call in (
            lambda kind=kind, record=record: write(tmp_path / "r", kind, record, {}),
            lambda kind=kind, record=record: remove(tmp_path / "r", kind, record),
        ):
            with pytest.raises(RecordNameError, match="must be a plain file name"):
                call()
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [({"a": float("nan")}, "data can't be written as JSON"), ({"a": {1, 2}}, "data can't be written as JSON"),
     ([], "data must be a JSON object, not list"), ({"a": "x" * 1024 * 1024}, "larger than 1 MiB"),
     ({"a": "\udcff"}, "data can't be written as JSON"), ({1: 1, "1": 2}, "the key \"1\" is there twice")],
)  # fmt: skip
def test_data_that_is_no_record_is_refused(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(RecordDataError) as error:
        write(tmp_path, "tasks", "a", data)
    assert message in str(error.value)
    assert not (tmp_path / "tasks").exists()


def test_a_kind_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tasks").symlink_to("elsewhere")
    with pytest.raises(RecordFolderError, match="tasks is a link"):
        write(tmp_path, "tasks", "a", {})
    with pytest.raises(RecordFolderError, match="tasks is a link"):
        remove(tmp_path, "tasks", "a")


def test_a_disk_that_is_full_leaves_the_old_content(tmp_path: Path) -> None:
    path = write(tmp_path, "tasks", "a", {"n": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write(tmp_path, "tasks", "a", {"text": "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert json.loads(path.read_text()) == {"n": 1}
    assert os.listdir(tmp_path / "tasks") == ["a.json"]


def test_a_program_that_only_writes_does_not_load_the_watch_core() -> None:
    script = (
        "import sys; from reloadls.records import write;"
        "print('reloadls.watch' in sys.modules, 'asyncio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
