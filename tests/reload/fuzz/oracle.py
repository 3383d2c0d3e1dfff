"""A process that starts programs from scratch, again and again, and says what they are; no engine is in it."""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

from tests.reload.fuzz.observe import forget_environment, observed

__all__ = ["Answer", "fresh_start"]

REPOSITORY = Path(__file__).parents[3]
PACKAGE = "twins"
"""The folder of a program's files: its parent is on `sys.path`, too, so a file in it can be two modules."""

Answer = dict[str, str] | str
"""What a program is; or the type of the exception that its start ends with."""


@functools.cache
def _process() -> subprocess.Popen[str]:
    """One for this process and those that it forks, which ask one after another."""
    return subprocess.Popen(
        [sys.executable, "-B", "-W", "ignore", "-m", "tests.reload.fuzz.oracle"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
    )


def fresh_start(folder: str, modules: tuple[str, ...]) -> Answer:
    """What a program started now is."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([folder, modules]) + "\n")
    process.stdin.flush()
    answer: Answer = json.loads(process.stdout.readline())
    return answer


def started(folder: str, modules: list[str]) -> Answer:
    places = [os.path.join(folder, PACKAGE), folder]
    main = sys.modules["__main__"]
    for module in (*modules, PACKAGE):
        sys.modules.pop(module, None)
    forget_environment()
    importlib.invalidate_caches()
    sys.path[:0] = places
    try:
        for module in modules:
            if module == "__main__":
                run_script(os.path.join(places[0], "script.py"))
            else:
                importlib.import_module(module)
        return observed(modules)
    except BaseException as error:
        return type(error).__name__
    finally:
        sys.modules["__main__"] = main
        del sys.path[: len(places)]


def run_script(path: str) -> None:
    """Run a script, but not the statement in which it goes on."""
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(module).update(__file__=path, running=lambda: None)
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), vars(module))
    del vars(module)["running"]


def main() -> None:
    for line in sys.stdin:
        arguments: Any = json.loads(line)
        print(json.dumps(started(*arguments)), flush=True)


if __name__ == "__main__":
    main()
