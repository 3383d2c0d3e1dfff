"""Test which files a server registers, and how fast it reacts to an edit: `reloadls proxy --check`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from reloadls.base.paths import prefix_of
from reloadls.base.text import shown
from reloadls.proxy import rewrite
from reloadls.proxy.child import StartError
from reloadls.proxy.editor import Editor, ServerEnded
from reloadls.proxy.main import NOT_STARTED, ProxyOptions, start_log
from reloadls.proxy.watching.registrations import Glob, RegisteredWatches, read_watchers, shown_watcher
from reloadls.watch.sources.linux.calls import InotifyCalls
from reloadls.wire.uris import to_uri

__all__ = ["check_main"]

_START_S: Final = 30.0
_QUIET_S: Final = 1.0
"""Seconds without a message after which a server counts as idle."""
_REACT_S: Final = 5.0
_SAMPLES: Final = 8
_SHOWN: Final = 20
_OPEN: Final = 0x20
"""IN_OPEN of inotify(7)."""
_CHATTER: Final = ("window/logMessage", "$/logTrace", "telemetry/event")

_SCENARIOS: Final = (
    (
        "python", "main.py", "from lib import value\n\nnumber: int = value\n",
        "lib.py", "value: int = 1\n", 'value: str = "a"\n',
    ),
    (
        "typescript", "main.ts", 'import { value } from "./lib";\nexport const number: number = value;\n',
        "lib.ts", "export const value = 1;\n", 'export const value = "a";\n',
    ),
)  # fmt: skip
"""(language, file that is opened, its text, file that is edited on disk, its text, its new text)."""

_LATE_S: Final = 15.0
"""Seconds that a server may take to register after the user's file was opened."""
_COPY: Final = "reloadls_check"
"""The name of the copy of the user's file that is opened; the copy that is edited keeps the name."""
_LONGEST: Final = 1 << 20
_LANGUAGES: Final = {
    ".c": "c", ".cc": "cpp", ".clj": "clojure", ".cpp": "cpp", ".cs": "csharp", ".css": "css", ".dart": "dart",
    ".ex": "elixir", ".go": "go", ".h": "c", ".hs": "haskell", ".html": "html", ".java": "java", ".js": "javascript",
    ".json": "json", ".jsx": "javascriptreact", ".kt": "kotlin", ".lua": "lua", ".md": "markdown", ".ml": "ocaml",
    ".nix": "nix", ".php": "php", ".py": "python", ".pyi": "python", ".r": "r", ".rb": "ruby", ".rs": "rust",
    ".scala": "scala", ".sh": "shellscript", ".sql": "sql", ".svelte": "svelte", ".swift": "swift", ".tex": "latex",
    ".tf": "terraform", ".toml": "toml", ".ts": "typescript", ".tsx": "typescriptreact", ".vue": "vue",
    ".xml": "xml", ".yaml": "yaml", ".yml": "yaml", ".zig": "zig",
}  # fmt: skip
"""File name extension → LSP language identifier."""


@dataclass
class _Findings:
    """The server's registrations, and its reactions to the edit, in seconds after it."""

    globs: list[Glob] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    began: float = 0.0
    notified: float | None = None
    opened: float | None = None
    reaction: tuple[float, str] | None = None

    def since(self) -> float:
        return time.monotonic() - self.began


