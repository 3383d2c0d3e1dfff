"""Real servers, asked by Neovim and by an agent's client: an edit on disk to an unopened file changes the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import environment
from tests.proxy.servers import cache_folder, neovim, node, unavailable

pytestmark = pytest.mark.alone

CLIENTS = ("neovim", "agent")
WITH_S = 20.0
WITHOUT_S = 4.0
DRIVE_NEOVIM = """
local asked = vim.json.decode(vim.env.ASKED)
vim.lsp.config('asked', { cmd = asked.command, filetypes = { asked.language }, root_markers = { 'root' } })
vim.lsp.enable('asked')
vim.cmd.edit(asked.file)
local function says(wanted)
  return function()
    local client = vim.lsp.get_clients({ bufnr = 0 })[1]
    if client == nil or not client.initialized then return false end
    local position = { line = asked.position[1], character = asked.position[2] }
    local params = { textDocument = { uri = vim.uri_from_bufnr(0) }, position = position }
    local answer = client:request_sync('textDocument/hover', params, 5000, 0)
    return vim.inspect(answer):find(wanted, 1, true) ~= nil
  end
end
local function within(seconds, holds)  -- vim.wait does not count what its condition takes
  local ends = vim.uv.hrtime() + seconds * 1e9
  while vim.uv.hrtime() < ends do
    if holds() then return true end
    vim.wait(50)
  end
  return false
end
io.stdout:write('before ' .. tostring(within(60, says(asked.before))) .. '\\n')
vim.wait(1000)
local file = assert(io.open(asked.edit[1], 'w'))
file:write(asked.edit[2])
file:close()
io.stdout:write('after ' .. tostring(within(asked.within, says(asked.after))) .. '\\n')
vim.cmd('qall!')
"""
_PYTHON = {"main.py": "from lib import value\n\nnumber = value\n", "lib.py": "value: int = 1\n"}
_AS_TEXT = ("lib.py", 'value: str = "a"\n')
_NODE = "node_modules"


@dataclass(frozen=True)
class Asked:
    """A server, what it is asked, and an edit that changes the answer.

    Attributes:
        command: under the cache folder, its program, or its script for Node, and its arguments.
        files: the workspace; the first one is opened.
        position: where to ask: line and character.
        edit: (file, its new text).
        before, after: what is in the text of the answer before and after.
        proxy: options of the proxy.
        alone: with which clients it notices by itself.
    """

    name: str
    command: tuple[str, ...]
    language: str
    files: dict[str, str]
    position: tuple[int, int]
    edit: tuple[str, str]
    before: str
    after: str
    proxy: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()

    def argv(self) -> list[str]:
        """How it is started."""
        program = os.fspath(cache_folder() / self.command[0])
        first = [os.fspath(node() / "bin" / "node")] if self.command[0].startswith(_NODE) else []
        return [*first, program, *self.command[1:]]


ASKED = (
    Asked("zuban", ("venv/bin/zuban", "server"), "python", _PYTHON, (2, 10), _AS_TEXT, "int", "str", alone=CLIENTS),
    Asked(
        "jedi-language-server", ("venv/bin/jedi-language-server",), "python",
        _PYTHON, (2, 10), _AS_TEXT, "int", "str", alone=CLIENTS,
    ),
    Asked(
        "pyright", (f"{_NODE}/pyright/langserver.index.js", "--stdio"), "python",
        _PYTHON, (2, 10), _AS_TEXT, "int", "str",
    ),
    Asked("pyrefly", ("venv/bin/pyrefly", "lsp"), "python", _PYTHON, (2, 10), _AS_TEXT, "int", "str"),
    Asked(
        "vscode-json-language-server",
        (f"{_NODE}/vscode-langservers-extracted/bin/vscode-json-language-server", "--stdio"), "json",
        {
            "main.json": '{"$schema": "./schema.json", "name": 1}\n',
            "schema.json": '{"properties": {"name": {"description": "the old one"}}}\n',
        },
        (0, 33), ("schema.json", '{"properties": {"name": {"description": "a new one"}}}\n'), "old", "new",
        proxy=("--watch", "**/*.json"),
    ),
    Asked(
        "svelte-language-server", (f"{_NODE}/svelte-language-server/bin/server.js", "--stdio"), "svelte",
        {
            "Main.svelte": '<script lang="ts">\n  import { value } from "./lib";\n  export let x = value;\n</script>\n',
            "lib.ts": "export const value: number = 1;\n",
            "tsconfig.json": '{"compilerOptions": {"strict": true}}\n',
        },
        (2, 18), ("lib.ts", 'export const value: string = "a";\n'), "number", "string",
        proxy=("--watch", "**/*.{ts,js,svelte}"), alone=("neovim",),
    ),
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def servers() -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)


def answers(folder: Path, asked: Asked, client: str, *, proxied: bool) -> list[str]:
    """What the client says: whether the server answered as before, and as after the edit."""
    workspace = folder / "workspace"
    workspace.mkdir()
    for name, text in {**asked.files, "root": ""}.items():
        (workspace / name).write_text(text)
    options = (*asked.proxy, "--always") if client == "agent" else asked.proxy
    command = [sys.executable, "-m", "reloadls", "proxy", *options, "--"] if proxied else []
    given = json.dumps({
        "command": [*command, *asked.argv()],
        "file": next(iter(asked.files)),
        "language": asked.language,
        "position": asked.position,
        "edit": asked.edit,
        "before": asked.before,
        "after": asked.after,
        "within": WITH_S if proxied else WITHOUT_S,
    })  # fmt: skip
    programs = cache_folder() / "venv" / "bin"
    if client == "agent":
        argv: list[str | Path] = [programs / "python", Path(__file__).with_name("agent.py"), given]
    else:
        if (reason := neovim()) is not None:
            pytest.skip(reason)
        (folder / "drive.lua").write_text(DRIVE_NEOVIM)
        argv = [programs / "nvim", "--headless", "-n", "-i", "NONE", "-u", "NONE", "+filetype on"]
        argv += ["+luafile " + os.fspath(folder / "drive.lua")]
    homes = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    env = environment(ASKED=given, **dict.fromkeys(homes, os.fspath(folder)))
    done = subprocess.run(
        argv, cwd=workspace, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done
    return [line.lower() for line in lines]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_with_the_proxy_an_edit_on_disk_changes_the_answer(tmp_path: Path, asked: Asked, client: str) -> None:
    assert answers(tmp_path, asked, client, proxied=True) == ["before true", "after true"]


@pytest.mark.parametrize(
    ("asked", "client"),
    [(asked, client) for asked in ASKED for client in CLIENTS if client not in asked.alone],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_without_it_it_does_not(tmp_path: Path, asked: Asked, client: str) -> None:
    assert answers(tmp_path, asked, client, proxied=False) == ["before true", "after false"]
