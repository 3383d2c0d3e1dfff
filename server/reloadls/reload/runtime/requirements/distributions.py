"""Which distributions are installed, what an installation changed, and how this process follows."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reloadls.reload.engine.regular_files import read_file
from reloadls.reload.runtime.endpoint.encode import from_uri, to_uri

from .demands import normal_name

__all__ = [
    "Distribution",
    "DistributionChange",
    "changes_between",
    "follow_installed",
    "imported",
    "installed",
    "pth_files",
]

_INFO: Final = (".dist-info", ".egg-info")
_MODULES: Final = (".py", ".so", ".pyd")


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution.

    Attributes:
        name: its normal name.
        version: its version.
        identity: differs if other files are installed, even under the same version.
        packages: the dotted names of its outermost packages and modules.
    """

    name: str
    version: str
    identity: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DistributionChange:
    """What an installation did to one distribution.

    Attributes:
        name: its normal name.
        before: the previous version; empty if it is new.
        now: the new version; empty if it was removed.
        packages: the dotted names of the packages and modules that it contained before.
        path: the file that demands it, or caused that.
        line: the line there.
    """

    name: str
    before: str
    now: str
    packages: tuple[str, ...] = ()
    path: str = ""
    line: int = 1

    def __str__(self) -> str:
        if not self.before:
            return f"{self.name} {self.now}"
        return f"{self.name} {self.before} → {self.now or 'removed'}"

    def to_wire(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "before": self.before,
            "now": self.now,
            "packages": list(self.packages),
            "uri": to_uri(self.path),
            "line": self.line,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> DistributionChange:
        """Return what `to_wire` encoded."""
        return cls(
            str(data["name"]),
            str(data["before"]),
            str(data["now"]),
            tuple(map(str, data["packages"])),
            from_uri(data["uri"]),
            int(data["line"]),
        )


def installed() -> dict[str, Distribution]:
    """Return the distributions in this interpreter's package folders, by name."""
    found: dict[str, Distribution] = {}
    for folder in _folders():
        with contextlib.suppress(OSError):
            for entry in sorted(os.listdir(folder)):
                stem, ending = os.path.splitext(entry)
                if ending in _INFO:
                    each = _distribution(folder, entry, stem)
                    found.setdefault(each.name, each)
    return found


def _folders() -> list[str]:
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *_user_folder()]
    return list(dict.fromkeys(folders))


def _user_folder() -> Iterator[str]:
    if site.ENABLE_USER_SITE:
        with contextlib.suppress(AttributeError):
            yield site.getusersitepackages()


def _distribution(folder: str, entry: str, stem: str) -> Distribution:
    name, _, version = stem.partition("-")
    parts = [_read(os.path.join(folder, entry, each)) for each in ("RECORD", "direct_url.json")]
    digest = hashlib.sha256(b"\0".join(part or b"" for part in parts)).hexdigest()
    # RECORD lists compiled files only if pip compiled them: they say nothing about the code
    listed = [line.split(",")[0].strip('"') for line in (parts[0] or b"").decode("utf-8", "replace").splitlines()]
    return Distribution(normal_name(name), version.partition("-")[0], digest, tuple(_packages(listed)))


def _packages(paths: list[str]) -> list[str]:
    """Return the outermost packages and modules among installed files, whose paths are relative."""
    regular = {path.rpartition("/")[0] for path in paths if path.endswith("/__init__.py")}
    found: dict[str, None] = {}
    for path in paths:
        stem, ending = os.path.splitext(path)
        if ending not in _MODULES or path.startswith(("../", "/")):
            continue
        folders = path.split("/")[:-1]
        package = next((each for each in _prefixes(folders) if each in regular), None)
        module = package or stem.split(".")[0].removesuffix("/__init__")
        found[module.replace("/", ".")] = None
    return list(found)


def _prefixes(folders: list[str]) -> Iterator[str]:
    for count in range(1, len(folders) + 1):
        yield "/".join(folders[:count])


def _read(path: str) -> bytes | None:
    try:
        return read_file(path)
    except OSError:
        return None


def changes_between(before: Mapping[str, Distribution], now: Mapping[str, Distribution]) -> list[DistributionChange]:
    """Return what differs, by name."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if (old and old.identity) != (new and new.identity) or (old and old.version) != (new and new.version):
            packages = old.packages if old is not None else ()
            found.append(DistributionChange(name, old.version if old else "", new.version if new else "", packages))
    return found


def imported(changes: Iterable[DistributionChange]) -> list[DistributionChange]:
    """Return the changed distributions of which this process has imported something."""
    names = list(sys.modules)
    return [
        each
        for each in changes
        if each.before and any(name == part or name.startswith(part + ".") for part in each.packages for name in names)
    ]


def follow_installed(pth: Iterable[str]) -> None:
    """Make newly installed modules importable in this process, as they would be after a start.

    Args:
        pth: the new `.pth` files.
    """
    importlib.invalidate_caches()
    known = {os.path.normcase(os.path.abspath(entry)) for entry in sys.path}
    for folder in _folders():
        if not os.path.isdir(folder):
            continue
        sys.path_importer_cache.pop(folder, None)
        if os.path.normcase(os.path.abspath(folder)) not in known:  # it was created by this installation
            site.addsitedir(folder, known)
            continue
        for path in pth:
            if os.path.dirname(path) == folder:
                site.addpackage(folder, os.path.basename(path), known)


def pth_files() -> set[str]:
    """Return the `.pth` files of the package folders; each line of one was executed when the interpreter started."""
    found: set[str] = set()
    for folder in _folders():
        with contextlib.suppress(OSError):
            found.update(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".pth"))
    return found
