"""What the repository says of itself is true: its make targets, its CI, its pinned versions."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))


def test_make_help_names_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    named = re.findall(r"^make (\S+) +\S", done.stdout, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert sorted(named) == sorted(TARGETS) == sorted(phony[1].split())


def test_every_target_that_a_text_names_exists() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/**/*.*"), ROOT / ".ci" / "run"]
    found = set()
    for path in texts:
        for line in re.findall(r"(?:`|run: |^)make ((?:[a-z][\w-]* ?)+)", path.read_text("utf-8"), re.MULTILINE):
            found |= {(path.name, target) for target in line.split()}
    assert len(found) > 20
    assert {one for one in found if one[1] not in TARGETS} == set()


def test_the_pinned_versions_are_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = (ROOT / ".ci" / "constraints.txt").read_text("utf-8").splitlines()[1:]
    pinned = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    groups = [line for group in project["dependency-groups"].values() for line in group if isinstance(line, str)]
    for text in [*project["project"]["dependencies"], *groups]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate():
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


def test_every_path_that_contributors_are_shown_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = set(re.findall(r"`((?:\.?[\w-]+/)+[\w.-]*)`", text)) - {"path/of/a_module.py"}
    assert len(paths) > 25
    assert [
        path for path in paths if not any((top / path).exists() for top in (ROOT, ROOT / "server" / "reloadls"))
    ] == []
