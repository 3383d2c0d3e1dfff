"""How the end-to-end tests are run: `make e2e` packs the extension, and then runs this.

    python client-vscode/scripts/run_e2e.py                          # all
    python client-vscode/scripts/run_e2e.py watching.test.ts         # a file of tests
    python client-vscode/scripts/run_e2e.py --name 'saved'           # the tests whose name matches
    python client-vscode/scripts/run_e2e.py --screenshots            # pictures of all views, into e2e/screenshots

A failed test leaves its window's picture and its logs in e2e/failures. RELOADLS_E2E_SLACK multiplies the deadlines:
3 in CI, else 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import psutil
from cache import run
from install_vscode import install
from node import install_packages, node_environment

E2E = Path(__file__).resolve().parents[1] / "e2e"
MARK = "RELOADLS_E2E_RUN"
PACKED = ("platform", "universal")


def main() -> int:
    arguments = parse()
    tools = install()
    slack = os.environ.get("RELOADLS_E2E_SLACK", "3" if os.environ.get("CI") else "1")
    environment = {**os.environ, **node_environment(), MARK: uuid.uuid4().hex, "RELOADLS_E2E_SLACK": slack}
    install_packages(E2E)
    run("npm", "run", "check", cwd=E2E, env=environment)
    with tempfile.TemporaryDirectory(prefix="rls-ext-") as folder:
        extensions = Path(folder)
        for kind in PACKED:
            install_extension(tools, extensions / kind, kind, environment)
        environment |= {
            "RELOADLS_E2E_VSCODE": tools["vscode"],
            "RELOADLS_E2E_CHROMIUM": tools["chromium"],
            "RELOADLS_E2E_EXTENSIONS": os.fspath(extensions),
            "RELOADLS_E2E_PYTHON": sys.executable,
            "RELOADLS_E2E_VERSION": version(),
        }
        shutil.rmtree(E2E / "failures", ignore_errors=True)
        try:
            return subprocess.run(command(arguments, slack), cwd=E2E, env=environment, check=False).returncode
        finally:
            end_all(environment[MARK])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Drive the extension in a real VS Code.")
    parser.add_argument("files", nargs="*", help="files in e2e/tests; all, if none is named")
    parser.add_argument("--name", help="run only the tests whose name matches this regular expression")
    parser.add_argument("--screenshots", action="store_true", help="take pictures of all views instead")
    return parser.parse_args()


def command(arguments: argparse.Namespace, slack: str) -> list[str]:
    if arguments.screenshots:
        return ["node", "screenshots.ts", *arguments.files]
    files = [f"tests/{Path(name).name}" for name in arguments.files] or ["tests/*.test.ts"]
    # One after the other: the machine's time is part of what is tested.
    options = [
        "--test",
        "--test-concurrency=1",
        f"--test-timeout={round(240_000 * max(1, float(slack)))}",
        "--test-reporter=spec",
    ]
    return ["node", *options, *([f"--test-name-pattern={arguments.name}"] if arguments.name else []), *files]


def install_extension(tools: dict[str, str], place: Path, kind: str, environment: dict[str, str]) -> None:
    universal = f"reloadls-{version()}-universal.vsix"
    found = list((E2E.parent / "dist").glob(f"reloadls-{version()}-*.vsix"))
    (vsix,) = [path for path in found if (path.name == universal) == (kind == "universal")]
    config = place.with_suffix(".yaml")
    config.write_text("bind-addr: 127.0.0.1:0\nauth: none\ncert: false\n", encoding="utf-8")
    data = place.with_suffix(".data")
    options = ("--config", config, "--user-data-dir", data, "--extensions-dir", place)
    run("node", tools["vscode"], *options, "--install-extension", vsix, env=environment | {"HOME": os.fspath(data)})


def version() -> str:
    return str(json.loads((E2E.parent / "package.json").read_text(encoding="utf-8"))["version"])


def end_all(mark: str) -> None:
    """End whatever this run started and is still there: an interrupted test can't do it."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                process.kill()
        except psutil.Error:
            continue  # it has ended by itself, or is somebody else's


if __name__ == "__main__":
    sys.exit(main())
