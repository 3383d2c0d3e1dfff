"""Bad arguments: 2, a message that names argument, value and what is allowed, and under --json a line of JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import reloadls
from reloadls.reload.runtime.start.arguments import OPTIONS
from tests.cli.running import finish

BAD = {
    "status nope": ["'PATH'", "'nope'", "existing file or folder"],
    "watch '' ": ["'PATH'", "''", "existing file or folder"],
    "watch /dev/null": ["'PATH'", "'/dev/null'", "neither a file nor a folder"],
    "watch a.py/b": ["'PATH'", "'a.py/b'", "existing file or folder"],
    "watch --debounce-ms x": ["'--debounce-ms'", "'x'"],
    "watch --debounce-ms 0": ["'--debounce-ms'", "0", "1<=x<=60000"],
    "watch --debounce-ms 60001": ["'--debounce-ms'", "60001", "1<=x<=60000"],
    "watch --debounce-ms 1.5": ["'--debounce-ms'", "'1.5'"],
    "watch --debounce-ms=-1": ["'--debounce-ms'", "-1", "1<=x<=60000"],
    f"watch --debounce-ms {'9' * 5000}": ["'--debounce-ms'", "999"],
    "watch --max-wait-ms 100": ["'--max-wait-ms'", "'100'", "--debounce-ms (200)"],
    "watch --max-wait-ms x": ["'--max-wait-ms'", "'x'"],
    "watch --poll-delay-ms 49": ["'--poll-delay-ms'", "49", "50<=x<=60000"],
    "watch --timeout 0": ["'--timeout'", "'0'", "greater than 0"],
    "watch --timeout nan": ["'--timeout'", "'nan'", "greater than 0"],
    "watch --timeout inf": ["'--timeout'", "'inf'", "greater than 0"],
    "watch --timeout soon": ["'--timeout'", "'soon'", "greater than 0"],
    "watch --max-events 0": ["'--max-events'", "0", "x>=1"],
    "watch --max-events two": ["'--max-events'", "'two'"],
    "watch --type renamed": ["'--type'", "'renamed'", "created, modified, deleted"],
    "watch --source magic": ["'--source'", "'magic'", "'auto', 'inotify', 'watchfiles', 'polling'"],
    "watch --include ''": ["'--include'", "''", "gitignore pattern"],
    "watch --include !": ["'--include'", "'!'", "gitignore pattern"],
    "watch --exclude /": ["'--exclude'", "'/'", "matches nothing"],
    "watch --exclude #x": ["'--exclude'", "'#x'", "gitignore pattern"],
    "watch --unknown": ["--unknown"],
    "watch --on-busy wait -- true": ["'--on-busy'", "'wait'", "'restart', 'queue', 'ignore'"],
    "watch --signal 99 -- true": ["'--signal'", "'99'", "SIGTERM"],
    "watch --signal DFL -- true": ["'--signal'", "'DFL'", "SIGTERM"],
    "watch --stop-timeout 0 -- true": ["'--stop-timeout'", "'0'", "greater than 0"],
    "watch --": ["'COMMAND'", "missing after '--'"],
    "watch --timeout": ["--timeout"],
    "watsh": ["watsh"],
    "--unknown": ["--unknown"],
    "serve --log-level loud": ["'--log-level'", "'loud'", "'debug', 'info', 'warning', 'error'"],
    "serve --log-file nope/f": ["'--log-file'", "'nope/f'", "can't be written"],
    "serve --tcp 127.0.0.1:0 --ws 127.0.0.1:0": ["'--ws'", "'127.0.0.1:0'", "can't be combined with --tcp"],
    "serve --tcp example.org:1": ["'--tcp'", "'example.org:1'", "loopback"],
    "serve --new-token --stdio": ["'--new-token'", "--tcp or --ws"],
    "serve --drop-after 0": ["'--drop-after'", "'0'", "greater than 0"],
    "serve extra": ["extra"],
    "proxy --debounce-ms 0 x": ["'--debounce-ms'", "0", "1<=x<=60000"],
    "proxy --check-file nope x": ["'--check-file'", "'nope'", "is not a file"],
    "demo extra": ["extra"],
    "demo --act 4": ["'--act'", "4", "1<=x<=3"],
}


@pytest.mark.parametrize("line", BAD, ids=[line[:40] for line in BAD])
def test_bad_arguments(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.py").touch()
    args = ["" if word == "''" else word for word in line.split()]
    done = finish(*args, cwd=tmp_path)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    message, hint = done.stderr.splitlines()
    for part in BAD[line]:
        assert part in message
    assert hint.startswith("Try 'reloadls")


@pytest.mark.parametrize("line", ["status nope", "watch --debounce-ms x", "watch --unknown", "watsh", "demo extra"])
def test_bad_arguments_under_json(tmp_path: Path, line: str) -> None:
    done = finish(*line.split(), "--json", cwd=tmp_path)
    assert done.returncode == 2
    [told] = done.stdout.splitlines()
    assert json.loads(told) == {"error": done.stderr.splitlines()[0].removeprefix("reloadls: ")}


def test_a_command_and_json_exclude_each_other(tmp_path: Path) -> None:
    done = finish("watch", "--json", "--", "echo", "a b", cwd=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "error": "Invalid value for 'COMMAND': 'echo 'a b'' can't be used with --json: their outputs would be mixed."
    }


def test_json_after_two_dashes_is_a_command(tmp_path: Path) -> None:
    done = finish("watch", "--", "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.splitlines()[-1] == "reloadls: can't run --json: No such file or directory"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may enter every folder")
def test_a_path_that_may_not_be_reached(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    done = finish("watch", "closed/x", cwd=tmp_path)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


def test_the_version() -> None:
    assert finish("--version").stdout == f"reloadls {reloadls.__version__}\n"


@pytest.mark.parametrize("line", ["", "--help", "-h", "watch --help", "serve -h", "demo --help"])
def test_help_teaches_with_examples(line: str) -> None:
    done = finish(*line.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "Examples:" in done.stdout
    assert "    reloadls " in done.stdout
    assert "\x1b" not in done.stdout


def test_watch_does_not_load_what_it_does_not_need(tmp_path: Path) -> None:
    done = finish("watch", os.fspath(tmp_path), "--timeout", "0.01", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not {"pygls", "lsprotocol", "rich", "cattrs"} & loaded


def test_help_does_not_load_what_a_command_works_with() -> None:
    done = finish("--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not {"asyncio", "rich", "reloadls.watch", "reloadls.protocol", "reloadls.service"} & loaded


def test_help_of_run_shows_the_table_that_it_parses_with() -> None:
    text = " ".join(finish("run", "--help").stdout.split())
    for option in OPTIONS:
        value = f" {option.metavar}" if option.metavar else ""
        assert f"{option.names[0]}{value} {option.help}".replace("  ", " ") in text


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("reloadls wa", ["watch"]),
        ("reloadls watch --on", ["--once", "--on-busy"]),
        ("reloadls run --re", ["--restart-on-required"]),
        ("reloadls watch --source in", ["inotify"]),
        ("reloadls watch --type m", ["modified"]),
    ],
)
def test_shells_complete(typed: str, completed: list[str]) -> None:
    words = typed.split()
    done = finish(COMP_WORDS=typed, COMP_CWORD=str(len(words) - 1), _RELOADLS_COMPLETE="complete_bash")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, completed, "")


def test_completion_can_be_shown_for_a_shell() -> None:
    done = finish("--show-completion", "bash", SHELL="/bin/bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0
    assert "complete -o default -F" in done.stdout
