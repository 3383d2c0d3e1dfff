"""A process that starts the program from scratch, again and again, and says what it is; no engine is in it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.reload.fuzz.observe import observed

__all__ = ["Oracle"]

REPOSITORY = Path(__file__).parents[3]


class Oracle:
    """The process, seen from the test."""

    def __init__(self, folder: str, modules: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-W", "ignore", "-m", "tests.reload.fuzz.oracle", folder, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
        )

    def ask(self) -> dict[str, str] | str:
        """What a program started now is; or the type of the exception that its start ends with."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, str] | str = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()


def started(modules: list[str]) -> dict[str, str] | str:
    for module in modules:
        sys.modules.pop(module, None)
    importlib.invalidate_caches()
    try:
        for module in modules:
            importlib.import_module(module)
    except BaseException as error:
        return type(error).__name__
    return observed(modules)


def main(folder: str, *modules: str) -> None:
    sys.path.insert(0, folder)
    for _ in sys.stdin:
        print(json.dumps(started(list(modules))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
