"""What the end-to-end tests need besides the extension: VS Code itself (code-server) and Chromium.

    python client-vscode/scripts/install_vscode.py    # prints what is where: {"node", "vscode", "chromium"}

VS Code goes into the cache, where later runs find it. Chromium, and the compiler for two native modules of VS Code,
are Debian's: they are installed with apt-get where that is allowed, else a message says what is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cache import installed, run, say
from node import VERSION as NODE_VERSION
from node import node_environment, node_folder

CODE_SERVER = "4.139.1"  # VS Code 1.139.1
NATIVE = ("@vscode/spdlog", "@vscode/native-watchdog")
COMMANDS = {"chromium": "chromium", "g++": "g++", "make": "make"}


def install() -> dict[str, str]:
    """Install what is missing, and say where it all is."""
    debian_packages()
    vscode = installed(f"code-server-{CODE_SERVER}", f"with Node.js {NODE_VERSION}", install_vscode)
    entry = vscode / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    chromium = shutil.which("chromium") or "chromium"
    return {"node": f"{node_folder()}/bin/node", "vscode": os.fspath(entry), "chromium": chromium}


def debian_packages() -> None:
    missing = sorted({package for command, package in COMMANDS.items() if shutil.which(command) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(f"missing: {', '.join(missing)}; install them and run this again")
    say(f"installing {', '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", env=quiet)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=quiet)


def install_vscode(place: Path) -> None:
    """As code-server's own postinstall script does it, without what only an interactive user needs."""
    environment = node_environment() | {"NODE_GYP_FORCE_PYTHON": sys.executable}
    (place / "package.json").write_text("{}\n", encoding="utf-8")  # or npm looks for one in the folders above
    install = ("npm", "install", "--ignore-scripts")
    run(*install, f"code-server@{CODE_SERVER}", cwd=place, env=environment)
    code = place / "node_modules" / "code-server" / "lib" / "vscode"

    def server() -> None:
        run(*install, "--omit=dev", cwd=code, env=environment)
        run("npm", "rebuild", *NATIVE, cwd=code, env=environment)

    def extensions() -> None:
        run(*install, "--omit=dev", cwd=code / "extensions", env=environment)

    with ThreadPoolExecutor() as pool:
        for task in [pool.submit(server), pool.submit(extensions)]:
            task.result()
    for script, name in (("remote-cli/code-linux.sh", "code-server"), ("helpers/browser-linux.sh", "browser.sh")):
        link = (code / "bin" / script).with_name(name)
        link.unlink(missing_ok=True)
        link.symlink_to(Path(script).name)


if __name__ == "__main__":
    print(json.dumps(install()))
