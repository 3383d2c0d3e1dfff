"""The demo's project: this package's own source, many times over, in a temporary folder, under git if there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from reloadls.base import PACKAGE

__all__ = ["VERSION_FILES", "DemoProject"]

VERSION_FILES: Final = 200
"""How many files differ between the two versions."""


class DemoProject:
    """Two roots and a place outside of them, in a temporary folder of their own.

    Attributes:
        folder: holds all of it.
        app: the first root, the project.
        data: the second root.
        outside: not watched.
        git: the git program, if there is one that works.
    """

    def __init__(self) -> None:
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="reloadls-demo-")))
        self.app, self.data, self.outside = (self.folder / name for name in ("app", "data", "outside"))
        self.git = shutil.which("git")

    def build(self) -> None:
        """Make everything. Blocking."""
        for folder in (self.app, self.data, self.outside):
            folder.mkdir()
        for number in range(20):
            (self.data / f"table{number:02}.csv").write_text(f"id,value\n1,{number}\n")
        copies = 0
        while len(self.sources()) < VERSION_FILES + 2:
            copies += 1
            shutil.copytree(PACKAGE, self.app / f"part{copies}", ignore=shutil.ignore_patterns("__pycache__"))
        if self.git:
            try:
                self._commit_both_versions()
            except (OSError, subprocess.CalledProcessError):
                self.git = None
                shutil.rmtree(self.app / ".git", ignore_errors=True)

    def sources(self) -> list[Path]:
        """The project's Python files, in order."""
        return sorted(self.app.rglob("*.py"))

    def check_out_other_version(self) -> int:
        """Bring another version of the files, as git does, and return of how many. Blocking."""
        if self.git:
            self._git("checkout", "--quiet", "other")
        else:
            for path in self.sources()[:VERSION_FILES]:
                text = path.read_text(encoding="utf-8")
                path.unlink()
                path.write_text(_other_version(text), encoding="utf-8")
        return VERSION_FILES

    def remove(self) -> None:
        """Delete all of it. Blocking."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _commit_both_versions(self) -> None:
        self._git("init", "--quiet", "--template=")
        self._git("checkout", "--quiet", "-b", "one")
        self._commit("one version")
        self._git("checkout", "--quiet", "-b", "other")
        for path in self.sources()[:VERSION_FILES]:
            path.write_text(_other_version(path.read_text(encoding="utf-8")), encoding="utf-8")
        self._commit("another version")
        self._git("checkout", "--quiet", "one")

    def _commit(self, message: str) -> None:
        self._git("add", "--all", "--force")
        self._git("commit", "--quiet", "--no-verify", "-m", message)

    def _git(self, *args: str) -> None:
        """Run git as if the user had no settings, hooks or keys."""
        assert self.git is not None
        settings = {
            "user.name": "reloadls demo",
            "user.email": "demo@localhost",
            "commit.gpgSign": "false",
            "core.hooksPath": os.devnull,
            "core.autocrlf": "false",
            "core.fsmonitor": "false",
            "gc.auto": "0",
            "maintenance.auto": "false",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        subprocess.run(  # noqa: S603 - our own arguments
            [self.git, *options, *args],
            cwd=self.app,
            env=self._git_environment(),
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )

    def _git_environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return clean | {
            "HOME": os.fspath(self.outside),
            "XDG_CONFIG_HOME": os.fspath(self.outside),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }


def _other_version(text: str) -> str:
    return f"{text}\n# another version\n"
