"""Install changed requirements: one second after the last change, once for all processes of the program."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from reloadls.base.folders import private_folder, runtime_folder
from reloadls.base.worker_thread import Worker
from reloadls.reload.report import ReloadReport
from reloadls.reload.runtime.endpoint.encode import from_uri, to_uri

from .demands import Demand, InvalidFile
from .distributions import DistributionChange, changes_between, installed, pth_files
from .files import Changed, FileDemands, demands_of, difference, is_requirement_file, read_files
from .installer import CantInstall, Installer, choose, given
from .output import cause, reason, redacted
from .report import failed_report, installed_report, unchanged_report
from .running import RunningInstaller

if TYPE_CHECKING:
    from reloadls.watch.change import FileChange

__all__ = ["RequirementsSync", "Synced"]

_QUIET_S: Final = 1.0
"""How long no requirement file must have changed, in seconds."""
_PROGRESS_S: Final = 5.0
"""After how long an installer's last line is printed, and how often, in seconds."""

_log = logging.getLogger("reloadls.requirements")


@dataclass(frozen=True, slots=True)
class Synced:
    """What an installation changed.

    Attributes:
        changes: the distributions.
        pth: the new `.pth` files.
    """

    changes: tuple[DistributionChange, ...]
    pth: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """Return it as JSON values."""
        changes = [each.to_wire() for each in self.changes]
        return {"changes": changes, "pth": list(map(to_uri, self.pth))}

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Synced:
        """Return what `to_wire` encoded."""
        changes = tuple(map(DistributionChange.from_wire, data["changes"]))
        return cls(changes, tuple(map(from_uri, data["pth"])))


@dataclass
class _Result:
    report: ReloadReport | None = None
    synced: Synced | None = None
    lines: list[tuple[str, str]] = field(default_factory=list)
    """What to print."""


