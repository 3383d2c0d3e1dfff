"""`reloadls proxy --check` says what a server registers, and how fast it takes an edit up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.running import finish

SERVER = """
import json, os, sys
from urllib.parse import unquote, urlsplit

def send(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    os.write(1, b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))

def watchers():
    globs = ["**/*.conf", {"baseUri": "file:///no/such/folder", "pattern": "*.x"}]
    return {"watchers": [{"globPattern": glob} for glob in globs]}

while line := sys.stdin.buffer.readline():
    size = int(line.split(b":")[1])
    sys.stdin.buffer.readline()
    message = json.loads(sys.stdin.buffer.read(size))
    method = message.get("method")
    if method == "initialize" and "register" in sys.argv:
        entry = {"id": "1", "method": "workspace/didChangeWatchedFiles", "registerOptions": watchers()}
        send({"id": "r", "method": "client/registerCapability", "params": {"registrations": [entry]}})
    if method == "textDocument/didOpen" and message["params"]["textDocument"]["languageId"] in sys.argv:
        text = message["params"]["textDocument"]["text"]
        sys.argv.remove(message["params"]["textDocument"]["languageId"])
        entry = {"id": "1", "method": "workspace/didChangeWatchedFiles", "registerOptions": watchers()}
        entry["registerOptions"]["watchers"].append({"globPattern": "**/*.weird"})
        send({"id": "r", "method": "client/registerCapability", "params": {"registrations": [entry]}})
    if method == "workspace/didChangeWatchedFiles" and "read" in sys.argv:
        for change in message["params"]["changes"]:
            open(unquote(urlsplit(change["uri"]).path)).close()
        send({"method": "textDocument/publishDiagnostics", "params": {}})
    if method == "exit":
        break
    if "id" in message and method:
        send({"id": message["id"], "result": None})
"""


def check(*words: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    done = finish("proxy", "--check", *options, "--", sys.executable, "-c", SERVER, *words)
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_server_that_reacts_to_the_edit() -> None:
    code, said = check("register", "read")
    assert code == 0
    assert said.startswith("The server registers for:\n  **/*.conf\n  *.x in file:///no/such/folder\n")
    assert "Edited on disk: check.conf\n  sent to the server after " in said
    assert "textDocument/publishDiagnostics from the server after " in said


def test_a_server_that_does_nothing_with_it() -> None:
    code, said = check("register")
    assert code == 1
    assert "no reaction of the server within 5 s" in said


def test_a_server_that_registers_for_nothing() -> None:
    code, said = check()
    assert (code, said.splitlines()[0]) == (1, "The server registers for no files.")
    code, said = check("read", options=("--watch", "**/*.py"))
    assert code == 0
    assert "Edited on disk: lib.py" in said


@pytest.mark.parametrize("language", ["python", "typescript", "lua", "zig"])
def test_a_server_that_registers_once_a_file_is_open(language: str) -> None:
    code, said = check(language, "read")
    assert code == 0
    assert said.startswith("The server registers for:\n  **/*.conf\n")
    assert "Edited on disk: check.conf, check.weird\n  sent to the server after " in said


@pytest.mark.parametrize(("name", "language"), [("a b.weird", "weird"), ("main.weird", "weird")])
def test_a_file_of_the_users_choice(tmp_path: Path, name: str, language: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"\xff text\r\n")
    code, said = check(language, "read", options=("--check-file", str(file)))
    assert code == 0
    assert f"Edited on disk: {name}\n  sent to the server after " in said and "  read by the server after " in said
    assert file.read_bytes() == b"\xff text\r\n" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["missing.go", "."])
def test_a_check_file_that_is_not_a_file(tmp_path: Path, name: str) -> None:
    done = finish("proxy", "--check-file", name, "--", "true", cwd=tmp_path)
    assert done.returncode == 2
    assert f"Invalid value for '--check-file': '{name}' is not a file." in done.stderr


def test_a_server_that_ends(tmp_path: Path) -> None:
    done = finish("proxy", "--check", "--", sys.executable, "-c", "raise SystemExit(3)")
    assert (done.returncode, done.stderr) == (1, "reloadls proxy: the server has exited with code 3\n")
    done = finish("proxy", "--check", "--", "no-such-server")
    assert done.returncode == 127
