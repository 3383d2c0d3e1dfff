"""The engine's public class, `HotReloader`: applies changed files to this process."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import invalidate_caches
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from reloadls.base.live_sessions import live_sessions
from reloadls.base.pins import HeldBack, session_pins
from reloadls.base.timestamps import utc_text

from .engine.adapting import Adapter, Adapters
from .engine.program.importing import Finder, LateModules, adopt_loaded, follow_loaders, forget_loaders, run_main
from .engine.program.modules import Modules

if TYPE_CHECKING:
    from reloadls.reload.report import ModuleReport, ModuleStatus, ReloadReport
    from reloadls.watch import FileChange

    from .engine.objects.functions import Functions
    from .engine.objects.running import Noted
    from .engine.pinned.versions import Versions
    from .engine.transaction.attempt import Attempt

__all__ = ["HotReloader"]

_log = logging.getLogger(__name__)
_LOADING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Pending:
    """Why a file is not live yet."""

    status: ModuleStatus
    why: str


class HotReloader:
    """Applies edits of the program's own files to this process.

    It covers every module under `roots`, both those already imported and those imported later.

    Args:
        roots: folders with the program's own code. Installed packages below them are ignored.
        on_report: called with each report, on the thread that applied the batch.
        commit: runs the single step that changes the program. It receives a function, must call it exactly once at a
            moment that is safe for the program, and return afterwards. By default the step runs immediately. The step
            raises `reloadls.base.pins.HeldBack`, and has changed nothing, while it must wait for pinned
            sessions; it is then called again.
        adapters: the adapters for libraries; by default all of them.
        follow: also reload modules outside of `roots`, unless they are installed.
    """

    def __init__(
        self,
        roots: Iterable[str | os.PathLike[str]],
        *,
        on_report: Callable[[ReloadReport], None] | None = None,
        commit: Callable[[Callable[[], None]], None] | None = None,
        adapters: Iterable[Adapter] | None = None,
        follow: bool = False,
    ) -> None:
        self.roots: tuple[str, ...] = tuple(os.path.realpath(os.fspath(root)) for root in roots)
        self._on_report = on_report
        self._commit = commit
        self._adapters = Adapters(_all_adapters() if adapters is None else adapters)
        self._modules = Modules(self.roots, follow=follow)
        self._modules.module_behind = self._adapters.module_behind
        self._modules.makes_values = self._adapters.makes_values
        self._modules.reads_class = self._adapters.reads_class
        self._modules.stores = self._adapters.stores
        self._lock = threading.RLock()
        self._functions: Functions | None = None
        self._versions: Versions | None = None
        self._pending: dict[str, _Pending] = {}
        """The files whose edits could not be applied, by path."""
        self._created: set[str] = set()
        """The new files of the last batch."""
        self._still_running: list[Noted] = []
        """Old code that was still running when the last commit ended."""
        self._failed_batches: list[frozenset[str]] = []
        """Groups of files that failed in one batch."""
        adopt_loaded(self._modules)
        self._late = LateModules(self._modules)
        self._finder = Finder(self._modules)
        sys.meta_path.insert(0, self._finder)
        follow_loaders(self._modules)

    def close(self) -> None:
        """Remove the import hooks. Edits that were applied stay. Idempotent."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            forget_loaders(self._modules)
            self._adapters.close()
            if self._versions is not None:
                self._versions.close()

    def loaded_paths(self) -> tuple[str, ...]:
        """Return the files of all the program's modules, and the files that their statements have read."""
        paths: dict[str, None] = {}
        for module in self._modules:
            paths[module.path] = None
            paths.update(dict.fromkeys(path for path in module.files_read() if os.path.lexists(path)))
        return tuple(paths)

    def reads(self, path: str) -> bool:
        """Return whether statements of the program have read a file, so that they run again when it changes."""
        return any(path in module.files_read() for module in self._modules)

    def adopt_late(self) -> None:
        """Follow what was run past the import system since the last call, such as a script under `coverage run`."""
        with self._lock:
            self._late.adopt()

    def survey(self) -> tuple[int, list[tuple[str, str]]]:
        """Return how many files are reloaded when edited, and (path, reason) for each loaded file that is not."""
        return self._modules.survey()

    def warm_up(self) -> None:
        """Import what the first `apply` needs, so that it takes no longer than later ones."""
        from .engine.transaction import attempt, failures  # noqa: F401, PLC0415

    def run_path(self, path: str | os.PathLike[str]) -> None:
        """Run a script as `__main__`.

        Args:
            path: the script; a relative path is resolved against the working directory.

        Raises:
            OSError: the file can't be read.
            SyntaxError: the file can't be compiled.
            BaseException: what the script raises.
        """
        run_main(self._modules, _absolute(os.fspath(path)))

    def run_module(self, name: str) -> None:
        """Run a module as `__main__`, like `python -m`.

        Args:
            name: the dotted name.

        Raises:
            ImportError: the module does not exist.
            BaseException: what the module raises.
        """
        run_main(self._modules, None, name)

    def run_again(self, path: str | None, name: str | None, called: str) -> ModuleType | None:
        """Run in this process what is `__main__` in the process that spawned it.

        Args:
            path: the path of the script.
            name: the dotted name of the module, if `path` is None.
            called: the name for the module in this process, such as `__mp_main__`.

        Returns:
            The module; None, without running anything, if the code is installed.
        """
        spec = find_spec(name) if name is not None else None
        origin = path if spec is None else spec.origin
        if origin is None or not origin.endswith(".py") or not self._modules.covers(os.path.realpath(origin)):
            return None
        return run_main(self._modules, path, name, called=called)

    def apply(self, changes: Iterable[FileChange]) -> ReloadReport:
        """Apply changed files; one call at a time, concurrent calls wait.

        Errors in the user's code do not raise; the report contains them.

        Args:
            changes: the changes, as `FileWatcher` reports them.

        Returns:
            What was applied, what failed and why.
        """
        found = list(changes)
        renamed = {
            os.path.realpath(each.path): os.path.realpath(each.renamed_from)
            for each in found
            if each.renamed_from is not None
        }
        self._created = {os.path.realpath(each.path) for each in found if each.change_type == "created"}
        return self._apply([os.path.realpath(each.path) for each in found], renamed=renamed)

    def trigger(self, paths: Iterable[str | os.PathLike[str]] | None = None) -> ReloadReport:
        """Reload files now.

        Args:
            paths: reload these files whether or not they changed: rerun the statements of an unchanged file, except its
                functions, classes and imports. None reloads all files that differ from what is running.

        Returns:
            What was applied, what failed and why.
        """
        if paths is None:
            return self._apply(list(self.loaded_paths()), renamed={})
        found = [os.path.realpath(os.fspath(path)) for path in paths]
        return self._apply(found, renamed={}, force=True)

    def retry(self) -> ReloadReport:
        """Try again the files whose edits failed: something else has changed that they need.

        Returns:
            What was applied, what failed and why.
        """
        return self._apply([path for path, why in self._pending.items() if why.status == "rolledBack"], renamed={})

    def without_ended(self, report: ReloadReport) -> ReloadReport:
        """Return `report` without the notes about old code that has ended since."""
        if not self._still_running:
            return report
        from .engine.objects.running import ended  # noqa: PLC0415

        gone = ended(self._still_running)
        return replace(report, notes=tuple(note for note in report.notes if note not in gone))

    def _apply(self, paths: list[str], *, renamed: dict[str, str], force: bool = False) -> ReloadReport:
        began = time.perf_counter()
        with self._lock:
            self._modules.wait_until_loaded(lambda module: module.path not in paths, _LOADING_SECONDS)
            invalidate_caches()
            report = self._attempt(list(dict.fromkeys(paths)), renamed, force)
            report = replace(report, at=utc_text(), duration_ms=round((time.perf_counter() - began) * 1000, 3))
        report = _with_sessions(report)
        self._report(report)
        return report

    def _attempt(self, paths: list[str], renamed: dict[str, str], force: bool) -> ReloadReport:
        # Imported on the first edit; a program that is never edited does not pay for it.
        from .engine.objects.functions import Functions  # noqa: PLC0415
        from .engine.pinned.versions import Versions  # noqa: PLC0415

        self._functions = self._functions or Functions()
        self._versions = self._versions or Versions()
        attempt = self._new_attempt(self._functions, self._versions)
        again = self._due_again(attempt, paths)
        report = self._try(attempt, [*paths, *again], renamed, force)
        if again and report.status in ("failed", "restartRequired"):
            # A file that still fails does not block edits of others.
            alone = self._try(self._new_attempt(self._functions, self._versions), paths, renamed, force)
            if alone.status in ("reloaded", "unchanged"):
                return alone
            # A restart would fail with this error, so that is the report; its modules say why a restart is needed.
            known = {each.path for each in alone.modules}
            others = [each for each in report.modules if each.path not in known]
            return replace(report, modules=(*alone.modules, *others)) if alone.status == "restartRequired" else report
        return report

    def _new_attempt(self, functions: Functions, versions: Versions) -> Attempt:
        from .engine.transaction.attempt import Attempt  # noqa: PLC0415 - as in `_attempt`

        return Attempt(self._modules, functions, versions, self._adapters, self._created)

    def _make_live(self, attempt: Attempt) -> None:
        """Commit, as soon as no pinned session is in the way."""
        waits = self._commit is not None or not _runs_event_loop()  # the loop that sessions live on can't wait for them

        def step() -> None:
            with session_pins.lock:
                if waits and (sessions := attempt.held_back_by()):
                    raise HeldBack(sessions)
                attempt.commit()

        (self._commit or _commit_now)(step)

    def _try(self, attempt: Attempt, paths: list[str], renamed: dict[str, str], force: bool) -> ReloadReport:
        try:
            attempt.prepare(paths, renamed, force=force)
            if not attempt.refused:
                self._make_live(attempt)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # including SystemExit: a reload must not end the program
            from .engine.transaction.failures import describe  # noqa: PLC0415

            failure = describe(error, self._modules)
            self._retry_later(
                paths, lambda _: _Pending("rolledBack", f"{failure.type}: {failure.message}"), _missing(error)
            )
            return replace(attempt.report("failed"), error=failure)
        if attempt.refused:
            why = {each.path: each.why for each in attempt.refused}
            alone = "changed together with a file that can't be applied live"
            self._retry_later(paths, lambda path: _Pending("restartRequired", why.get(path, alone)))
            return attempt.report("restartRequired")
        self._still_running = attempt.still_running
        for path in paths:
            self._pending.pop(path, None)
        report = attempt.report("reloaded" if attempt.did_something else "unchanged")
        return replace(report, modules=(*report.modules, *self._still_pending()))

    def _due_again(self, attempt: Attempt, paths: list[str]) -> list[str]:
        """Return the files to retry: those that import what changed, and all of a failed batch with one of them."""
        found = {*paths, *attempt.related(self._pending, paths)}
        batches = [batch for batch in self._failed_batches if not batch.isdisjoint(found)]
        found.update(path for batch in batches for path in batch if path in self._pending)
        self._failed_batches = [batch for batch in self._failed_batches if batch not in batches]
        return sorted(found - set(paths))

    def _retry_later(self, paths: Iterable[str], why: Callable[[str], _Pending], also: Iterable[str] = ()) -> None:
        failed = [path for path in paths if self._modules.covers(path)]
        self._pending.update({path: why(path) for path in failed})
        self._failed_batches.append(frozenset((*failed, *also)))

    def _still_pending(self) -> list[ModuleReport]:
        found = []
        for path, pending in list(self._pending.items()):
            module = self._modules.at(path)
            if module is not None:
                reason = f"as before: {pending.why}"
                from reloadls.reload.report import ModuleReport  # noqa: PLC0415

                found.append(ModuleReport(name=module.name, path=path, status=pending.status, reason=reason))
        return found

    def _report(self, report: ReloadReport) -> None:
        from reloadls.reload.hooks import notify  # noqa: PLC0415 - hooks imports the engine

        if report.status == "reloaded":
            notify(report)
        if self._on_report is not None:
            try:
                self._on_report(report)
            except Exception:
                _log.exception("on_report callback failed")


def _with_sessions(report: ReloadReport) -> ReloadReport:
    """Have live sessions follow; the report says how many did."""
    from .report import SessionCounts  # noqa: PLC0415 - as in `_attempt`

    counts = live_sessions.rebind(report)
    found = SessionCounts(rebound=counts.rebound, pinned=counts.pinned, failed=counts.failed)
    return replace(report, sessions=found)


def _missing(error: BaseException) -> tuple[str, ...]:
    """Return the missing file that caused the failure; the batch is retried when it appears."""
    name = error.filename if isinstance(error, FileNotFoundError) else None
    return (os.path.realpath(name),) if isinstance(name, str) else ()


def _commit_now(step: Callable[[], None]) -> None:
    while True:
        try:
            step()
            return
        except HeldBack as held:
            session_pins.announce_wait(held.sessions)
            session_pins.wait(held.sessions)


def _runs_event_loop() -> bool:
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


def _all_adapters() -> Iterable[Adapter]:
    from reloadls.reload.adapters import adapters  # noqa: PLC0415 - adapters import the engine

    return adapters()


def _absolute(path: str) -> str:
    """Return `path` made absolute; an absolute path works even if the working directory was deleted."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
