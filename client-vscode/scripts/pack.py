"""How the extension is packed: `make vsix` runs this for the machine's platform, `make vsix-all` for all platforms.

client-vscode/dist/reloadls-<version>-<platform>.vsix     with the server and its dependencies for that platform
client-vscode/dist/reloadls-<version>-universal.vsix      for every platform; the server is the user's own
"""

from __future__ import annotations

import json
import os
import platform
import re
import runpy
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from bundle import PLATFORMS, make_bundle
from cache import installed, run, say
from node import install_packages, node_environment

PROJECT = Path(__file__).resolve().parents[2]
EXTENSION = PROJECT / "client-vscode"
LIBS = EXTENSION / "bundled" / "libs"
DIST = EXTENSION / "dist"
VSCE = "4.1.0"
SHIPPED = re.compile(
    r"(package(\.nls(\.[\w-]+)?)?\.json|readme\.md|changelog\.md|license(\.txt|\.md)?"
    r"|dist/extension\.js|media/.+|l10n/bundle.+\.json|bundled/.+)",
    re.IGNORECASE,
)


def main() -> None:
    manifest = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
    version = manifest["version"]
    check_versions(version)
    environment = node_environment()
    install_packages(EXTENSION)
    run("npm", "run", "build", cwd=EXTENSION, env=environment)
    LIBS.parent.mkdir(parents=True, exist_ok=True)
    DIST.mkdir(exist_ok=True)
    for old in DIST.glob("*.vsix"):
        old.unlink()
    here = target()
    others = [name for name in PLATFORMS if name != here] if "--all" in sys.argv[1:] else []
    for name in [*others, here]:  # the last one stays in `LIBS`, for the tests
        say(f"bundling the server for {name}")
        make_bundle(PROJECT, LIBS, PLATFORMS[name])
        if name == here:
            check_bundle()
        pack(DIST / f"reloadls-{version}-{name}.vsix", environment, name)
    pack(DIST / f"reloadls-{version}-universal.vsix", environment, None)


def check_versions(version: str) -> None:
    """One version for the package and the extension."""
    ours = runpy.run_path(os.fspath(PROJECT / "server" / "reloadls" / "_version.py"))["__version__"]
    if version != ours:
        raise SystemExit(f"client-vscode/package.json says version {version}, reloadls is {ours}")


def check_bundle() -> None:
    """Have the bundled server serve, with each supported Python that is here."""
    found = subprocess.run([PROJECT / ".ci" / "interpreters"], stdout=subprocess.PIPE, text=True, check=True)
    for line in found.stdout.splitlines():
        python = line.split(" ", 1)[1]
        subprocess.run([python, "-I", "-S", EXTENSION / "scripts" / "check_bundle.py", LIBS], check=True)


def target() -> str:
    """This platform, as VS Code's marketplace names it."""
    system = {"linux": "linux", "darwin": "darwin", "win32": "win32"}[sys.platform]
    if system == "linux" and platform.libc_ver()[0] != "glibc":
        system = "alpine"
    machine = platform.machine().lower()
    return f"{system}-{ {'x86_64': 'x64', 'amd64': 'x64', 'aarch64': 'arm64'}.get(machine, machine) }"


def pack(vsix: Path, environment: Mapping[str, str], platform_name: str | None) -> None:
    """Pack the extension: with the server that is in `LIBS` for a platform, without it for None."""
    bundled = platform_name is not None
    ignore = EXTENSION / ".vscodeignore"
    arguments: list[str | Path] = ["--no-dependencies", "--allow-missing-repository", "--out", vsix]
    if not any(EXTENSION.glob("LICENSE*")):
        arguments.append("--skip-license")
    if platform_name is not None:
        arguments += ["--target", platform_name]
    with tempfile.TemporaryDirectory() as folder:
        if not bundled:
            pure = Path(folder) / "ignore"
            pure.write_text(f"{ignore.read_text(encoding='utf-8')}\nbundled/**\n", encoding="utf-8")
            arguments += ["--ignoreFile", pure]
        vsce = installed(f"vsce-{VSCE}", VSCE, lambda place: install_vsce(place, environment))
        run(
            "node",
            vsce / "node_modules" / "@vscode" / "vsce" / "vsce",
            "package",
            *arguments,
            cwd=EXTENSION,
            env=environment,
        )
    check_vsix(vsix, bundled=bundled)
    say(f"packed {vsix.relative_to(PROJECT)}, {vsix.stat().st_size / 1e6:.1f} MB")


def install_vsce(place: Path, environment: Mapping[str, str]) -> None:
    (place / "package.json").write_text("{}\n", encoding="utf-8")  # or npm looks for one in the folders above
    run("npm", "install", "--ignore-scripts", f"@vscode/vsce@{VSCE}", cwd=place, env=environment)


def check_vsix(vsix: Path, *, bundled: bool) -> None:
    """What must be in it, and what must not."""
    with zipfile.ZipFile(vsix) as archive:
        names = archive.namelist()
        records = [name for name in names if name.endswith(".dist-info/direct_url.json")]
        builder = os.fsencode(PROJECT)
        leaks = [name for name in names if builder in archive.read(name)]
    if records or leaks:
        raise SystemExit(f"{vsix.name} names a folder of this machine in {[*records, *leaks][0]}")
    server = [name for name in names if name.startswith("extension/bundled/libs/")]
    if bundled and "extension/bundled/libs/THIRD_PARTY_NOTICES.txt" not in names:
        raise SystemExit(f"{vsix.name} lacks the notices of what it includes")
    if bundled != any(name.startswith("extension/bundled/libs/watchfiles/_rust_notify") for name in server):
        raise SystemExit(f"{vsix.name} {'lacks' if bundled else 'must not have'} the server")
    for name in names:
        if name.startswith("extension/") and not SHIPPED.fullmatch(name.removeprefix("extension/")):
            raise SystemExit(f"{vsix.name} has {name}: .vscodeignore lets it through")


if __name__ == "__main__":
    main()