def check_main(options: ProxyOptions, file: str | None = None) -> int:
    """Print what the server registers and how it reacts to an edit.

    Args:
        options: the server's command and the proxy's settings.
        file: a file of the server's language; one copy of it is opened, another one edited. None: sample files.

    Returns:
        The exit code: 0 if the server reacted to the edit, 1 if not, 127 if it could not be started.

    Raises:
        OSError: the file can't be read.
    """
    start_log(options.log_file)
    file_given = None if file is None else (os.path.basename(file), _read(file))
    findings = _Findings()
    try:
        asyncio.run(_check(options, findings, file_given))
    except StartError as refusal:
        sys.stderr.write(f"reloadls proxy: {shown(str(refusal))}\n")
        return NOT_STARTED
    except (ServerEnded, TimeoutError) as error:
        silent = f"the server did not answer within {_START_S:.0f} s; does it speak LSP over stdio?"
        sys.stderr.write(f"reloadls proxy: {shown(str(error)) or silent}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in _report(findings)))
    return 0 if findings.opened is not None or findings.reaction is not None else 1


async def _check(options: ProxyOptions, findings: _Findings, file_given: tuple[str, str] | None) -> None:
    with tempfile.TemporaryDirectory(prefix="reloadls-check-", ignore_cleanup_errors=True) as made:
        folder = _write_scenarios(made)

        def on_registered(registered: rewrite.Registered) -> None:
            findings.globs += read_watchers(registered.watchers, [folder])[0]
            findings.lines += map(shown_watcher, registered.watchers)

        def on_notified() -> None:
            if findings.edited and findings.notified is None:
                findings.notified = findings.since()

        settings = dataclasses.replace(
            options.settings, always=True, on_registered=on_registered, on_notified=on_notified
        )
        findings.globs += read_watchers([{"globPattern": glob} for glob in settings.globs], [folder])[0]
        async with Editor.start(dataclasses.replace(options, settings=settings)) as editor:
            await editor.initialize(folder, within=_START_S)
            await editor.wait_until_quiet(_QUIET_S, within=_START_S)
            tried = _Trial(editor, folder, findings)
            edits = await (tried.prepare() if file_given is None else tried.prepare_for(*file_given))
            await _run_trial(editor, edits, findings)


class _Trial:
    """Opens files of the server's language: many servers register only then."""

    def __init__(self, editor: Editor, folder: str, findings: _Findings) -> None:
        self._editor = editor
        self._folder = folder
        self._findings = findings
        self._opened: set[str] = set()

    async def prepare(self) -> dict[str, str]:
        """Return path → new text of the edits: of a file that an open file imports; else of one file per glob."""
        if not self._findings.lines:
            for language, opened, text, *_ in _SCENARIOS:
                await self._open(opened, language, text)
        if not self._findings.lines:
            for end, language in _LANGUAGES.items():
                self._send_opened(f"{_COPY}{end}", language, "\n")
            await self._editor.wait_until_quiet(_QUIET_S, within=_START_S)
        watches = RegisteredWatches(self._findings.globs)
        for language, opened, text, edited, _, after in _SCENARIOS:
            if watches.wants(os.path.join(self._folder, edited), "modified"):
                await self._open(opened, language, text)
                return {os.path.join(self._folder, edited): after}
        return dict.fromkeys(_samples(self._folder, self._findings.globs), "")

    async def prepare_for(self, name: str, text: str) -> dict[str, str]:
        """Return the edits for the user's file."""
        path = os.path.join(self._folder, name)
        _write(path, text)
        end = os.path.splitext(name)[1]
        await self._open(f"{_COPY}{end}", _LANGUAGES.get(end.lower(), end[1:] or "plaintext"), text)
        await self._editor.wait_until(lambda: bool(self._findings.lines), within=_LATE_S)
        await self._editor.wait_until_quiet(_QUIET_S, within=_START_S)
        return {path: text + "\n"}

    async def _open(self, name: str, language: str, text: str) -> None:
        if name not in self._opened:
            self._send_opened(name, language, text)
            await self._editor.wait_until_quiet(_QUIET_S, within=_START_S)

    def _send_opened(self, name: str, language: str, text: str) -> None:
        self._opened.add(name)
        path = os.path.join(self._folder, name)
        if not os.path.exists(path):
            _write(path, text)
        document = {"uri": to_uri(path), "languageId": language, "version": 1, "text": text}
        self._editor.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})


async def _run_trial(editor: Editor, edits: dict[str, str], findings: _Findings) -> None:
    if not edits:
        return

    def on_message(method: str) -> None:
        if findings.notified is not None and findings.reaction is None and method not in _CHATTER:
            findings.reaction = findings.since(), method

    editor.on_message = on_message
    findings.began = time.monotonic()
    findings.edited = [os.path.basename(path) for path in edits]
    for path, text in edits.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, text)
    with _noting_opens(edits, findings):
        await editor.wait_until(lambda: findings.reaction is not None, within=_REACT_S)


@contextlib.contextmanager
def _noting_opens(paths: Iterable[str], findings: _Findings) -> Iterator[None]:
    """Note when a process opens one of `paths` after the server was notified, on systems that report it."""
    try:
        calls = InotifyCalls()
        fd = calls.open()
    except OSError:
        yield
        return

    def on_open() -> None:
        os.read(fd, 65536)
        if findings.notified is not None and findings.opened is None:
            findings.opened = findings.since()

    loop = asyncio.get_running_loop()
    try:
        for path in paths:
            with contextlib.suppress(OSError):
                calls.add(fd, path, _OPEN)
        loop.add_reader(fd, on_open)
        yield
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _report(findings: _Findings) -> Iterator[str]:
    if not findings.lines:
        yield "The server registers for no files."
        yield "If it handles changes nevertheless, name the files with --watch GLOB."
    else:
        yield "The server registers for:"
        lines = list(dict.fromkeys(findings.lines))
        yield from (f"  {line}" for line in lines[:_SHOWN])
        if len(lines) > _SHOWN:
            yield f"  and {len(lines) - _SHOWN} more"
    if not findings.edited:
        return
    yield f"Edited on disk: {', '.join(findings.edited)}"
    if findings.notified is None:
        yield "The server was not notified."
        return
    yield f"  sent to the server after {_ms(findings.notified)}"
    if findings.opened is not None:
        yield f"  read by the server after {_ms(findings.opened)}"
    if findings.reaction is not None:
        yield f"  {findings.reaction[1]} from the server after {_ms(findings.reaction[0])}"
    if findings.opened is None and findings.reaction is None:
        yield f"  no reaction of the server within {_REACT_S:.0f} s"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _write_scenarios(made: str) -> str:
    """Write the files of the scenarios into a folder, and return its real path."""
    folder = os.path.realpath(made)
    for _, opened, text, edited, before, _ in _SCENARIOS:
        _write(os.path.join(folder, opened), text)
        _write(os.path.join(folder, edited), before)
    return folder


def _samples(folder: str, globs: Iterable[Glob]) -> list[str]:
    """Return paths of new files in `folder`, one for each of the first globs."""
    samples = [path for path in dict.fromkeys(map(_sample, globs)) if path.startswith(prefix_of(folder))]
    return [path for path in samples if not os.path.exists(path)][:_SAMPLES]


def _sample(glob: Glob) -> str:
    """Return a path that `glob` matches."""
    names = [re.sub(r"\[!?(.)[^]]*\]", r"\1", name) for name in glob.rest if name != "**"]
    return os.path.join(glob.root, *(name.replace("*", "check").replace("?", "x") for name in names))


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return file.read(_LONGEST)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
