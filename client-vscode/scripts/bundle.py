"""How the server gets into the extension: a wheel of it and of all its dependencies, in one folder for one platform.

The folder must work with every Python that reloadls supports, not only the one that fills it. So each compiled part
must use the stable ABI, and dependencies of only some versions of Python must be included too. Wheels of another
platform are downloaded by its name.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from cache import run
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["PLATFORMS", "Platform", "make_bundle"]


@dataclass(frozen=True)
class Platform:
    """A platform that the extension is packed for.

    Attributes:
        tags: of its wheels, the preferred one first.
        markers: what a requirement's condition sees there.
    """

    tags: tuple[str, ...]
    markers: dict[str, str]


_LINUX: Final = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
_MACOS: Final = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}
_WINDOWS: Final = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
PLATFORMS: Final = {
    "linux-x64": Platform(("manylinux_2_17_x86_64", "manylinux2014_x86_64"), _LINUX),
    "linux-arm64": Platform(("manylinux_2_17_aarch64", "manylinux2014_aarch64"), _LINUX),
    "alpine-x64": Platform(("musllinux_1_1_x86_64",), _LINUX),
    "alpine-arm64": Platform(("musllinux_1_1_aarch64",), _LINUX),
    "darwin-x64": Platform(("macosx_10_12_x86_64",), _MACOS),
    "darwin-arm64": Platform(("macosx_11_0_arm64",), _MACOS),
    "win32-x64": Platform(("win_amd64",), _WINDOWS),
    "win32-arm64": Platform(("win_arm64",), _WINDOWS),
}
"""By the names of VS Code's marketplace."""

_PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
_NOTICES: Final = "THIRD_PARTY_NOTICES.txt"
_CONSTRAINTS: Final = (
    "watchfiles>=1",  # 0.0.0a1 is a stub without its native part, and all that a pure-Python build would get
    "typer<0.29",  # from there on it needs pydantic, whose compiled part is for one version of Python each
)


def make_bundle(project: Path, libs: Path, platform: Platform) -> None:
    """Fill `libs`, which is replaced, with reloadls from `project` and its dependencies for `platform`.

    Raises:
        SystemExit: something has a compiled part for one version of Python only.
    """
    with tempfile.TemporaryDirectory(dir=libs.parent) as folder:
        work = Path(folder)
        (work / "constraints.txt").write_text("\n".join(_CONSTRAINTS), encoding="utf-8")
        _pip("wheel", "--no-deps", "--wheel-dir", work, project)
        (wheel,) = work.glob("reloadls-*.whl")
        wanted = [os.fspath(wheel)]
        while True:
            fresh = work / "libs"
            shutil.rmtree(fresh, ignore_errors=True)
            binary: list[str | Path] = ["--only-binary=:all:", "--no-compile", "--target", fresh]
            binary += ["--implementation", "cp", "--python-version", _PYTHONS[0]]
            binary += [word for tag in platform.tags for word in ("--platform", tag)]
            _pip("install", *binary, "--constraint", work / "constraints.txt", *wanted)
            if not (missing := sorted(set(_missing(fresh, platform.markers)))):
                break
            wanted += missing
        _check_compiled(fresh)
        for record in fresh.glob("*.dist-info/direct_url.json"):
            record.unlink()  # names the folder of whoever builds it
        shutil.rmtree(fresh / "bin", ignore_errors=True)  # commands that name the Python that filled this folder
        (fresh / _NOTICES).write_text("\n".join(_notices(fresh)), encoding="utf-8")
        shutil.rmtree(libs, ignore_errors=True)
        fresh.rename(libs)


def _pip(command: str, *arguments: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", command, "-q", *arguments)


def _missing(libs: Path, markers: dict[str, str]) -> Iterator[str]:
    """What some supported Python needs there and does not find: pip evaluates conditions for the one that runs it."""
    there = {canonicalize_name(dist.name): dist for dist in distributions(path=[os.fspath(libs)])}
    for dist in there.values():
        for text in dist.requires or ():
            requirement = Requirement(text)
            if _needed(requirement, markers) and canonicalize_name(requirement.name) not in there:
                yield f"{requirement.name}{requirement.specifier}"


def _needed(requirement: Requirement, markers: dict[str, str]) -> bool:
    marker = requirement.marker
    environments = ({**markers, "python_version": python, "python_full_version": f"{python}.0"} for python in _PYTHONS)
    return marker is None or any(marker.evaluate({"extra": "", **environment}) for environment in environments)


def _check_compiled(libs: Path) -> None:
    """Refuse what would be missing for another Python than the one that filled the folder."""
    for dist in distributions(path=[os.fspath(libs)]):
        if bad := [name for name in _compiled(dist) if re.search(r"\.(cpython-|cp)3\d+", name)]:
            raise SystemExit(
                f"{dist.name} {dist.version} has a part for one version of Python only: {bad[0]}; "
                f"hold it back in {Path(__file__).name}, or do without it"
            )
    if not list((libs / "watchfiles").glob("_rust_notify*")):
        raise SystemExit("the bundle's watchfiles has no native part")


def _notices(libs: Path) -> Iterator[str]:
    """Each bundled package but our own, with its licence as it was published."""
    yield "The reloadls extension includes these packages, each under its own licence.\n"
    for dist in sorted(distributions(path=[os.fspath(libs)]), key=lambda dist: dist.name.lower()):
        if dist.name == "reloadls":
            continue
        texts = [
            file
            for file in dist.files or ()
            if _LICENCE.match(file.name) and file.suffix in {"", ".txt", ".md", ".rst"}
        ]
        named = dist.metadata.get("License-Expression") or dist.metadata.get("License") or ""
        if not texts and not named:
            raise SystemExit(f"{dist.name} {dist.version} does not say what its licence is")
        yield f"{'=' * 80}\n{dist.name} {dist.version}\n{named.strip()}\n"
        yield from (file.read_text(encoding="utf-8") for file in texts)


_LICENCE: Final = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)


def _compiled(dist: Distribution) -> Iterable[str]:
    return [file.name for file in dist.files or () if file.suffix in {".so", ".pyd", ".dylib"}]
