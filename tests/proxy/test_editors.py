"""The configurations of docs/editors.md in real editors: an edit on disk changes what they show for the open file.

Neovim is installed for it. Emacs and Helix are tested where they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.running import environment, until
from tests.proxy.servers import cache_folder, neovim, unavailable

EDITORS = (Path(__file__).parents[2] / "docs" / "editors.md").read_text(encoding="utf-8")
FILES = {
    "main.py": "from lib import value\n\nnumber: int = value\n",
    "lib.py": "value: int = 1\n",
    "pyproject.toml": "",
}
EDITED = 'value: str = "a"\n'
WITH_MS = 20_000
WITHOUT_MS = 5_000

DRIVE_NEOVIM = """
local function said()
  local texts = {}
  for _, entry in ipairs(vim.diagnostic.get(0)) do table.insert(texts, entry.message) end
  return table.concat(texts, ' ')
end
local function out(text) io.stdout:write(text .. '\\n') end
vim.api.nvim_create_autocmd('DiagnosticChanged', { callback = function() vim.g.heard = true end })
local ready = vim.wait(60000, function()
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  return vim.g.heard and client ~= nil and client.initialized
end, 10)
vim.wait(2000, function() return said() ~= '' end, 10)
out('ready ' .. tostring(ready) .. ' [' .. said() .. ']')
local file = assert(io.open(vim.env.EDITED_FILE, 'w'))
file:write(vim.env.EDITED)
file:close()
local changed = vim.wait(tonumber(vim.env.WITHIN_MS), function()
  return said():find(vim.env.WANTED, 1, true) ~= nil
end, 5)
out('changed ' .. tostring(changed))
vim.cmd('qall!')
"""

DRIVE_EMACS = """
(require 'eglot)
(defvar heard nil)
(defun said () (mapconcat #'flymake-diagnostic-text (flymake-diagnostics) " "))
(defun until (seconds condition)
  (let ((end (+ (float-time) seconds)))
    (while (and (not (funcall condition)) (< (float-time) end)) (accept-process-output nil 0.005))
    (if (funcall condition) "true" "false")))
(advice-add 'eglot-handle-notification :after
  (lambda (_server method &rest _) (when (eq method 'textDocument/publishDiagnostics) (setq heard t))))
(find-file "main.py")
(call-interactively #'eglot)
(flymake-start)
(let ((ready (until 60 (lambda () heard))))
  (until 2 (lambda () (not (string= (said) ""))))
  (princ (format "ready %s [%s]\\n" ready (said))))
(with-temp-file "lib.py" (insert (getenv "EDITED")))
(let ((within (/ (string-to-number (getenv "WITHIN_MS")) 1000.0)))
  (princ (format "changed %s\\n" (until within (lambda () (string-match-p "\\"str\\"" (said)))))))
(kill-emacs 0)
"""


@pytest.fixture(scope="module", autouse=True)
def servers() -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)


def config(language: str, with_: str) -> str:
    """The one block of docs/editors.md in this language that has these words in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", EDITORS, re.DOTALL)
    [found] = [block for block in blocks if with_ in block]
    return str(found)


def workspace(folder: Path, files: Mapping[str, str] = FILES, **more: str) -> dict[str, str]:
    """Lay the files, and give the environment for an editor there that finds nobody's settings."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = os.pathsep.join([os.path.dirname(sys.executable), f"{cache_folder()}/venv/bin", os.environ["PATH"]])
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    home = {name: os.fspath(folder / "home") for name in names}
    return environment(PATH=path, **({"EDITED": EDITED, "EDITED_FILE": "lib.py"} | home | more))


def scripted(
    folder: Path,
    within_ms: int,
    *command: str | Path,
    wanted: str = "",
    files: Mapping[str, str] = FILES,
    edit: tuple[str, str] = ("lib.py", EDITED),
) -> str:
    """What the editor says when it is driven by a script: whether what it shows has changed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=workspace(folder, files, WITHIN_MS=str(within_ms), WANTED=wanted, EDITED_FILE=edit[0], EDITED=edit[1]),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    lines = re.findall(r"^(?:ready|changed) .*", done.stdout, re.MULTILINE)
    assert len(lines) == 2 and lines[0] == "ready true []", done
    return str(lines[1])


# -- Neovim ----------------------------------------------------------------------------------------------------


def in_neovim(
    folder: Path,
    settings: str,
    within_ms: int,
    wanted: str = '"str"',
    *,
    files: Mapping[str, str] = FILES,
    edit: tuple[str, str] = ("lib.py", EDITED),
) -> str:
    if (reason := neovim()) is not None:
        pytest.skip(reason)
    (folder / "config.lua").write_text(settings, encoding="utf-8")
    (folder / "drive.lua").write_text(DRIVE_NEOVIM, encoding="utf-8")
    program = cache_folder() / "venv" / "bin" / "nvim"
    options = ("--headless", "-n", "-i", "NONE", "-u", "config.lua", "main.py", "+luafile drive.lua")
    return scripted(folder, within_ms, program, *options, wanted=wanted, files=files, edit=edit)


def test_neovim(tmp_path: Path) -> None:
    assert in_neovim(tmp_path, config("lua", "vim.lsp.config"), WITH_MS) == "changed true"


def test_neovim_without_the_proxy(tmp_path: Path) -> None:
    settings = config("lua", "vim.lsp.config")
    plain = settings.replace("'reloadls', 'proxy', '--', ", "")
    assert plain != settings
    assert in_neovim(tmp_path, plain, WITHOUT_MS) == "changed false"


PULLED = """
vim.lsp.config('pulled', {
  cmd = { 'reloadls', 'proxy', '--', 'COMMAND', 'server' },
  filetypes = { 'python' },
  root_markers = { 'pyproject.toml', 'ruff.toml' },
})
vim.lsp.enable('pulled')
"""
RUFF = {"main.py": "import os\n", "lib.py": "", "ruff.toml": '[lint]\nselect = ["E"]\n'}


@pytest.mark.parametrize(
    ("server", "files", "edit", "wanted"),
    [
        ("ty", FILES, ("lib.py", EDITED), "str"),
        ("ruff", RUFF, ("ruff.toml", '[lint]\nselect = ["F"]\n'), "imported but unused"),
    ],
)
@pytest.mark.parametrize("proxied", [True, False])
def test_a_server_that_neovim_would_pull_from(
    tmp_path: Path, *, server: str, files: dict[str, str], edit: tuple[str, str], wanted: str, proxied: bool
) -> None:
    """Neovim 0.11 does not pull again when a file changes on disk."""
    settings = PULLED.replace("COMMAND", server)
    if not proxied:
        settings = settings.replace("'reloadls', 'proxy', '--', ", "")
    within = WITH_MS if proxied else WITHOUT_MS
    assert in_neovim(tmp_path, settings, within, wanted, files=files, edit=edit) == f"changed {str(proxied).lower()}"


# -- Emacs -----------------------------------------------------------------------------------------------------


def test_emacs(tmp_path: Path) -> None:
    """Not without the proxy: eglot watches by itself, but not while a script runs."""
    emacs = shutil.which("emacs")
    if emacs is None:
        pytest.skip("there is no emacs")
    if subprocess.run([emacs, "--batch", "-l", "eglot"], capture_output=True, check=False).returncode:
        pytest.skip("this emacs has no eglot")
    (tmp_path / "config.el").write_text(config("elisp", "eglot"), encoding="utf-8")
    (tmp_path / "drive.el").write_text(DRIVE_EMACS, encoding="utf-8")
    said = scripted(tmp_path, WITH_MS, emacs, "--batch", "-l", "config.el", "-l", "drive.el")
    assert said == "changed true"


# -- Helix -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, bytearray]]:
    """A terminal's descriptor for a program, and all that is shown there."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
    shown, done = bytearray(), threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError):
            while not done.is_set():
                if select.select([ours], [], [], 0.05)[0]:
                    shown.extend(os.read(ours, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield theirs, shown
    finally:
        done.set()
        reader.join()
        os.close(ours)
        os.close(theirs)


def in_helix(folder: Path, settings: str, within_ms: int) -> bool:
    """Whether Helix shows what is wrong at the cursor's line, within so long after the edit."""
    helix = shutil.which("hx") or shutil.which("helix")
    if helix is None:
        pytest.skip("there is no helix")
    env = workspace(folder, TERM="xterm-256color")
    (folder / "home" / "helix").mkdir(parents=True)
    (folder / "home" / "helix" / "languages.toml").write_text(settings, encoding="utf-8")
    log = folder / "home" / "log"
    command = [helix, "-vv", "--log", os.fspath(log), "main.py:3:15"]
    with (
        terminal() as (tty, shown),
        subprocess.Popen(command, cwd=folder, env=env, stdin=tty, stdout=tty, stderr=tty) as process,
    ):
        try:
            until(lambda: log.exists() and "textDocument/publishDiagnostics" in log.read_text(), "diagnostics")
            assert b"is not assignable" not in shown
            (folder / "lib.py").write_text(EDITED, encoding="utf-8")
            ended = threading.Event()
            for _ in range(within_ms // 10):
                if b"is not assignable" in shown:
                    return True
                ended.wait(0.01)
            return False
        finally:
            process.kill()


def test_helix(tmp_path: Path) -> None:
    assert in_helix(tmp_path, config("toml", "reloadls"), WITH_MS)


def test_helix_without_the_proxy(tmp_path: Path) -> None:
    settings = config("toml", "reloadls")
    plain = settings.replace('"reloadls"', '"basedpyright-langserver"').replace('"proxy", "--always", "--", ', "")
    plain = plain.replace('"basedpyright-langserver", "--stdio"', '"--stdio"')
    assert "reloadls" not in plain and '"proxy"' not in plain
    assert not in_helix(tmp_path, plain, WITHOUT_MS)
