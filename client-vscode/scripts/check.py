"""What checks the extension without a VS Code: types, style and unit tests. `make check` and `make test` run this."""

from __future__ import annotations

from pathlib import Path

from cache import run, say
from node import install_packages, node_environment

EXTENSION = Path(__file__).resolve().parents[1]


def main() -> None:
    environment = node_environment()
    install_packages(EXTENSION)
    install_packages(EXTENSION / "e2e")
    say("types and style of the extension")
    run("npm", "run", "check", cwd=EXTENSION, env=environment)
    run("npm", "run", "check", cwd=EXTENSION / "e2e", env=environment)
    say("unit tests of the extension")
    run("npm", "test", cwd=EXTENSION, env=environment)


if __name__ == "__main__":
    main()
