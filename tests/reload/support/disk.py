"""Write, edit and compare a scenario's files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType

from tests.reload.support.scenario import Act, ScenarioError, Snippet

__all__ = ["Change", "State", "differences", "do", "scan", "snippet_code"]

TICK = 10_000_000
"""Nanoseconds by which a new mtime is made to differ from the old one: more than a file system's clock tick."""

State = dict[str, tuple[int, int, int, str]]
"""path → inode, mtime, size, digest."""


@dataclass(frozen=True)
class Change:
    """One file's change, like `reloadls.watch.FileChange`, which the peers' environments don't have."""

    path: str
    kind: str
    renamed_from: str | None = None


def do(acts: Iterable[Act], folder: str, scenario: str) -> dict[str, str]:
    """Make these edits; return new path → old path of renamed files."""
    renamed: dict[str, str] = {}
    for act in acts:
        paths = [os.path.join(folder, path) for path in act.paths]
        if act.kind in {"file", "edit"}:
            write(paths[0], _encode(act))
        elif act.kind == "replace":
            write(paths[0], _replaced(paths[0], act, scenario))
        elif act.kind == "delete":
            os.unlink(paths[0])
        elif act.kind == "rename":
            os.makedirs(os.path.dirname(paths[1]), exist_ok=True)
            os.rename(paths[0], paths[1])
            renamed[paths[1]] = paths[0]
        else:
            exec(snippet_code(act.snippet, scenario), {"__name__": "edit", "write": write})
    return renamed


def snippet_code(snippet: Snippet, scenario: str) -> CodeType:
    """Compile a snippet with the line numbers of the scenario's file."""
    return compile("\n" * (snippet.line - 1) + snippet.source, scenario, "exec")


def write(path: str, content: bytes | str) -> None:
    """Write a file with a new mtime."""
    try:
        before = os.stat(path).st_mtime_ns
    except FileNotFoundError:
        before = 0
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    after = os.stat(path).st_mtime_ns
    if after < before + TICK:
        os.utime(path, ns=(before + TICK, before + TICK))


def _encode(act: Act) -> bytes:
    text = act.snippet.source
    if act.options.get("end") == "bare":
        text = text.removesuffix("\n")
    if act.options.get("newline") == "crlf":
        text = text.replace("\n", "\r\n")
    return text.encode(act.options.get("encoding", "utf-8"))


def _replaced(path: str, act: Act, scenario: str) -> bytes:
    old, arrow, new = act.snippet.source.partition("--->\n")
    old, new = old.removesuffix("\n"), new.rstrip("\n")
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    if not arrow or text.count(old) != 1:
        raise ScenarioError(f"{scenario}:{act.snippet.line}: the old text is there {text.count(old)} times")
    # Blank lines at its end only identify the position; a line replaced by nothing is removed.
    start = text.index(old)
    end = start + len(old.rstrip("\n")) + (not new)
    return (text[:start] + new + text[end:]).encode()


def scan(folder: str) -> State:
    """Return the state of all files, without bytecode."""
    state: State = {}
    for place, folders, names in os.walk(folder):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        for name in names:
            path = os.path.join(place, name)
            found = os.stat(path)
            with open(path, "rb") as file:
                state[path] = (found.st_ino, found.st_mtime_ns, found.st_size, hashlib.md5(file.read()).hexdigest())
    return state


def differences(before: State, after: State, renamed: dict[str, str]) -> list[Change]:
    """Return the changes a watcher would report between two states."""
    changes = [Change(path, "deleted") for path in before if path not in after]
    for path, state in after.items():
        if path not in before:
            changes.append(Change(path, "created", renamed.get(path)))
        elif before[path] != state:
            changes.append(Change(path, "modified"))
    return changes