class RequirementsSync:
    """Installs what the requirement files in some folders demand, whenever that changes.

    Args:
        roots: the folders.
        command: the installer's command line; empty to choose uv or pip.
        say: prints one line, given its first word and its text. Called on any thread.
    """

    def __init__(self, roots: Iterable[str], command: str, say: Callable[[str, str], None]) -> None:
        self._roots = tuple(roots)
        self._command = command
        self._say = say
        self._contents = read_files(self._roots)
        """At the start, before the program's own code runs."""
        self._known: dict[str, FileDemands] | None = None
        """What each file demanded when it was installed last."""
        self._has_failed = False
        self._wake = asyncio.Event()
        self._last_change = 0.0
        self._running = RunningInstaller(self._on_line)
        self._command_line = ""
        self._printed_at = 0.0

    def followed(self) -> tuple[str, ...]:
        """Return the files whose changes count."""
        return tuple(self._contents)

    def on_changes(self, changes: Iterable[FileChange]) -> None:
        """Note changed files; called on the event loop."""
        for change in changes:
            path = os.fspath(change.path)
            if path in self._contents or is_requirement_file(path, self._roots):
                self._last_change = time.monotonic()
                self._wake.set()

    async def run(
        self,
        on_report: Callable[[ReloadReport], None],
        on_synced: Callable[[Synced], object],
        is_paused: Callable[[], bool],
    ) -> None:
        """Work until cancelled; then the installer is ended.

        Args:
            on_report: receives what was installed, or failed.
            on_synced: called when distributions have changed.
            is_paused: whether to wait.
        """
        worker = Worker("reloadls-requirements")
        try:
            while True:
                await self._wake.wait()
                while (wait := self._quiet_in()) > 0 or is_paused():  # noqa: ASYNC110 - most often it sleeps once
                    await asyncio.sleep(max(wait, 0.1))
                self._wake.clear()
                result = await worker.run(self._look)
                for line in result.lines:
                    self._say(*line)
                if result.synced is not None:
                    on_synced(result.synced)
                if result.report is not None:
                    on_report(result.report)
        finally:
            self._running.stop()
            worker.abandon()

    def forget(self) -> None:
        """In a forked child: the installer is the parent's. Thread-safe."""
        self._running.forget()

    def _quiet_in(self) -> float:
        """Return in how many seconds the files have not changed for long enough."""
        return self._last_change + _QUIET_S - time.monotonic()

    # -- on the thread

    def _look(self) -> _Result:
        if self._known is None:
            self._known = demands_of(self._contents, self._roots)
        self._contents = read_files(self._roots)
        now = demands_of(self._contents, self._roots)
        changed = difference(self._known, now)
        wanted = [each for each in changed if each.added]
        result = _Result()
        broken = next((each for each in changed if each.now.error), None)
        if broken is not None:
            place = (broken.now.error_path, broken.now.error_line)
            result.report = self._failed(broken.now.error, place, (), 0.0, kind="InvalidRequirements")
        elif wanted:
            self._install(wanted, changed, result)
        elif self._has_failed:  # the files are as they were before the edit that failed
            self._has_failed = False
            result.report = unchanged_report()
        if result.report is None or result.report.status != "failed":
            self._known = now
            result.lines += _removed_lines(changed)
        return result

    def _install(self, wanted: Sequence[Changed], changed: Sequence[Changed], result: _Result) -> None:
        began = time.monotonic()
        first = wanted[0].added[0]
        place = (first.path, first.line)
        try:
            installer = given(self._command) if self._command else choose()
        except (CantInstall, ValueError) as error:
            result.report = self._failed(str(error), place, (), 0.0)
            return
        with _only_one(), _scratch() as scratch:
            before, known_pth = installed(), pth_files()
            try:
                status, lines = self._run(installer, wanted, scratch)
            except InvalidFile as error:
                result.report = self._failed(str(error), (wanted[0].path, error.line), (), 0.0)
                return
            took = time.monotonic() - began
            changes = tuple(changes_between(before, installed()))
            pth = tuple(sorted(pth_files() - known_pth))
        if status != 0:
            demands = [demand for each in wanted for demand in each.now.demands]
            added = [demand for each in wanted for demand in each.added]
            where = cause(lines, demands, added, dict(self._contents)) or place
            message = f"{installer.name}: {reason(lines, status)}"
            result.report = self._failed(message, where, lines, took)
        else:
            self._has_failed = False
            result.report = installed_report(wanted[0].path, changes, took)
        if changes:  # also of an installation that failed half-way
            by_name = {demand.name: demand for each in wanted for demand in each.now.demands}
            causes = [by_name.get(each.name, first) for each in changes]
            placed = [
                replace(each, path=demand.path, line=demand.line) for each, demand in zip(changes, causes, strict=True)
            ]
            result.synced = Synced(tuple(placed), pth)

    def _run(self, installer: Installer, wanted: Sequence[Changed], scratch: str) -> tuple[int, list[str]]:
        lines: list[str] = []
        names = ", ".join(os.path.basename(each.path) for each in wanted)
        for step in installer.steps(wanted, scratch):
            self._command_line = redacted(" ".join(step.args))
            self._say("installing", f"{names}: {os.path.basename(step.args[0])} …")
            _log.info("running %s", self._command_line)
            self._printed_at = time.monotonic()
            status, output = self._running.run(step, installer.environment())
            lines += output
            if status != 0:
                return status, lines
        return 0, lines

    def _on_line(self, line: str) -> None:
        _log.info("%s", line)
        if time.monotonic() - self._printed_at > _PROGRESS_S:
            self._printed_at = time.monotonic()
            self._say("installing", line)

    def _failed(
        self, message: str, place: tuple[str, int], lines: Sequence[str], took: float, *, kind: str = ""
    ) -> ReloadReport:
        self._has_failed = True
        return failed_report(redacted(message), place, lines, took, kind=kind or "RequirementsNotInstalled")


def _removed_lines(changed: Iterable[Changed]) -> list[tuple[str, str]]:
    """Return a line for the distributions that no changed file demands any more."""
    removed: dict[str, Demand] = {each.name: each for part in changed for each in part.removed if each.name}
    wanted = {each.name for part in changed for each in part.now.demands}
    names = [name for name in removed if name not in wanted]
    if not names:
        return []
    path = os.path.basename(removed[names[0]].path)
    return [("reloadls", f"{path} no longer demands {', '.join(names)}; what is installed stays installed")]


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Wait until no other program installs into this environment."""
    key = hashlib.sha256(sys.prefix.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path = os.path.join(private_folder(runtime_folder()), f"install-{key}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)  # not flock: a process that is forked meanwhile would keep it
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="reloadls-")  # mode 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
