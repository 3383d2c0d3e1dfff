#!/usr/bin/env python3
"""Mutates modules with cosmic-ray, runs the tests of their area on each mutant, and prints the mutants that survive.

    .venvs/mutants/bin/python .ci/mutants.py [--sample N] [--seed S] [--near] [PATH...]

Without paths it takes N mutants of watch/, protocol/ and service/ at random. A path is a module or a folder; all of its
mutants are taken unless --sample is given. The tests that import the module run first, then all of the area;
with --near only those that import it. Everything
happens in a copy of the tracked files.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

TOP = Path(__file__).resolve().parents[1]
PACKAGE = Path("server") / "reloadls"
AREAS = ("watch", "protocol", "service")
TIMEOUT_S = 900
POINTLESS = "_BitOr_"
"""Operators that mostly change annotations, which nothing reads."""


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--near", action="store_true")
    options = parser.parse_args()
    sample = options.sample or (None if options.paths else 100)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        copy_tracked(copy)
        sessions = [
            Session(copy, module, near=options.near)
            for module in modules(copy, options.paths or [PACKAGE / area for area in AREAS])
        ]
        choose(sessions, sample, options.seed)
        survivors = killed = 0
        for session in sessions:
            for result, where in session.run():
                if result.test_outcome == TestOutcome.SURVIVED:
                    survivors += 1
                    print(f"\n== survived: {where}\n{changed_lines(result.diff)}", flush=True)
                else:
                    killed += 1
        print(f"\n== {killed} mutants were killed, {survivors} survived")
    return 0


class Session:
    """One module's mutants."""

    def __init__(self, copy: Path, module: Path, *, near: bool) -> None:
        self.module = module
        self._copy = copy
        stem = str(module).replace("/", "-")
        self._config = copy.parent / f"{stem}.toml"
        self._database = copy.parent / f"{stem}.sqlite"
        command = json.dumps(test_command(copy, module, near=near))
        self._config.write_text(
            f"[cosmic-ray]\nmodule-path = {json.dumps(str(module))}\ntimeout = {TIMEOUT_S}\nexcluded-modules = []\n"
            f"test-command = {command}\n[cosmic-ray.distributor]\nname = 'local'\n"
        )
        self._cosmic_ray("init", self._config, self._database)
        with self._open() as database:
            self.jobs = [
                item.job_id
                for item in database.work_items
                if all(POINTLESS not in one.operator_name for one in item.mutations)
            ]

    def keep(self, jobs: set[str]) -> None:
        """Skip all others."""
        with self._open() as database:
            skipped = [item.job_id for item in database.work_items if item.job_id not in jobs]
            database.set_multiple_results(skipped, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
        self.jobs = [job for job in self.jobs if job in jobs]

    def run(self) -> Iterator[tuple[Any, str]]:
        """Each mutant's result, and where it is."""
        if not self.jobs:
            return
        print(f"== {self.module}: {len(self.jobs)} mutants", flush=True)
        self._cosmic_ray("baseline", self._config)  # or every mutant would seem to be killed
        self._cosmic_ray("exec", self._config, self._database)
        with self._open() as database:
            for item, result in database.completed_work_items:
                if result.worker_outcome == WorkerOutcome.NORMAL:
                    one = item.mutations[0]
                    yield result, f"{one.module_path}:{one.start_pos[0]} {one.operator_name.removeprefix('core/')}"

    def _cosmic_ray(self, command: str, *files: Path) -> None:
        path = os.pathsep.join([str(self._copy / "server"), str(self._copy)])
        subprocess.run(
            [Path(sys.executable).with_name("cosmic-ray"), command, *files],
            cwd=self._copy,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
        )

    def _open(self) -> Any:
        return use_db(str(self._database), WorkDB.Mode.open)


def copy_tracked(copy: Path) -> None:
    """The files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if (TOP / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, copy / name)


def modules(copy: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """The modules that `paths` mean, relative to the copy."""
    for path in paths:
        found = sorted((copy / path).rglob("*.py")) if (copy / path).is_dir() else [copy / path]
        yield from (one.relative_to(copy) for one in found if one.name != "__init__.py")


def test_command(copy: Path, module: Path, *, near: bool) -> str:
    """The tests that import the module, then all of its area unless `near`."""
    area = Path("tests") / module.relative_to(PACKAGE).parts[0]
    dotted = ".".join(module.relative_to("server").with_suffix("").parts)
    tests = sorted((copy / "tests").rglob("test_*.py"))
    tests_of_it = [str(path.relative_to(copy)) for path in tests if dotted in path.read_text()]
    pytest = [str(TOP / ".venv/bin/python"), "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-m", "not alone"]
    runs = [[*pytest, *tests_of_it]] if tests_of_it else []
    if not (near and runs):
        runs.append([*pytest, "-n", "2", str(area)])
    return shlex.join(["sh", "-c", " && ".join(map(shlex.join, runs))])


def choose(sessions: list[Session], sample: int | None, seed: int) -> None:
    """Keep `sample` mutants of all sessions, or all if it is None."""
    every = [job for session in sessions for job in session.jobs]
    kept = set(every if sample is None else random.Random(seed).sample(every, min(sample, len(every))))
    for session in sessions:
        session.keep(kept)


def changed_lines(diff: str | None) -> str:
    """What the mutant changed."""
    return "\n".join(line for line in (diff or "").splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---"))


if __name__ == "__main__":
    sys.exit(main())
